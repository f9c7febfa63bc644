"""Decide which page is read next: short documents overtake long ones, and none starves.

The order is shortest remaining work first. Ten pages in a row may overtake the document that waits longest; then a
page of its own is read. That is counted in pages, not in seconds, so that it is the same on a slow machine and a
fast one. Two heaps keep both orders at O(log n).
"""

import heapq
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_OVERTAKING_PAGES = 10  # read in a row before a page of the document that waits longest
_IDLE_WAIT = 3600.0  # seconds; without a resting document only a change brings a job


@dataclass(frozen=True, slots=True)
class ContentsJob:
    """Find out what a document's file holds."""

    document: int


@dataclass(frozen=True, slots=True)
class PageJob:
    """Read page ``number`` (from 0) of a document."""

    document: int
    number: int


Job = ContentsJob | PageJob
_NO_PAGES: list[int] = []  # shared by the documents whose contents are not known: 100,000 may wait
_NO_JOBS: frozenset[Job] = frozenset()


@dataclass(slots=True)
class _WaitingDocument:
    """A document with work that is not done."""

    arrived: float
    look_into: bool = False  # a ContentsJob is to be handed out
    pages: list[int] = field(default_factory=lambda: _NO_PAGES)  # to be handed out, last first
    in_hand: frozenset[Job] = _NO_JOBS
    rests_until: float = 0.0  # monotonic
    version: int = 0  # of its place in the order by remaining work

    @property
    def has_jobs(self) -> bool:
        """Return whether a job can be handed out."""
        return self.look_into or bool(self.pages)

    @property
    def remaining(self) -> int:
        """Return how many jobs are not done."""
        return self.look_into + len(self.pages) + len(self.in_hand)


# an entry of a heap: two keys of the order, the document, the version of its place
_Entry = tuple[float, float, int, int]
_ANY_VERSION = 0  # of an entry in the order of arrival, which never changes


class Scheduler:
    """The documents to be read. Thread-safe: any thread adds, the read slots take."""

    def __init__(self) -> None:
        """Empty and open."""
        self._changed = threading.Condition()
        self._documents: dict[int, _WaitingDocument] = {}
        self._by_remaining: list[_Entry] = []
        self._by_arrival: list[_Entry] = []
        self._overtaking = 0  # pages in a row that were not the oldest document's
        self._closed = False

    def add_contents(self, document: int, arrived: float) -> None:
        """Add a document that nobody has looked into. ``arrived``: seconds since the epoch."""
        with self._changed:
            waiting = self._entered(document, arrived)
            waiting.look_into = True
            self._place(document, waiting)
            self._changed.notify_all()

    def add_pages(self, document: int, pages: Sequence[int], arrived: float) -> None:
        """Add these pages of a document, whose contents are known now."""
        with self._changed:
            waiting = self._entered(document, arrived)
            waiting.pages = sorted(pages, reverse=True)
            waiting.in_hand -= {ContentsJob(document)}  # no work that remains
            self._place(document, waiting)
            self._changed.notify_all()

    def give_back(self, job: Job, delay: float = 0.0) -> None:
        """Take back a job that was not done; its document rests for ``delay`` seconds."""
        with self._changed:
            waiting = self._documents.get(job.document)
            if waiting is None:
                return
            waiting.in_hand -= {job}
            self._enter(job.document, waiting)
            if isinstance(job, PageJob):
                waiting.pages = waiting.pages or []
                waiting.pages.append(job.number)
            else:
                waiting.look_into = True
            waiting.rests_until = time.monotonic() + delay
            self._place(job.document, waiting)
            self._changed.notify_all()

    def done(self, job: Job) -> None:
        """Take note that a job is done; a document without jobs leaves."""
        with self._changed:
            waiting = self._documents.get(job.document)
            if waiting is None:
                return
            waiting.in_hand -= {job}
            if not waiting.remaining:
                del self._documents[job.document]

    def drop(self, document: int) -> None:
        """Remove a document that needs no more reading: it failed, or is gone."""
        with self._changed:
            self._documents.pop(document, None)

    def take(self, timeout: float) -> Job | None:
        """Return the next job; None when there was none for ``timeout`` seconds, or the scheduler is closed."""
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
        """Hand out no more jobs; wake the threads that wait for one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """Return how many documents have work that is not done."""
        with self._changed:
            return len(self._documents)

    def _entered(self, document: int, arrived: float) -> _WaitingDocument:
        waiting = self._documents.setdefault(document, _WaitingDocument(arrived))
        self._enter(document, waiting)
        return waiting

    def _enter(self, document: int, waiting: _WaitingDocument) -> None:
        """Put the document into the order of arrival, if it had no jobs before.

        A document without jobs leaves that order when it comes first.
        """
        if not waiting.has_jobs:
            heapq.heappush(self._by_arrival, (waiting.arrived, 0, document, _ANY_VERSION))

    def _place(self, document: int, waiting: _WaitingDocument) -> None:
        """Put the document into the order by remaining work, in place of its earlier entry."""
        waiting.version += 1
        if waiting.has_jobs:
            entry = (waiting.remaining, waiting.arrived, document, waiting.version)
            heapq.heappush(self._by_remaining, entry)

    def _next(self, now: float) -> tuple[Job | None, float]:
        """Return the next job, or how many seconds until a resting document has one."""
        document, ready_in = self._first(self._by_remaining, now)
        oldest, _ = self._first(self._by_arrival, now)
        if document is None or oldest is None:  # both or none: one set of documents in two orders
            return None, ready_in
        if self._overtaking >= MAX_OVERTAKING_PAGES:
            document = oldest
        self._overtaking = 0 if document == oldest else self._overtaking + 1
        waiting = self._documents[document]
        job: Job
        if waiting.look_into:
            job, waiting.look_into = ContentsJob(document), False
        else:
            job = PageJob(document, waiting.pages.pop())
        waiting.in_hand |= {job}
        self._place(document, waiting)
        return job, ready_in

    def _first(self, heap: list[_Entry], now: float) -> tuple[int | None, float]:
        """Return the first document that does not rest, which stays in the heap, or when one will be ready."""
        resting: list[_Entry] = []
        ready_in = _IDLE_WAIT
        found = None
        while heap and found is None:
            entry = heap[0]
            waiting = self._documents.get(entry[2])
            current = waiting and entry[3] in (_ANY_VERSION, waiting.version)
            if waiting is None or not waiting.has_jobs or not current:
                heapq.heappop(heap)
            elif waiting.rests_until > now:
                resting.append(heapq.heappop(heap))
                ready_in = min(ready_in, waiting.rests_until - now)
            else:
                found = entry[2]
        for entry in resting:
            heapq.heappush(heap, entry)
        return found, ready_in
