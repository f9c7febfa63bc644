"""Test that the site builds, and that a broken link fails the build."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ZENSICAL = Path(sys.executable).with_name("zensical")


@pytest.mark.slow
@pytest.mark.skipif(not ZENSICAL.exists(), reason="zensical is not installed (./setup.sh test)")
def test_the_site_builds_and_a_broken_link_fails_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")

    assert _build(tmp_path) == (0, True)

    for broken in ("[a page](nowhere.md)", "[a heading](operations.md#nowhere)"):
        page = tmp_path / "docs" / "limits.md"
        before = page.read_text()
        page.write_text(f"{before}\n{broken}\n")
        assert _build(tmp_path) == (1, False)
        page.write_text(before)


def _build(folder: Path) -> tuple[int, bool]:
    """Return the exit code, and whether zensical found no issue."""
    done = subprocess.run(
        [ZENSICAL, "build", "--strict", "--clean"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    return done.returncode, "No issues found" in done.stdout + done.stderr
