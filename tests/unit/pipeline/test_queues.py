"""Test the back-pressure of the publish step: results come before more work.

Otherwise all of 100,000 files would be claimed and read before the first ones are published.
"""

import threading
from collections.abc import Callable

from scanmend.pipeline.queues import (
    MAX_RESULTS_BEFORE_CLAIM,
    MAX_RESULTS_BEFORE_READ,
    ResultQueue,
)

NOT_YET = 0.2  # seconds: a thread that is not held back would have continued by then


def _goes_on(wait: Callable[[], None]) -> threading.Event:
    """Call ``wait`` in a thread; return an event that is set when it has returned."""
    went_on = threading.Event()

    def body() -> None:
        wait()
        went_on.set()

    threading.Thread(target=body, daemon=True).start()
    return went_on


def _filled(count: int) -> ResultQueue:
    results = ResultQueue()
    for number in range(count):
        results.put(number)
    return results


def test_the_claim_step_waits_while_many_documents_wait_for_publication() -> None:
    results = _filled(MAX_RESULTS_BEFORE_CLAIM + 1)

    claim, read = _goes_on(results.wait_before_claim), _goes_on(results.wait_before_read)

    assert read.wait(30)
    assert not claim.wait(NOT_YET)
    results.get(0)
    assert claim.wait(30)


def test_the_read_step_waits_while_even_more_documents_wait_for_publication() -> None:
    results = _filled(MAX_RESULTS_BEFORE_READ + 1)

    read = _goes_on(results.wait_before_read)

    assert not read.wait(NOT_YET)
    results.get(0)
    assert read.wait(30)


def test_the_claim_step_waits_while_nothing_can_be_published() -> None:
    results = ResultQueue()
    results.block("the outbox is full")
    assert results.obstacle == "the outbox is full"

    claim, read = _goes_on(results.wait_before_claim), _goes_on(results.wait_before_read)

    assert read.wait(30)
    assert not claim.wait(NOT_YET)
    results.unblock()
    assert claim.wait(30)
    assert results.obstacle == ""


def test_no_step_is_held_back_when_the_pipeline_stops() -> None:
    results = _filled(MAX_RESULTS_BEFORE_READ + 1)
    results.block("the outbox is full")
    steps = [_goes_on(results.wait_before_claim), _goes_on(results.wait_before_read)]

    results.release()

    assert all(step.wait(30) for step in steps)
    results.wait_before_claim()
