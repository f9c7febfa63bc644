"""Test `scanmend setup aspose` with the real Aspose.OCR, which has no licence here."""

from pathlib import Path

import pytest

from openssl import openssl_folder
from scanmend.cli.main import main
from scanmend.config.loading import load_settings
from scanmend.errors import EngineUnusable, UsageError

FILE = """\
base: .
aspose:
  # of the office
  library_path: {library}
"""


@pytest.fixture(scope="module")
def library() -> str:
    return openssl_folder()


@pytest.fixture
def config(tmp_path: Path, library: str) -> Path:
    path = tmp_path / "scanmend.yaml"
    path.write_text(FILE.format(library=library))
    return path


def _setup(config: Path, *arguments: str) -> int:
    return main(["--config", str(config), "setup", "aspose", *arguments])


def test_an_evaluation_reads_a_page_and_writes_the_keys(
    config: Path, library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _setup(config, "--evaluation") == 0

    printed = capsys.readouterr().out
    assert f"OpenSSL 1.1: {library}" in printed
    assert "WITHOUT A LICENCE" in printed
    assert "Harrow" in printed  # of the sample page
    assert "TRUNCATED" in printed
    aspose = load_settings(str(config)).aspose
    assert (aspose.allow_evaluation, aspose.library_path) == (True, library)
    assert "# of the office" in config.read_text()


def test_openssl_is_downloaded_where_the_state_is(tmp_path: Path, library: str) -> None:
    """Find an earlier download in the state folder; the download itself runs in the fixture."""
    (tmp_path / "var" / "state").mkdir(parents=True)
    (tmp_path / "var" / "state" / "openssl11").symlink_to(library)
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\n")

    assert _setup(config, "--evaluation") == 0

    found = load_settings(str(config)).aspose.library_path
    assert found in (None, str(tmp_path / "var" / "state" / "openssl11"))


def test_a_licence_that_is_refused_changes_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Aspose.lic").write_text("<License>no</License>")
    before = config.read_text()

    assert _setup(config, "--licence", str(tmp_path / "Aspose.lic")) == EngineUnusable.exit_code

    assert "Aspose.lic is not accepted" in capsys.readouterr().err
    assert config.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "name it with --licence FILE"), (["--licence", "/none.lic"], "/none.lic: no such file")],
)
def test_a_missing_licence_is_a_mistake_in_the_command(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert _setup(config, *arguments) == UsageError.exit_code

    assert message in capsys.readouterr().err
