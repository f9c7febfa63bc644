"""Run the fuzzer for some seconds; `make fuzz` runs it for any time."""

import time

import pytest

from hostile.fuzz import Fuzz

SECONDS = 20


@pytest.mark.slow
def test_mutations_find_no_bug() -> None:
    fuzz = Fuzz(seed=20261121)

    fuzz.run(time.monotonic() + SECONDS)

    assert [what for what, _ in fuzz.bugs] == []
    assert fuzz.found["read"] > 0
    assert fuzz.found["damaged"] > 0
