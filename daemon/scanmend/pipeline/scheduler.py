"""Which page is read next: short documents overtake long ones, and nothing starves.

The order is shortest remaining work first. Who waits longest is overtaken by so many pages in a row and no
more, then a page of its own is read: counted in pages, not in seconds, so that it is the same on a slow
machine and a fast one. Heaps keep both orders at O(log n).
"""

import heapq
import threading
import time
from dataclasses import dataclass

OVERTAKEN = 10  # pages in a row that are read before the document that waits longest
CONTENTS = -1  # instead of a page number: find out what the file holds


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for an OCR child: page ``number`` of a document, or its CONTENTS."""

    document: int
    number: int


@dataclass(slots=True)
class _Line:
    pages: list[int]  # still to be handed out, last first
    came: float
    held_until: float = 0.0
    version: int = 0
    in_hand: frozenset[int] = frozenset()  # the empty one is one for all: 100,000 may be in line


# two numbers for the order, the document, its line's version
_Entry = tuple[float, float, int, int]
_ANY = 0  # a version: this order stays


class Scheduler:
    """The line of documents; thread-safe. Written by any thread, taken from by the read slots."""

    def __init__(self) -> None:
        """Empty and open."""
        self._changed = threading.Condition()
        self._lines: dict[int, _Line] = {}
        self._shortest: list[_Entry] = []
        self._oldest: list[_Entry] = []
        self._overtook = 0  # pages in a row that were not of the oldest
        self._closed = False

    def add(self, document: int, pages: list[int], came: float) -> None:
        """Put a document in line with these page numbers; ``came`` by the wall clock: who waits longest."""
        with self._changed:
            line = self._lines.setdefault(document, _Line([], came))
            self._enter(document, line)
            line.pages = sorted(pages, reverse=True)
            line.in_hand -= {CONTENTS}  # known now: no work that remains
            self._place(document)
            self._changed.notify_all()

    def give_back(self, job: Job, delay: float = 0.0) -> None:
        """A job that was not done; the document rests for ``delay`` seconds."""
        with self._changed:
            line = self._lines.get(job.document)
            if line is None:
                return
            line.in_hand -= {job.number}
            self._enter(job.document, line)
            line.pages.append(job.number)
            line.held_until = time.monotonic() + delay
            self._place(job.document)
            self._changed.notify_all()

    def done(self, job: Job) -> None:
        """A job is done; a document without jobs leaves the line."""
        with self._changed:
            line = self._lines.get(job.document)
            if line is None:
                return
            line.in_hand -= {job.number}
            if not line.pages and not line.in_hand:
                del self._lines[job.document]

    def drop(self, document: int) -> None:
        """The document needs no more reading (it failed, or is gone)."""
        with self._changed:
            self._lines.pop(document, None)

    def take(self, timeout: float) -> Job | None:
        """The next job; None when there was none for ``timeout`` seconds, or the line is closed."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                job, ready_in = self._next(time.monotonic())
                if job:
                    return job
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, ready_in))
            return None

    def close(self) -> None:
        """No more jobs: everyone who waits gets None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """Documents in line or in hand."""
        with self._changed:
            return len(self._lines)

    def _enter(self, document: int, line: _Line) -> None:
        """Among the oldest, when it had nothing to hand out; leaving is noticed when it comes first."""
        if not line.pages:
            heapq.heappush(self._oldest, (line.came, 0, document, _ANY))

    def _place(self, document: int) -> None:
        line = self._lines[document]
        line.version += 1
        if line.pages:
            left = len(line.pages) + len(line.in_hand)
            heapq.heappush(self._shortest, (left, line.came, document, line.version))

    def _next(self, now: float) -> tuple[Job | None, float]:
        document, ready_in = self._first(self._shortest, now)
        oldest, _ = self._first(self._oldest, now)
        if document is None or oldest is None:  # both or none: the same documents in another order
            return None, ready_in
        if self._overtook >= OVERTAKEN:
            document = oldest
        self._overtook = 0 if document == oldest else self._overtook + 1
        line = self._lines[document]
        job = Job(document, line.pages.pop())
        line.in_hand |= {job.number}
        self._place(document)
        return job, ready_in

    def _first(self, heap: list[_Entry], now: float) -> tuple[int | None, float]:
        """The first document that does not rest, which stays in the heap, or when one will have rested."""
        held: list[_Entry] = []
        ready_in = 3600.0
        found = None
        while heap and found is None:
            entry = heap[0]
            line = self._lines.get(entry[2])
            if line is None or not line.pages or entry[3] not in (_ANY, line.version):
                heapq.heappop(heap)  # superseded
            elif line.held_until > now:
                held.append(heapq.heappop(heap))
                ready_in = min(ready_in, line.held_until - now)
            else:
                found = entry[2]
        for entry in held:
            heapq.heappush(heap, entry)
        return found, ready_in
