"""Test that each log entry is one line, whatever it contains, in the format that fits the stream."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanmend.config.settings import LogSettings
from scanmend.telemetry import log

WARNINGS = r"""
import logging, warnings
from scanmend.config.settings import LogSettings
from scanmend.telemetry import log
log.set_up(LogSettings())
warnings.warn('a\n\x1b[2Jb', RuntimeWarning)
logging.getLogger('other').warning('c\nd')
"""


def test_a_librarys_warning_is_one_entry_of_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARNINGS], capture_output=True, text=True, check=True
    )

    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() and "[warning" in line for line in lines)


def test_the_stream_of_systemds_journal_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(tmp_path / "out", "w") as stream:
        assert not log._is_journal(stream)
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert log._is_journal(stream)


def test_a_log_that_cant_be_written_stops_nothing() -> None:
    with open("/dev/full", "w", buffering=1) as full:
        log.set_up(LogSettings(), full)

        log.get("test").info("an entry")

        with contextlib.suppress(OSError):
            full.close()
