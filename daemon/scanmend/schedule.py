"""Which page is read next: short documents overtake long ones, and nothing starves.

The order is shortest remaining work first, with ageing: a document's place is its remaining pages plus
the time it came, at ``PAGES_PER_SECOND``. All documents age alike, so a place only changes when pages are
taken, and a heap keeps the order at O(log n).
"""

import heapq
import threading
import time
from dataclasses import dataclass, field

PAGES_PER_SECOND = 0.1  # a document that waited 10 s longer overtakes one that is a page shorter
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
    in_hand: set[int] = field(default_factory=set)


class Schedule:
    """The line of documents; thread-safe. Written by any thread, taken from by the read slots."""

    def __init__(self) -> None:
        """Empty and open."""
        self._changed = threading.Condition()
        self._lines: dict[int, _Line] = {}
        self._heap: list[tuple[float, int, int, int]] = []  # place, tie by id, version, document
        self._closed = False

    def add(self, document: int, pages: list[int], came: float) -> None:
        """Put a document in line with these page numbers; ``came`` by the wall clock, for the ageing."""
        with self._changed:
            line = self._lines.setdefault(document, _Line([], came))
            line.pages = sorted(pages, reverse=True)
            self._place(document)
            self._changed.notify_all()

    def give_back(self, job: Job, delay: float = 0.0) -> None:
        """A job that was not done; the document rests for ``delay`` seconds."""
        with self._changed:
            line = self._lines.get(job.document)
            if line is None:
                return
            line.in_hand.discard(job.number)
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
            line.in_hand.discard(job.number)
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

    def _place(self, document: int) -> None:
        line = self._lines[document]
        line.version += 1
        if line.pages:
            place = len(line.pages) + len(line.in_hand) + line.came * PAGES_PER_SECOND
            heapq.heappush(self._heap, (place, document, line.version, document))

    def _next(self, now: float) -> tuple[Job | None, float]:
        held: list[tuple[float, int, int, int]] = []
        ready_in = 3600.0
        job = None
        while self._heap:
            entry = heapq.heappop(self._heap)
            document, version = entry[3], entry[2]
            line = self._lines.get(document)
            if line is None or line.version != version:
                continue  # superseded
            if line.held_until > now:
                held.append(entry)
                ready_in = min(ready_in, line.held_until - now)
                continue
            job = Job(document, line.pages.pop())
            line.in_hand.add(job.number)
            self._place(document)
            break
        for entry in held:
            heapq.heappush(self._heap, entry)
        return job, ready_in
