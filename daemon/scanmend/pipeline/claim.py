"""The claim step: read a quiet file once, check that it is complete, and queue it as a document."""

import functools
import threading

from scanmend import errors
from scanmend.config.profiles import select
from scanmend.document import EndDoubt, FileSnapshot, State
from scanmend.durations import duration_text
from scanmend.errors import PathUnusable, show
from scanmend.intake.events import Claimed, InWorkElsewhere, NotReady, RetryOn
from scanmend.intake.inspection import Claimable, OverLimit, inspect
from scanmend.intake.lease_folders import Holder, InWork, PublishedMark
from scanmend.intake.work_queue import QueueClosed
from scanmend.pipeline.context import Context, CurrentContext, Stores
from scanmend.pipeline.queues import Queues
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary

MAX_CLAIM_RETRY_SECONDS = 10.0  # between two tries to claim a file during an outage, at most


class Claim:
    """The claim step. One thread runs ``run``."""

    def __init__(self, context: CurrentContext, stores: Stores, queues: Queues) -> None:
        """Take files from ``queues.claims``; put documents into ``queues.pages`` and answers into ``queues.events``."""
        self._context = context
        self._stores = stores
        self._queues = queues
        self.obstacle = ""  # why no file can be claimed now; other threads read it
        self._log = log.get("claim")
        self.boundary = ErrorBoundary(self._log, MAX_CLAIM_RETRY_SECONDS)

    def run(self, stop: threading.Event) -> None:
        """Claim one file after the other until the queue is closed."""
        while not stop.is_set():
            try:
                snapshot = self._queues.claims.get()
            except QueueClosed:
                return
            self._claim_when_possible(snapshot, stop)

    def _claim_when_possible(self, snapshot: FileSnapshot, stop: threading.Event) -> None:
        """Claim one file, and keep trying while this machine can't: the next file would meet the same outage."""
        claim = functools.partial(self.claim, snapshot)
        while not stop.is_set():
            self._queues.results.wait_before_claim()
            if stop.is_set():
                return
            failure = self.boundary.attempt(claim, document=show(snapshot.path))
            self.obstacle = failure.reason if failure and not failure.is_bug else ""
            if failure is None:
                return
            if failure.is_bug:
                self._queues.events.put(NotReady(snapshot.path, failure.reason))
                return
            stop.wait(failure.delay)

    def claim(self, snapshot: FileSnapshot) -> None:
        """Queue the file as a document, or tell the watcher why it is not ready. Raise MachineError."""
        context = self._context.get()
        with self._stores.leases.claiming(snapshot.path) as holder:
            if isinstance(holder, InWork):
                self._leave_to(holder, snapshot, context)
                return
            found = self._tried_before(snapshot) or self._inspect(snapshot, context)
            if isinstance(found, NotReady):
                self._queues.events.put(found)
                return
            if isinstance(holder, PublishedMark):
                if isinstance(found, Claimable) and found.sha256 == holder.sha256:
                    self._record_published_elsewhere(snapshot, holder)
                    return
                other = self._stores.leases.acquire(snapshot.path, superseding=holder)
                if other:
                    self._leave_to(other, snapshot, context)
                    return
            self._queue(snapshot, found, context)

    def _tried_before(self, snapshot: FileSnapshot) -> NotReady | None:
        """Return the old reason if this version of the file was opened before and sent back to wait; else None."""
        waiting = self._stores.journal.waiting(snapshot.path)
        if waiting and waiting.sha256 and waiting.identity == snapshot.identity:
            return NotReady(snapshot.path, waiting.reason, RetryOn.CHANGE)
        return None

    def _inspect(
        self, snapshot: FileSnapshot, context: Context
    ) -> Claimable | OverLimit | NotReady:
        """Look into the file; if this path alone can't be reached, the file waits and the next one is claimed."""
        try:
            max_bytes = context.settings.limits.file_size
            waits = not context.one_shot  # `scanmend process` was told to read the file now
            return inspect(self._stores.inbox, snapshot, max_bytes, waits_for_writers=waits)
        except PathUnusable as error:
            return NotReady(snapshot.path, error.what, RetryOn.REACH)

    def _leave_to(self, holder: Holder, snapshot: FileSnapshot, context: Context) -> None:
        """Leave the file to the daemon that holds its lease; try again later, for that daemon may die."""
        self._log.debug("in work elsewhere", document=show(snapshot.path), owner=holder.owner)
        retry_within = context.settings.watch.lease / 2
        reason = f"in work by {holder.owner}"
        self._queues.events.put(InWorkElsewhere(snapshot.path, reason, retry_within))

    def _record_published_elsewhere(self, snapshot: FileSnapshot, holder: PublishedMark) -> None:
        """Record that another daemon published this content, and that the file stays in the inbox."""
        journal = self._stores.journal
        with journal.transaction():
            document = journal.claim(snapshot, holder.sha256, "")
            if document:
                journal.move(document, State.GONE, f"published by {holder.owner}", kept=True)
        self._queues.events.put(Claimed(snapshot.path))

    def _queue(
        self, snapshot: FileSnapshot, found: Claimable | OverLimit, context: Context
    ) -> None:
        settings = context.settings
        profile = select(context.profiles, settings.profiles, snapshot.path)
        if isinstance(found, OverLimit):
            self._fail_over_limit(snapshot, profile.name, settings.limits.file_size)
            return
        doubts = []
        if found.odd_end:
            doubts = [_end_doubt(found.odd_end, settings.settle.doubtful)]
        document = self._stores.journal.claim(snapshot, found.sha256, profile.name, doubts)
        self._queues.events.put(Claimed(snapshot.path))
        if document is None:  # it is in work already
            return
        self._log.info("claimed", document=document.name, size=document.size, profile=profile.name)
        self._queues.pages.add_contents(document.id, document.first_seen)

    def _fail_over_limit(self, snapshot: FileSnapshot, profile: str, max_bytes: float) -> None:
        """Claim and fail the file in one transaction; claimed alone, it would be read after a restart."""
        limit = f"{max_bytes:,.0f} bytes (limits.file_size)"
        error = errors.TooBig(f"{show(snapshot.path)}: {snapshot.size:,} bytes, more than {limit}")
        journal = self._stores.journal
        with journal.transaction():
            document = journal.claim(snapshot, "", profile)
            if document:
                journal.move(document, State.PUTTING_AWAY, str(error), outcome=error.code)
        self._queues.events.put(Claimed(snapshot.path))
        if document:
            self._queues.results.put(document.id)


def _end_doubt(odd_end: str, waited: float) -> EndDoubt:
    """Return the doubt about a file's end, with the warning for the case that the file opens.

    ``waited``: seconds for which the file was quiet before it was claimed.
    """
    symptom = f"the end of the PDF looks incomplete: {odd_end}"
    after = f"; it was read after {duration_text(waited)} of quiet" if waited else ""
    return EndDoubt(symptom, symptom + after)
