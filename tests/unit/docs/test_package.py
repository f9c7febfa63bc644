"""Test the contents of the wheel: licences, the files that the program reads, and none of the first run's files."""

import tomllib
from pathlib import Path

from scanmend import __version__

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]


def test_the_wheel_has_scowls_notice_beside_the_lexicon() -> None:
    notice = (ROOT / "models" / "SCOWL.txt").read_text()

    assert "models/lexicon.bin" in WHEEL
    assert "models/SCOWL.txt" in WHEEL
    assert "models/SCOWL.txt" in PROJECT["project"]["license-files"]
    assert "Copyright 2000-2011 by Kevin Atkinson" in notice
    assert "permission notice appear in" in notice


def test_the_wheel_has_the_files_that_the_program_reads() -> None:
    assert {"etc/scanmend.yaml", "etc/profiles", "systemd", "models/corrector.gguf"} < set(WHEEL)
    assert all((ROOT / source).exists() for source in WHEEL)
    assert "etc" not in WHEEL  # the script and the sample of the first run are left out
    assert (ROOT / "daemon" / "scanmend" / "py.typed").exists()


def test_the_licence_files_exist() -> None:
    for name in PROJECT["project"]["license-files"]:
        assert (ROOT / name).read_text()
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_the_version_has_a_dated_section_in_the_changelog() -> None:
    assert f"\n## {__version__} - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_the_constraints_name_only_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]

    assert all(pin.count("==") == 1 and "/" not in pin and "@" not in pin for pin in pins)
    assert not any(pin.lower().startswith("scanmend") for pin in pins)
