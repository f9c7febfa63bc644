"""Test which files `scanmend retry` puts back into the inbox, and which ones stay."""

from pathlib import Path

import pytest

from scanmend.cli.main import main
from scanmend.cli.retry import put_back
from scanmend.config.settings import FoldersSettings
from scanmend.errors import UsageError


@pytest.fixture
def folders(tmp_path: Path) -> FoldersSettings:
    for name in ("inbox", "failed/desk", "failed/hall"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a.pdf", "desk/b.pdf", "hall/b.pdf"):
        (tmp_path / "failed" / name).write_text(name)
        (tmp_path / "failed" / f"{name}.error.json").write_text("{}")
    return FoldersSettings(inbox=str(tmp_path / "inbox"), failed=str(tmp_path / "failed"))


def _files(folder: str) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


def test_without_a_name_all_failed_files_go_back(folders: FoldersSettings) -> None:
    assert put_back(folders, []) == ["a.pdf", "desk/b.pdf", "hall/b.pdf"]
    assert _files(folders.inbox) == ["a.pdf", "desk/b.pdf", "hall/b.pdf"]
    assert _files(folders.failed) == []


def test_a_named_file_goes_back_with_its_report(folders: FoldersSettings) -> None:
    assert put_back(folders, ["desk/b.pdf", "a.pdf"]) == ["desk/b.pdf", "a.pdf"]
    assert _files(folders.inbox) == ["a.pdf", "desk/b.pdf"]
    assert _files(folders.failed) == ["hall/b.pdf", "hall/b.pdf.error.json"]


def test_a_file_called_like_a_report_goes_back(folders: FoldersSettings) -> None:
    """Treat a file that is called like an error report as an original if it has a report itself."""
    Path(folders.failed, "x.error.json").write_text("{}")
    Path(folders.failed, "x.error.json.error.json").write_text("{}")

    assert put_back(folders, ["x.error.json"]) == ["x.error.json"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("b.pdf", "b.pdf: several files of this name in failed/; there is: a.pdf, desk/b.pdf"),
        ("c.pdf", "c.pdf: no file of this name in failed/; there is: a.pdf, desk/b.pdf"),
    ],
)
def test_an_ambiguous_or_unknown_name_is_refused(
    folders: FoldersSettings, name: str, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        put_back(folders, [name])

    assert str(error.value).startswith(message)


def test_a_file_in_the_inbox_is_never_replaced(folders: FoldersSettings) -> None:
    Path(folders.inbox, "a.pdf").write_text("new")

    with pytest.raises(UsageError, match="the inbox already has a file of this name"):
        put_back(folders, ["a.pdf"])

    assert Path(folders.inbox, "a.pdf").read_text() == "new"
    assert {"a.pdf", "a.pdf.error.json"} < set(_files(folders.failed))
    assert Path(folders.failed, "a.pdf.error.json").read_text() == "{}"


def test_the_command_says_what_it_put_back(
    folders: FoldersSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "scanmend.yaml"
    config.write_text("base: .\nfolders: {inbox: inbox, failed: failed}\n")

    for name in ("a.pdf", "desk/b.pdf"):
        assert main(["--config", str(config), "retry", name]) == 0
        assert capsys.readouterr().out == f"{name}: back in the inbox\n"
    assert main(["--config", str(config), "retry"]) == 0
    assert capsys.readouterr().out == "hall/b.pdf: back in the inbox\n"
    assert main(["--config", str(config), "retry"]) == 0
    assert capsys.readouterr().out == f"no failed file in {folders.failed}\n"
