"""The log: one entry, one line, whatever stands in it."""

import subprocess
import sys


def test_what_a_library_warns_of_is_an_entry_like_others() -> None:
    code = (
        "import logging, warnings\nfrom scanmend.config.settings import LogSettings\nfrom scanmend.telemetry import log\nlog.set_up(LogSettings())\n"
        r"warnings.warn('a\n\x1b[2Jb', RuntimeWarning)"
        "\n"
        r"logging.getLogger('other').warning('c\nd')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    lines = said.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() and "[warning" in line for line in lines)
