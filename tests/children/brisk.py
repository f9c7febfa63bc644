"""Run scanmend with shorter pauses between two tries, and with a shorter wait until `scanmend process` gives up.

It does the same as ever; tests of failures that last only wait less.
"""

import importlib
import sys

import scanmend.backoff

MAX_PAUSE_SECONDS = 1.0
# module -> constant -> the shorter time, in seconds
SHORTER = {
    "scanmend.cli.process_run": {"STALL_SECONDS": 3.0},
    "scanmend.intake.unreachable": {"REACH_RETRY_SECONDS": 1.0},
}

unhurried = scanmend.backoff.back_off


def back_off(step, first=0.5, most=60.0):
    return min(unhurried(step, first, most), MAX_PAUSE_SECONDS)


# the modules that use it take it from there when they are imported, which is below
scanmend.backoff.back_off = back_off

for module, constants in SHORTER.items():
    for name, seconds in constants.items():
        if getattr(importlib.import_module(module), name) <= seconds:
            sys.exit(f"brisk.py: {module}.{name} is not longer than {seconds} s; correct SHORTER")
        setattr(sys.modules[module], name, seconds)

from scanmend.cli.main import main

sys.exit(main())
