"""Test the decision after a failed page, and the delays."""

import pytest

from scanmend.backoff import Again, Fail, Pause, back_off, decide
from scanmend.errors import Damaged, Died, DiskFull, ScanmendError


@pytest.mark.parametrize(
    ("error", "attempts", "pauses", "decision"),
    [
        (Damaged("a.pdf"), 0, 0, Fail("permanent")),
        (DiskFull("/state"), 0, 0, Pause(0.5)),
        (DiskFull("/state"), 9, 3, Pause(4.0)),
        (Died("OCR"), 1, 0, Again(0.5)),
        (Died("OCR"), 2, 0, Again(1.0)),
        (Died("OCR"), 3, 0, Fail("exhausted")),
    ],
)
def test_the_fault_decides_between_failing_pausing_and_trying_again(
    error: ScanmendError, attempts: int, pauses: int, decision: object
) -> None:
    assert decide(error, attempts, allowed=3, pauses=pauses) == decision


def test_delays_are_doubled_up_to_a_limit() -> None:
    assert [back_off(step, 1.0, 5.0) for step in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert back_off(10**6) == 60.0
