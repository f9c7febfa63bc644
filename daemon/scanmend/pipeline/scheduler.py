"""Decide which page is read next: short documents overtake long ones, and none starves.

The document with the fewest remaining jobs comes first. After ten pages in a row of other documents, the document that
waits longest gets a page read. The limit counts pages, not seconds, so that it is the same on slow and fast machines.
Two heaps, by remaining work and by arrival, find the next document in O(log n).
"""

import heapq
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

MAX_OVERTAKING_PAGES = 10  # that are read in a row before a page of the document that waits longest
_MAX_WAIT_SECONDS = 3600.0  # without a paused document, only a notification brings a job


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
# shared by all documents without pages or jobs, to save memory: 100,000 may wait
_NO_PAGES: list[int] = []
_NO_JOBS: frozenset[Job] = frozenset()


@dataclass(slots=True)
class _WaitingDocument:
    """A document with unfinished jobs. ``arrived``: seconds since the epoch."""

    arrived: float
    needs_contents: bool = False  # its ContentsJob waits to be taken
    pages: list[int] = field(default_factory=lambda: _NO_PAGES)  # that wait to be taken, last first
    in_hand: frozenset[Job] = _NO_JOBS  # taken, but not done
    paused_until: float = 0.0  # monotonic
    version: int = 0  # of its entry in the heap by remaining work; older entries don't count

    @property
    def has_jobs(self) -> bool:
        """Return whether a job waits to be taken."""
        return self.needs_contents or bool(self.pages)

    @property
    def remaining(self) -> int:
        """Return how many jobs are not done, those in hand included."""
        return self.needs_contents + len(self.pages) + len(self.in_hand)


# an entry of a heap: two sort keys, the document, and the version that the document had then
_Entry = tuple[float, float, int, int]
_ANY_VERSION = 0  # of an entry in the heap by arrival, which never goes out of date


class Scheduler:
    """The documents that wait to be read. Any thread may add to it; the read slots take from it."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self._changed = threading.Condition()
        self._documents: dict[int, _WaitingDocument] = {}
        self._by_remaining: list[_Entry] = []
        self._by_arrival: list[_Entry] = []
        self._overtaking = 0  # jobs taken in a row that were not the oldest document's
        self._closed = False

    def add_contents(self, document: int, arrived: float) -> None:
        """Add a document whose contents are not known. ``arrived``: seconds since the epoch."""
        with self._changed:
            waiting = self._get_or_add(document, arrived)
            waiting.needs_contents = True
            self._push_by_remaining(document, waiting)
            self._changed.notify_all()

    def add_pages(self, document: int, pages: Sequence[int], arrived: float) -> None:
        """Add the pages of a document, now that its contents are known. ``arrived``: seconds since the epoch."""
        with self._changed:
            waiting = self._get_or_add(document, arrived)
            waiting.pages = sorted(pages, reverse=True)
            waiting.in_hand -= {ContentsJob(document)}  # it does not count as remaining work
            self._push_by_remaining(document, waiting)
            self._changed.notify_all()

    def give_back(self, job: Job, delay: float = 0.0) -> None:
        """Take back a job that was not done, and pause its document for ``delay`` seconds."""
        with self._changed:
            waiting = self._documents.get(job.document)
            if waiting is None:
                return
            waiting.in_hand -= {job}
            self._push_by_arrival(job.document, waiting)
            if isinstance(job, PageJob):
                waiting.pages = waiting.pages or []
                waiting.pages.append(job.number)
            else:
                waiting.needs_contents = True
            waiting.paused_until = time.monotonic() + delay
            self._push_by_remaining(job.document, waiting)
            self._changed.notify_all()

    def done(self, job: Job) -> None:
        """Note that a job is done, and remove the document after its last one."""
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
        """Wait for the next job and return it; None after ``timeout`` seconds, or once the scheduler is closed."""
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
        """Give out no more jobs; wake the threads that wait for one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __len__(self) -> int:
        """Return how many documents have unfinished jobs."""
        with self._changed:
            return len(self._documents)

    def _get_or_add(self, document: int, arrived: float) -> _WaitingDocument:
        waiting = self._documents.setdefault(document, _WaitingDocument(arrived))
        self._push_by_arrival(document, waiting)
        return waiting

    def _push_by_arrival(self, document: int, waiting: _WaitingDocument) -> None:
        """Push the document onto the heap by arrival, if it has no entry there because it had no jobs.

        ``_first_ready`` removes the entry of a document without jobs once it comes first.
        """
        if not waiting.has_jobs:
            heapq.heappush(self._by_arrival, (waiting.arrived, 0, document, _ANY_VERSION))

    def _push_by_remaining(self, document: int, waiting: _WaitingDocument) -> None:
        """Push the document onto the heap by remaining work, and outdate its earlier entry there."""
        waiting.version += 1
        if waiting.has_jobs:
            entry = (waiting.remaining, waiting.arrived, document, waiting.version)
            heapq.heappush(self._by_remaining, entry)

    def _next(self, now: float) -> tuple[Job | None, float]:
        """Return the next job, or None and the seconds until a paused document has one."""
        document, ready_in = self._first_ready(self._by_remaining, now)
        oldest, _ = self._first_ready(self._by_arrival, now)
        if document is None or oldest is None:  # both or neither: the heaps hold the same documents
            return None, ready_in
        if self._overtaking >= MAX_OVERTAKING_PAGES:
            document = oldest
        self._overtaking = 0 if document == oldest else self._overtaking + 1
        waiting = self._documents[document]
        job: Job
        if waiting.needs_contents:
            job, waiting.needs_contents = ContentsJob(document), False
        else:
            job = PageJob(document, waiting.pages.pop())
        waiting.in_hand |= {job}
        self._push_by_remaining(document, waiting)
        return job, ready_in

    def _first_ready(self, heap: list[_Entry], now: float) -> tuple[int | None, float]:
        """Return the first document that is not paused, and the seconds until a paused one is ready.

        The document stays in the heap; outdated entries before it are removed.
        """
        paused: list[_Entry] = []
        ready_in = _MAX_WAIT_SECONDS
        found = None
        while heap and found is None:
            entry = heap[0]
            waiting = self._documents.get(entry[2])
            current = waiting and entry[3] in (_ANY_VERSION, waiting.version)
            if waiting is None or not waiting.has_jobs or not current:
                heapq.heappop(heap)
            elif waiting.paused_until > now:
                paused.append(heapq.heappop(heap))
                ready_in = min(ready_in, waiting.paused_until - now)
            else:
                found = entry[2]
        for entry in paused:
            heapq.heappush(heap, entry)
        return found, ready_in
