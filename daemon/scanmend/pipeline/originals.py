"""Put the original of a published or failed document away, as ``originals`` says."""

import os
from dataclasses import dataclass

from scanmend.document import Document, State
from scanmend.errors import show
from scanmend.formats import error_report
from scanmend.intake.events import Look
from scanmend.intake.inbox import Change
from scanmend.pipeline import handover
from scanmend.pipeline.context import CurrentContext, Stores
from scanmend.pipeline.folders import require
from scanmend.pipeline.queues import Queues
from scanmend.store import atomic, naming
from scanmend.store.journal import PUBLISHED
from scanmend.store.mounts import Root
from scanmend.telemetry import log


@dataclass(frozen=True, slots=True)
class _Destination:
    """A folder for originals, and its key below ``folders``."""

    name: str
    root: Root


class Originals:
    """Puts originals away. Belongs to the publish step's thread; raises OSError and MachineError."""

    def __init__(self, context: CurrentContext, stores: Stores, queues: Queues) -> None:
        """Put the paths of replaced files into ``queues.events``."""
        self._context = context
        self._stores = stores
        self._queues = queues
        self._archive = _Destination("archive", stores.roots.archive)
        self._failed = _Destination("failed", stores.roots.failed)
        self._log = log.get("publish")

    def put_away(self, document: Document) -> None:
        """Put the original of a PUTTING_AWAY document away, and move the document to its final state."""
        if document.outcome == PUBLISHED:
            self._put_away_published(document)
        else:
            self._put_away_failed(document)

    def _put_away_published(self, document: Document) -> None:
        journal, inbox = self._stores.journal, self._stores.inbox
        if document.part is not None:
            inbox.parts.drop(document)
            reason = "published; its bytes lie in the file that it was in"
            journal.move(document, State.DONE, reason)
            return
        policy = self._context.get().settings.originals
        if policy == "keep":
            change = inbox.content_change(document)
            kept = change is not Change.REPLACED  # else its identity may be that of the new content
            where = "the original stays" if kept else f"the original was {change}"
            journal.move(document, State.DONE, f"published; {where}", kept=kept)
        elif policy == "delete":
            change = inbox.change(document) or handover.remove(inbox, document)
            reason = f"published; {f'the original was {change}' if change else 'the original was deleted'}"
            journal.move(document, State.DONE, reason)
        else:
            document, where, change = self._move_away(document, self._archive)
            journal.move(document, State.DONE, f"published; {where}")
        self._look_at_replacement(document, change)

    def _put_away_failed(self, document: Document) -> None:
        journal, inbox = self._stores.journal, self._stores.inbox
        inbox.parts.drop_below(document)
        if self._context.get().one_shot:
            journal.move(document, State.FAILED, document.reason, kept=True)
            return
        document, where, change = self._move_away(document, self._failed)
        journal.move(document, State.FAILED, document.reason)
        inbox.parts.drop(document)
        self._log.error("failed", document=document.name, reason=document.reason, original=where)
        self._look_at_replacement(document, change)

    def _look_at_replacement(self, document: Document, change: Change | None) -> None:
        if change is Change.REPLACED:
            self._queues.events.put(Look(document.path))

    def _move_away(
        self, document: Document, destination: _Destination
    ) -> tuple[Document, str, Change | None]:
        """Move the original; return the document, where the original is in words for people, and what happened to it.

        An earlier try may have moved the original, a crash may have left it half moved, a person may have taken it
        away.
        """
        require(destination.root, destination.name)
        target = document.put_away
        if target is not None and os.path.lexists(target):
            return self._finish_move(document, target, destination)
        with handover.verified(self._stores.inbox, document) as original:
            if isinstance(original, Change):
                return document, f"the original was {original}", original
            if target is None:
                document, target = self._choose_path(document, destination)
            self._report(document, target, destination)
            change = original.move_to(target)
        if change is None:
            return document, f"the original is in {show(target)}", None
        if destination is self._failed:
            handover.remove_durably(naming.error_report(target))
        return document, f"the original was {change}", change

    def _finish_move(
        self, document: Document, target: bytes, destination: _Destination
    ) -> tuple[Document, str, Change | None]:
        """Go on where an earlier try ended, which may have made ``target``."""
        change = self._stores.inbox.change(document)
        if change is None and atomic.sha256_of(target) != document.sha256:
            # another file took the path meanwhile
            document, _ = self._choose_path(document, destination)
            return self._move_away(document, destination)
        self._report(document, target, destination)
        if change is None:  # a crash between copy and removal
            change = handover.remove(self._stores.inbox, document)
        return document, f"the original is in {show(target)}", change

    def _report(self, document: Document, target: bytes, destination: _Destination) -> None:
        """Write the error report beside a failed original."""
        if destination is self._failed:
            attempts = self._stores.journal.pages.attempts(document.id)
            atomic.write(naming.error_report(target), [error_report.write(document, attempts)])

    def _choose_path(self, document: Document, destination: _Destination) -> tuple[Document, bytes]:
        """Choose the path for the original, and record it before the move."""
        folder = naming.kept_folder(os.fsencode(destination.root.path), document.path)
        atomic.make_folder(folder)
        target = naming.free_original(folder, document.path, document.sha256)
        return self._stores.journal.note_put_away(document, target), target
