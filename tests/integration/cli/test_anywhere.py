"""Test `process` and `correct` where little is given: no configuration, an ASCII terminal, read-only disks."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from samples import encoded, page, put

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
TEXT = "Die Größe beträgt 5 → 7 € für Straße"
# remounts every file system but the test's folder $1 read-only, then runs the rest of its arguments there
READ_ONLY = """
cd "$1"; mount --bind . .; cd "$1"; shift
awk '{print $2}' /proc/self/mounts | sort -r | while read mounted; do
  case "$mounted" in "$PWD"|/proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$mounted" 2>/dev/null;; esac
done
touch "$HOME/written" 2>/dev/null && exit 99
exec "$@"
"""


def _scanmend(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "scanmend", *arguments]


def _run(
    command: list[str], folder: Path, stdin: bytes = b"", **env: str
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **env}
    environment.pop("SCANMEND_CONFIG", None)
    return subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        env=environment,
        capture_output=True,
        timeout=300,
        check=True,
    )


def test_correct_needs_no_configuration_and_prints_utf8_in_any_locale(tmp_path: Path) -> None:
    done = _run(_scanmend("correct"), tmp_path, TEXT.encode(), **ASCII)

    assert done.stdout.decode() == f"{TEXT}\n"
    assert os.listdir(tmp_path) == []


def test_process_needs_no_configuration_and_an_ascii_terminal_shows_progress(
    tmp_path: Path,
) -> None:
    scan = put(tmp_path, "Größe.png", encoded("png", [page(["Total 12.50"], size=(500, 200))]))
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        _scanmend("process", scan.name, "--out", "out"),
        cwd=tmp_path,
        env={**os.environ, **ASCII},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while read := os.read(ours, 65536):
            shown += read
    except OSError:  # the other side is closed
        pass
    os.close(ours)

    assert process.wait(60) == 0
    assert shown.isascii()
    assert re.search(rb"\[[#.]+\] page 1 of 1", shown)
    assert rb"Gr\xf6\xdfe.txt" in shown
    assert (tmp_path / "out" / "Größe.txt").read_text("utf-8") == "Total 12.50\n"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root")
def test_both_work_with_home_and_every_other_disk_read_only(tmp_path: Path) -> None:
    put(tmp_path, "scan.png", encoded("png", [page(["Total 12.50"], size=(500, 200))]))

    def confined(*arguments: str, stdin: bytes = b"") -> bytes:
        shell = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(tmp_path)]
        home = os.path.expanduser("~")
        environment = {"HOME": home, "PYTHONDONTWRITEBYTECODE": "", "TMPDIR": "/nowhere"}
        return _run([*shell, *_scanmend(*arguments)], tmp_path, stdin, **environment).stdout

    assert b"scan.png: scan.txt" in confined("process", "scan.png", "--out", ".")
    assert (tmp_path / "scan.txt").read_text() == "Total 12.50\n"
    assert confined("correct", stdin=TEXT.encode()).decode() == f"{TEXT}\n"
    assert sorted(os.listdir(tmp_path)) == ["scan.json", "scan.png", "scan.txt"]
