"""Test that a thread beyond the time limit of its task is reported."""

import threading

from running import eventually
from scanmend.telemetry.liveness import Liveness


def test_a_thread_beyond_its_limit_is_reported() -> None:
    liveness = Liveness()
    go_on = threading.Event()

    def work() -> None:
        with liveness.task("a page", 0.05):
            go_on.wait(30)

    thread = threading.Thread(target=work, name="read-1")
    thread.start()
    try:
        eventually(liveness.overdue)
        assert liveness.overdue()[0].startswith("read-1: a page, ")
    finally:
        go_on.set()
        thread.join()
    assert liveness.overdue() == []


def test_a_thread_within_its_limit_is_not_reported() -> None:
    liveness = Liveness()

    with liveness.task("a page", 60):
        assert liveness.overdue() == []
