"""Test that the daemon of the kill tests refuses a point that does not exist, so that a refactoring can't lose one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("after:nothing", "unknown point"),
        ("when:claim", "unknown point"),
        ("after:claim:reading", "which need it"),
        ("after:state", "which need it"),
    ],
)
def test_a_point_that_does_not_exist_is_refused(point: str, said: str) -> None:
    program = [sys.executable, str(ROOT / "tests" / "children" / "dying.py"), "--version"]

    env = {**os.environ, "DIE_AT": point}
    done = subprocess.run(program, capture_output=True, text=True, env=env, check=False)

    assert done.returncode == 1
    assert said in done.stderr
