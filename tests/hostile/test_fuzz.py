"""Run the fuzzer for a minute; `make fuzz` runs it for as long as wanted."""

import time

import pytest

from hostile.fuzz import Fuzz


@pytest.mark.slow
def test_a_minute_of_mutations() -> None:
    fuzz = Fuzz(seed=20261121)

    fuzz.run(time.monotonic() + 60)

    assert [what for what, _ in fuzz.bugs] == []
    assert fuzz.found["read"] > 0
    assert fuzz.found["damaged"] > 0
