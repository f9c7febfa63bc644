"""The queue between two steps."""

import queue
import threading
import time
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueClosed(Exception):
    """The queue was closed, so the thread that takes from it should end."""


class WorkQueue(Generic[Item]):
    """A first-in, first-out queue that can be closed. Thread-safe.

    Closing drops the waiting items: they are in the journal, from which the next start resumes them.
    """

    def __init__(self) -> None:
        """Begin open and empty."""
        self._changed = threading.Condition()
        self._items: deque[Item] = deque()
        self._closed = False

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._items)

    def put(self, item: Item) -> None:
        """Append an item."""
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> Item:
        """Wait for the next item and return it.

        Raise ``queue.Empty`` if none came within ``timeout`` seconds (None: no limit), QueueClosed once it is closed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._items and not self._closed:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise queue.Empty
                self._changed.wait(left)
            if self._closed:
                raise QueueClosed
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Close the queue: ``get`` raises QueueClosed from now on, also in threads that wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
