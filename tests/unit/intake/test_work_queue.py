"""Test the queue between two steps."""

import queue
import threading

import pytest

from scanmend.intake.work_queue import QueueClosed, WorkQueue


def test_items_are_taken_in_the_order_in_which_they_were_added() -> None:
    items: WorkQueue[int] = WorkQueue()
    for number in range(3):
        items.put(number)

    assert len(items) == 3
    assert [items.get(0) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(queue.Empty):
        items.get(0.01)


def test_closing_wakes_all_takers_and_drops_waiting_items() -> None:
    """Drop the waiting items at a stop: as after a crash, the next start queues them again from the journal."""
    items: WorkQueue[int] = WorkQueue()
    ended: list[type[Exception]] = []

    def take() -> None:
        try:
            items.get()
        except QueueClosed as error:
            ended.append(type(error))

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()

    items.close()

    for taker in takers:
        taker.join(30)
    assert ended == [QueueClosed] * 3
    items.put(1)
    with pytest.raises(QueueClosed):
        items.get()
