"""The pipeline of a document: the same steps for the daemon and for `scanmend process`.

The last step is started first and the first step last, so that each step finds the next one working; they are closed in
reverse. The caller then starts the source of the files: the watcher, or a list of paths.
"""

import os
import threading
import time
from collections.abc import Callable

from scanmend import __version__
from scanmend.config.settings import Settings
from scanmend.document import ACTIVE, Document, State
from scanmend.intake.events import Events
from scanmend.intake.inbox import Inbox
from scanmend.intake.intake_log import Intake, IntakeLog
from scanmend.intake.lease import Leases
from scanmend.intake.work_queue import WorkQueue
from scanmend.pipeline.claim import Claim
from scanmend.pipeline.context import Context, CurrentContext, Stores
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.folders import Roots
from scanmend.pipeline.publish import Publish
from scanmend.pipeline.queues import ContextChanged, PageToCorrect, Queues, ResultQueue
from scanmend.pipeline.read import Read
from scanmend.pipeline.scheduler import Scheduler
from scanmend.pipeline.threads import JOIN_SECONDS, join_until
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.parts import Parts
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import Failure
from scanmend.telemetry.liveness import Liveness

_RESUMED = "taken up after a restart"


def count_workers(settings: Settings) -> int:
    """Return how many pages are read at the same time."""
    return settings.ocr.workers or len(os.sched_getaffinity(0))


