"""The pipeline of a document: the same steps for the daemon and for `scanmend process`.

Started from the last step to the first, so that each step finds the next one working; closed in reverse. What hands
files to the first step (the watcher, or a list of files) is started last and by the caller.
"""

import os
import threading
import time
from collections.abc import Callable

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
from scanmend.store.journal import Journal
from scanmend.store.parts import Parts
from scanmend.telemetry import log
from scanmend.telemetry.liveness import Pulse

_TAKEN_UP = "taken up after a restart"


def count_workers(settings: Settings) -> int:
    """Return how many pages are read at the same time."""
    return settings.ocr.workers or len(os.sched_getaffinity(0))


class Pipeline:
    """Claim, read, correct and publish with their threads."""

    def __init__(self, context: Context, journal: Journal, roots: Roots, events: Events) -> None:
        """Start nothing yet. ``events`` takes what the steps tell the watcher."""
        settings = context.settings
        self._context = CurrentContext(context)
        self.liveness = Pulse()
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
        self._stop = threading.Event()  # the threads end after the piece of work in hand
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
        """Return what the watcher works with."""
        queues, stores = self._queues, self._stores
        intake_log = IntakeLog(stores.journal, stores.leases, queues.results)
        return Intake(queues.events, queues.claims, intake_log)

    # start ----------------------------------------------------------------------------------------

    def start(self, workers: int) -> None:
        """Take up what an earlier run left, then start the threads, the claim step's last."""
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
        """Take up what a crash or a stop left, both in the same way: from the journal."""
        journal = self._stores.journal
        journal.pages.drop_orphans()
        if unreadable := journal.pages.drop_unreadable():
            what = "pages are read again: another version of scanmend kept them"
            self._log.warning(what, pages=unreadable)
        self._stores.inbox.parts.sweep(journal.parts_in_hand())
        left = 0
        for document in journal.in_state(*ACTIVE):
            left += 1
            if document.state == State.PUBLISHING and self._lacks_pages(document):
                why = "a page that was kept can't be used"
                self._resume_reading(journal.move(document, State.QUEUED, why))
            elif document.state in (State.PUBLISHING, State.PUTTING_AWAY):
                self._queues.results.put(document.id)
            else:
                self._resume_reading(document)
        if left:
            self._log.info("taking up what was left", documents=left)

    def _lacks_pages(self, document: Document) -> bool:
        _, corrected = self._stores.journal.pages.progress(document.id)
        return len(corrected) < (document.pages or 0)

    def _resume_reading(self, document: Document) -> None:
        """Queue the pages of a document that are not read, or not corrected."""
        journal, queues = self._stores.journal, self._queues
        if document.pages is None:
            if document.state == State.READING:
                journal.move(document, State.QUEUED, _TAKEN_UP)
            queues.pages.add_contents(document.id, document.first_seen)
            return
        if document.state == State.QUEUED:
            document = journal.move(document, State.READING, _TAKEN_UP)
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
        """Put another configuration in force. It holds from each step's next piece of work on."""
        self._context.replace(context)
        self._queues.corrections.put(ContextChanged())

    def dead_threads(self) -> list[str]:
        """Return the names of threads that ended though nobody stopped them."""
        if self._stop.is_set():
            return []
        return [thread.name for thread in self._threads if not thread.is_alive()]

    # end ------------------------------------------------------------------------------------------

    def close(self, grace: float) -> None:
        """Stop: claim no more, finish the pages in hand within ``grace`` seconds, then end the rest."""
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
                what = "left behind; its work is taken up at the next start"
                self._log.warning(what, thread=thread.name)

    def kill(self) -> None:
        """End every child at once, from a signal handler."""
        self._read.interrupt()
        self._correct.interrupt()
