"""Test that setting a key in a configuration changes nothing else."""

import os
import stat
from pathlib import Path

import pytest

from scanmend.config.editing import set_keys
from scanmend.config.loading import load_settings
from scanmend.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[3] / "etc" / "scanmend.yaml"
CASES = {
    "base: .\n": 'base: .\n\naspose:\n  licence: "/l ö.lic"\n',
    "base: .": 'base: .\n\naspose:\n  licence: "/l ö.lic"\n',
    "aspose:\n  licence: null  # mine\nbase: .\n": 'aspose:\n  licence: "/l ö.lic"  # mine\nbase: .\n',
    "aspose:\n  licence: 'old'\n": 'aspose:\n  licence: "/l ö.lic"\n',
    "aspose:\n    # why\n    library_path: x\n": (
        'aspose:\n    # why\n    licence: "/l ö.lic"\n    library_path: x\n'
    ),
    "aspose:\nbase: .\n": 'aspose:\n  licence: "/l ö.lic"\nbase: .\n',
    "aspose: null\n": 'aspose:\n  licence: "/l ö.lic"\n',
    "aspose: {}\n": 'aspose: {licence: "/l ö.lic"}\n',
    "aspose: {library_path: x}\n": 'aspose: {licence: "/l ö.lic", library_path: x}\n',
    "aspose: {licence:, library_path: x}\n": 'aspose: {licence: "/l ö.lic", library_path: x}\n',
    "aspose:\n  licence:\nbase: .\n": 'aspose:\n  licence: "/l ö.lic"\nbase: .\n',
    "aspose:  # engine\n  # by default none\n": (
        'aspose:\n  licence: "/l ö.lic"  # engine\n  # by default none\n'
    ),
}


@pytest.mark.parametrize(("before", "after"), CASES.items())
def test_a_key_is_set_and_the_rest_of_the_file_stays(
    tmp_path: Path, before: str, after: str
) -> None:
    (tmp_path / "c.yaml").write_text(before)

    settings = set_keys(str(tmp_path / "c.yaml"), "aspose", {"licence": "/l ö.lic"})

    assert settings.aspose.licence == "/l ö.lic"
    assert (tmp_path / "c.yaml").read_text("utf-8") == after
    assert os.listdir(tmp_path) == ["c.yaml"]


def test_several_keys_of_the_shipped_file_are_set_behind_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text(SHIPPED.read_text())
    real.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to(real)
    keys: dict[str, str | bool | None] = {
        "licence": "/a.lic",
        "library_path": "/lib",
        "allow_evaluation": True,
    }

    set_keys(str(tmp_path / "link.yaml"), "aspose", keys)

    changed = real.read_text().splitlines()
    differing = [
        (a, b) for a, b in zip(SHIPPED.read_text().splitlines(), changed, strict=True) if a != b
    ]
    assert differing == [
        ("  licence: null", '  licence: "/a.lic"'),
        ("  allow_evaluation: false", "  allow_evaluation: true"),
        ("  library_path: null", '  library_path: "/lib"'),
    ]
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert (tmp_path / "link.yaml").is_symlink()
    assert load_settings(str(real)).aspose.allow_evaluation


def test_a_wrong_value_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("base: .\n")

    with pytest.raises(ConfigError, match="allow_evaluation"):
        set_keys(str(tmp_path / "c.yaml"), "aspose", {"allow_evaluation": "perhaps"})

    assert (tmp_path / "c.yaml").read_text() == "base: .\n"
    assert os.listdir(tmp_path) == ["c.yaml"]


def test_a_file_that_is_missing_is_named_with_the_lines_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: can't be changed: No such file") as error:
        set_keys(str(tmp_path / "none.yaml"), "aspose", {"licence": "/a.lic"})

    assert 'aspose:\n  licence: "/a.lic"' in error.value.remedy