class Pipeline:
    """Claim, read, correct and publish with their threads."""

    def __init__(self, context: Context, journal: Journal, roots: Roots, events: Events) -> None:
        """Start nothing yet. ``events`` takes the steps' messages to the watcher."""
        settings = context.settings
        self._context = CurrentContext(context)
        self.liveness = Liveness()
        self._stores = Stores(
            journal,
            Inbox(roots.inbox, Parts(settings.folders.state)),
            roots,
            Leases(roots.inbox, journal, settings.watch),
            self.liveness,
        )
        self._queues = Queues(events, WorkQueue(), Scheduler(), WorkQueue(), ResultQueue())
        steps = (self._context, self._stores, self._queues)
        self._publish = Publish(*steps)
        self._correct = Correct(*steps)
        self._read = Read(*steps)
        self._claim = Claim(*steps)
        self._stop = threading.Event()  # set: each thread ends after its current piece of work
        self._threads: list[threading.Thread] = []
        self._readers: list[threading.Thread] = []
        self._corrector: list[threading.Thread] = []
        self._log = log.get("pipeline")

    @property
    def inbox(self) -> Inbox:
        """Return the inbox that the files come from."""
        return self._stores.inbox

    @property
    def intake(self) -> Intake:
        """Return the watcher's connection to the steps."""
        queues, stores = self._queues, self._stores
        intake_log = IntakeLog(stores.journal, stores.leases, queues.results)
        return Intake(queues.events, queues.claims, intake_log, self._obstacle)

    def _obstacle(self) -> str:
        """Return why no file is claimed now; "" if files are."""
        return self._claim.obstacle or self._queues.results.obstacle

    # start ----------------------------------------------------------------------------------------

    def start(self, workers: int) -> None:
        """Resume the documents of an earlier run, then start the threads, the claim step's last."""
        self._resume()
        self._thread("leases", self._stores.leases.run)
        self._thread("publish", self._publish.run)
        self._corrector = [self._thread("correct", self._correct.run)]
        self._readers = [
            self._thread(f"read-{number}", self._read.run) for number in range(1, workers + 1)
        ]
        self._thread("claim", self._claim.run)

    def _thread(self, name: str, body: Callable[[threading.Event], None]) -> threading.Thread:
        thread = threading.Thread(target=body, args=(self._stop,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _resume(self) -> None:
        """Resume the documents in work from the journal, in the same way after a crash and after a stop."""
        journal = self._stores.journal
        journal.pages.drop_orphans()
        self._drop_pages_of_another_version()
        self._stores.inbox.parts.sweep(journal.parts_in_hand())
        resumed = 0
        for document in journal.in_state(*ACTIVE):
            resumed += 1
            if document.state == State.PUBLISHING and self._lacks_pages(document):
                reason = "a page that was kept can't be used"
                self._resume_reading(journal.move(document, State.QUEUED, reason))
            elif document.state in (State.PUBLISHING, State.PUTTING_AWAY):
                self._queues.results.put(document.id)
            else:
                self._resume_reading(document)
        if resumed:
            self._log.info("taking up what was left", documents=resumed)

    def _drop_pages_of_another_version(self) -> None:
        """Drop the stored pages that this version can't decode, at its first start only."""
        journal = self._stores.journal
        writer = journal.facts.recall(Memory.VERSION)
        if writer and writer.value == __version__:
            return  # decode nothing: the pages of a book take seconds
        if unreadable := journal.pages.drop_unreadable():
            message = "pages are read again: another version of scanmend kept them"
            self._log.warning(message, pages=unreadable)
        journal.facts.remember(Memory.VERSION, "", __version__)

    def _lacks_pages(self, document: Document) -> bool:
        _, corrected = self._stores.journal.pages.progress(document.id)
        return len(corrected) < (document.pages or 0)

    def _resume_reading(self, document: Document) -> None:
        """Queue the pages of a document that are not read or not corrected."""
        journal, queues = self._stores.journal, self._queues
        if document.pages is None:
            if document.state == State.READING:
                journal.move(document, State.QUEUED, _RESUMED)
            queues.pages.add_contents(document.id, document.first_seen)
            return
        if document.state == State.QUEUED:
            document = journal.move(document, State.READING, _RESUMED)
        read, corrected = journal.pages.progress(document.id)
        if len(corrected) == document.pages:
            self._correct.finish(document)
            return
        for number in sorted(read):
            queues.corrections.put(PageToCorrect(document.id, number))
        unread = [n for n in range(document.pages or 0) if n not in read and n not in corrected]
        if unread:
            queues.pages.add_pages(document.id, unread, document.first_seen)

    # meanwhile ------------------------------------------------------------------------------------

    def reload(self, context: Context) -> None:
        """Put another configuration in force. Each step uses it from its next piece of work on."""
        self._context.replace(context)
        self._queues.corrections.put(ContextChanged())

    def dead_threads(self) -> list[str]:
        """Return the names of threads that ended though nobody stopped them."""
        if self._stop.is_set():
            return []
        return [thread.name for thread in self._threads if not thread.is_alive()]

    def stalled(self, seconds: float) -> Failure | None:
        """Return why nothing goes on, once that has lasted for ``seconds``: work fails again and again, and none succeeds.

        `scanmend process` ends then; the daemon tries again for ever.
        """
        boundaries = [s.boundary for s in (self._claim, self._read, self._correct, self._publish)]
        if any(boundary.is_active(seconds) for boundary in boundaries):
            return None
        return next(filter(None, (boundary.stalled(seconds) for boundary in boundaries)), None)

    # end ------------------------------------------------------------------------------------------

    def close(self, grace: float) -> None:
        """Stop: claim no more, finish the pages in hand within ``grace`` seconds, then end every thread."""
        deadline = time.monotonic() + grace
        self._stop.set()
        self._queues.claims.close()
        self._queues.pages.close()
        self._queues.corrections.close()
        self._queues.results.release()
        if not join_until(self._readers, deadline):
            self._log.warning("the grace is over, pages in hand go back", seconds=grace)
            self._read.interrupt()
        if not join_until(self._corrector, deadline):
            self._correct.interrupt()
        self._queues.results.close()
        join_until(self._threads, max(deadline, time.monotonic()) + JOIN_SECONDS)
        for thread in self._threads:
            if thread.is_alive():
                message = "left behind; its work is taken up at the next start"
                self._log.warning(message, thread=thread.name)

    def kill(self) -> None:
        """End every child at once, from a signal handler."""
        self._read.interrupt()
        self._correct.interrupt()
