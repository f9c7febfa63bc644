"""The queues between the steps, and the back-pressure of the last one: results come before more work.

    watcher → claims → pages (scheduler) → corrections → results
       ↑_________ events: what the steps tell the watcher

Claims are bounded by the watcher, whose scan waits. The other queues hold numbers of documents and pages, no text:
100,000 of them take a few megabytes.
"""

from dataclasses import dataclass

from scanmend.document import FileSnapshot
from scanmend.intake.events import Events
from scanmend.intake.work_queue import WorkQueue
from scanmend.pipeline.scheduler import Scheduler

# documents that may wait for publication while the steps before take in more; else, of 100,000 files, all would be
# claimed and read before the first is published
MAX_RESULTS_BEFORE_CLAIM = 20
MAX_RESULTS_BEFORE_READ = 100


@dataclass(frozen=True, slots=True)
class PageToCorrect:
    """Page ``number`` (from 0) of a document was read."""

    document: int
    number: int


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """Another context is in force: the corrector may need another model."""


class ResultQueue(WorkQueue[int]):
    """Ids of documents to be published or put away. It holds back the steps that take in more."""

    def __init__(self) -> None:
        """Empty, and not blocked."""
        super().__init__()
        self._obstacle = ""  # why nothing can be published now
        self._released = False

    def wait_before_claim(self) -> None:
        """Block while many documents wait here, or while nothing can be published."""
        with self._changed:
            while not self._may_go_on(MAX_RESULTS_BEFORE_CLAIM) or self._is_blocked():
                self._changed.wait()

    def wait_before_read(self) -> None:
        """Block while very many documents wait here."""
        with self._changed:
            while not self._may_go_on(MAX_RESULTS_BEFORE_READ):
                self._changed.wait()

    def _may_go_on(self, limit: int) -> bool:
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
        """Let the threads go on that are held back, for good: the pipeline stops."""
        with self._changed:
            self._released = True
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Queues:
    """All queues of one pipeline."""

    events: Events
    claims: WorkQueue[FileSnapshot]
    pages: Scheduler
    corrections: WorkQueue[PageToCorrect | ContextChanged]
    results: ResultQueue
