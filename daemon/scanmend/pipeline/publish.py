"""The publish step: write the result, the sidecar last, then put the original away. Every part can be repeated.

The journal has the chosen names before the first byte is written, so that a restart after a crash uses the same names.
An original is touched only after its result is on disk.
"""

import functools
import os
import queue
import threading
import time

from scanmend.document import ACTIVE, WAITS, Document, FactKey, State
from scanmend.errors import DiskFull, FolderGone, MachineError, PathUnusable, machine_error, show
from scanmend.intake.work_queue import QueueClosed
from scanmend.pipeline.context import CurrentContext, Stores
from scanmend.pipeline.originals import Originals
from scanmend.pipeline.queues import Queues
from scanmend.pipeline.result_writer import ResultWriter
from scanmend.store import atomic, naming
from scanmend.store.journal import PUBLISHED
from scanmend.store.mounts import Root
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary, Failure


class Publish:
    """The publish step. One thread runs ``run``."""

    def __init__(self, context: CurrentContext, stores: Stores, queues: Queues) -> None:
        """Take documents from ``queues.results``.

        Put attachments into ``queues.pages``, and the paths of replaced files into ``queues.events``.
        """
        self._stores = stores
        self._queues = queues
        self._writer = ResultWriter(stores, queues)
        self._originals = Originals(context, stores, queues)
        self._postponed: dict[int, float] = {}  # document -> when to retry it (monotonic)
        self._log = log.get("publish")
        self.boundary = ErrorBoundary(self._log)

    def run(self, stop: threading.Event) -> None:
        """Publish one document after the other; postpone a document that can't be published now."""
        while not stop.is_set():
            try:
                self._guarded_turn(self._queues.results.get(self._timeout()))
            except queue.Empty:
                self._retry_postponed(stop)
            except QueueClosed:
                return

    def _timeout(self) -> float | None:
        """Return the seconds until the next postponed document is due; None if there is none."""
        if not self._postponed:
            return None
        return max(0.0, min(self._postponed.values()) - time.monotonic())

    def _retry_postponed(self, stop: threading.Event) -> None:
        now = time.monotonic()
        for number in [number for number, due in self._postponed.items() if due <= now]:
            if not stop.is_set():
                self._guarded_turn(number)

    def _guarded_turn(self, number: int) -> None:
        failure = self.boundary.attempt(
            functools.partial(self.turn, number),
            key=number,
            document=functools.partial(self._stores.name_of, number),
        )
        if failure:
            self._postpone(number, failure)
            return
        self._postponed.pop(number, None)
        atomic.retry_removals()
        if self._queues.results.obstacle:
            self._unblock()

    def _postpone(self, number: int, failure: Failure) -> None:
        """Postpone a document. If a folder or a disk is the cause, hold back the claim step."""
        self._postponed[number] = time.monotonic() + failure.delay
        self.boundary.best_effort(functools.partial(self._note_wait, number, failure))
        blocks = isinstance(failure.error, DiskFull | FolderGone)
        if blocks and failure.reason != self._queues.results.obstacle:
            self._queues.results.block(failure.reason)
            facts = self._stores.journal.facts
            state = functools.partial(facts.set, FactKey.PUBLISH, "waiting", failure.reason)
            self.boundary.best_effort(state)

    def _note_wait(self, number: int, failure: Failure) -> None:
        document = self._stores.journal.document(number)
        # the error report still needs the reason of a failed document
        if document.state in ACTIVE and document.outcome in ("", PUBLISHED):
            self._stores.journal.note_reason(document, f"{WAITS}: {failure.reason}")

    def _unblock(self) -> None:
        """Let the claim step go on, and retry the postponed documents now."""
        self._queues.results.unblock()
        self._postponed = dict.fromkeys(self._postponed, 0.0)
        facts = self._stores.journal.facts
        self.boundary.best_effort(functools.partial(facts.clear, FactKey.PUBLISH))
        self._log.info("publishing again")

    def turn(self, number: int) -> None:
        """Publish the document and put its original away, from wherever an earlier turn ended.

        Raise MachineError if a folder or the journal fails.
        """
        document = self._stores.journal.document(number)
        try:
            if document.state == State.PUBLISHING:
                document = self._writer.publish(document)
            if document.state == State.PUTTING_AWAY:
                self._originals.put_away(document)
            if document.part is None:
                self._stores.leases.release_if_done(document.path)
        except OSError as error:
            path = show(os.fsencode(error.filename)) if error.filename else "the outbox"
            doing = f"putting out {document.name}: {path}"
            raise self._blamed(machine_error(error, doing), document) from None

    def _blamed(self, error: MachineError, document: Document) -> MachineError:
        """Return PathUnusable if this document's path alone fails: then no other document waits for it.

        A full disk is a sub-folder's own only if that is on another disk than the folder around it.
        """
        root, folder = self._destination(document)
        if isinstance(error, DiskFull):
            alone = atomic.on_another_disk(folder, root.path)
        else:
            usable = root.check() is None and not atomic.why_unwritable(root.path)
            alone = isinstance(error, FolderGone) and usable
        return PathUnusable(error.what, error.remedy) if alone else error

    def _destination(self, document: Document) -> tuple[Root, bytes]:
        """Return the configured folder that the document's files go to now, and their folder below it."""
        roots = self._stores.roots
        if document.state == State.PUBLISHING:
            outbox = os.fsencode(roots.outbox.path)
            return roots.outbox, naming.result_folder(outbox, document.path)
        root = roots.archive if document.outcome == PUBLISHED else roots.failed
        return root, naming.kept_folder(os.fsencode(root.path), document.path)
