"""Test the observer of the kernel's events where it can't observe, and the loss of events."""

import logging
import queue
from pathlib import Path

import pytest

from scanmend.intake import inotify
from scanmend.intake.events import Events, EventsLost
from scanmend.intake.kernel_events import KERNEL_LIMIT_DELAY_SECONDS, KernelEvents
from scanmend.store.mounts import Root


@pytest.fixture
def events() -> Events:
    return queue.SimpleQueue()


def test_an_observer_that_cant_start_leaves_no_thread(tmp_path: Path, events: Events) -> None:
    with pytest.raises(OSError, match="No such file"):
        inotify.observe(bytes(tmp_path / "missing"), events)


def test_an_observer_that_cant_start_is_tried_again_later(tmp_path: Path, events: Events) -> None:
    """Stand in for a kernel limit, which holds for the whole machine, by a folder that is not there yet."""
    inbox = tmp_path / "inbox"
    kernel_events = KernelEvents(Root(str(inbox)), events)

    assert not kernel_events.keep_running(0.0)
    inbox.mkdir()
    assert not kernel_events.keep_running(0.0)
    assert not kernel_events.complete
    assert kernel_events.keep_running(3 * KERNEL_LIMIT_DELAY_SECONDS)
    assert kernel_events.complete
    kernel_events.stop()


def test_lost_events_lead_to_a_scan(events: Events) -> None:
    """Log what watchdog logs; to overflow the kernel's queue takes 16,384 events that nobody reads."""
    logger = logging.Logger("watchdog")
    logger.addHandler(inotify.OverflowListener(events))

    logger.warning("something else")
    logger.warning("Inotify queue overflowed; filesystem events were lost")

    assert events.get_nowait() == EventsLost()
    assert events.empty()
