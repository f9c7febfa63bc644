"""The queues between the steps. The last one holds back the first steps: results come before more work.

    watcher → claims → pages (scheduler) → corrections → results
       ↑_________ events: the steps' messages to the watcher

The watcher bounds the claims: its scan waits while there are many. The other queues hold ids of documents and numbers
of pages, no text: 100,000 of them take a few megabytes.
"""

from dataclasses import dataclass

from scanmend.document import FileSnapshot
from scanmend.intake.events import Events
from scanmend.intake.work_queue import WorkQueue
from scanmend.pipeline.scheduler import Scheduler

# documents that may wait for publication before the claim step and the read step wait, too. Without a limit, 100,000
# files would all be claimed and read before the first is published.
MAX_RESULTS_BEFORE_CLAIM = 20
MAX_RESULTS_BEFORE_READ = 100


@dataclass(frozen=True, slots=True)
class PageToCorrect:
    """Page ``number`` (from 0) of a document was read."""

    document: int
    number: int


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """A message to the correct step that another context is in force: it may need another model."""


class ResultQueue(WorkQueue[int]):
    """The ids of documents to be published or put away. It holds back the claim and the read step."""

    def __init__(self) -> None:
        """Empty, and not blocked."""
        super().__init__()
        self._obstacle = ""  # why nothing can be published now
        self._released = False

    def wait_before_claim(self) -> None:
        """Block while more than ``MAX_RESULTS_BEFORE_CLAIM`` documents wait here, or nothing can be published."""
        with self._changed:
            while not self._is_within(MAX_RESULTS_BEFORE_CLAIM) or self._is_blocked():
                self._changed.wait()

    def wait_before_read(self) -> None:
        """Block while more than ``MAX_RESULTS_BEFORE_READ`` documents wait here."""
        with self._changed:
            while not self._is_within(MAX_RESULTS_BEFORE_READ):
                self._changed.wait()

    def _is_within(self, limit: int) -> bool:
        """Return whether the number of waiting documents holds nobody back."""
        return self._released or len(self._items) <= limit

    def _is_blocked(self) -> bool:
        return bool(self._obstacle) and not self._released

    @property
    def obstacle(self) -> str:
        """Return why nothing can be published now; empty when it can."""
        return self._obstacle

    def block(self, reason: str) -> None:
        """Hold back the claim step until ``unblock``, for this reason."""
        with self._changed:
            self._obstacle = reason

    def unblock(self) -> None:
        """Let the claim step go on."""
        with self._changed:
            self._obstacle = ""
            self._changed.notify_all()

    def release(self) -> None:
        """Wake all threads that are held back, and hold back none from now on: the pipeline stops."""
        with self._changed:
            self._released = True
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Queues:
    """All queues of one pipeline. ``results`` takes the ids of documents."""

    events: Events
    claims: WorkQueue[FileSnapshot]
    pages: Scheduler
    corrections: WorkQueue[PageToCorrect | ContextChanged]
    results: ResultQueue
