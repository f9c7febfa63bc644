"""Run the fuzzer for a minute; `make fuzz` runs it for any time."""

import time

import pytest

from hostile.fuzz import Fuzz


@pytest.mark.slow
def test_a_minute_of_mutations_finds_no_bug() -> None:
    fuzz = Fuzz(seed=20261121)

    fuzz.run(time.monotonic() + 60)

    assert [what for what, _ in fuzz.bugs] == []
    assert fuzz.found["read"] > 0
    assert fuzz.found["damaged"] > 0
