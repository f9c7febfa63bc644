"""Publishing: the text, the sidecar last, then the original is put away. Every step can be done again.

The names are chosen and written in the journal before the first byte, so that a crash at any point leads
to the same names, and an original is only touched when its result is on disk.
"""

import contextlib
import functools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator

from scanmend.backoff import back_off
from scanmend.config.settings import FoldersSettings
from scanmend.document import Document, FactKey, State
from scanmend.errors import DiskFull, FolderGone, MachineError, machine_error, show
from scanmend.formats import error_report, sidecar
from scanmend.formats.registry import extensions
from scanmend.formats.result import Result
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Leases
from scanmend.page import PageResult
from scanmend.store import atomic, naming
from scanmend.store.journal import PUBLISHED, Journal
from scanmend.store.mounts import Root
from scanmend.telemetry import log

TURN = 0.02  # seconds until who lets others pass looks again


class Publish:
    """The publish step. One thread runs ``run``; ``submit`` comes from any."""

    def __init__(
        self,
        inbox: Inbox,
        journal: Journal,
        folders: FoldersSettings,
        originals: str,
        roots: dict[str, Root],
        again: Callable[[bytes], None],
        leases: Leases | None = None,
    ) -> None:
        """``originals``: archive, keep or delete. ``again``: the inbox has a new version of this path."""
        self.originals = originals
        self._inbox = inbox
        self._journal = journal
        self._folders = {
            name: os.fsencode(getattr(folders, name)) for name in ("outbox", "archive", "failed")
        }
        self._roots = roots
        self._again = again
        self._leases = leases
        self._queue: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._later: dict[
            int, tuple[float, int]
        ] = {}  # document -> not before, times put off; only run writes
        self.added: Callable[[Document], None] = lambda _: (
            None
        )  # takes a part; set by who builds the line
        self.keep_failed = False  # `scanmend process`: an original is never touched
        self.stuck = ""  # why nothing can be put out now; read by the claim, which takes no more in
        self._log = log.get("publish")

    def submit(self, document: int) -> None:
        """A document whose pages are all there, or that failed."""
        self._queue.put(document)

    def let_pass(self, most: int, stop: threading.Event) -> None:
        """Return when no more than ``most`` documents are before this step: results first, then more work."""
        while self._queue.qsize() > most and not stop.wait(TURN):
            pass

    def close(self) -> None:
        """Let ``run`` end after the document in hand."""
        self._queue.put(None)

    def run(self, stop: threading.Event) -> None:
        """One document after the other; one that can't be put out now does not hold up the others."""
        while not stop.is_set():
            due = min((when for when, _ in self._later.values()), default=None)
            try:
                wait = None if due is None else max(0.0, due - time.monotonic())
                number = self._queue.get(timeout=wait)
                if number is None:
                    return
                self._careful_turn(number)
            except queue.Empty:
                ready = [n for n, (when, _) in self._later.items() if when <= time.monotonic()]
                for number in ready:
                    if not stop.is_set():
                        self._careful_turn(number)

    def _careful_turn(self, number: int) -> None:
        """The mouth of the loop: what the machine can't do now is put off, and said."""
        try:
            self.turn(self._journal.document(number))
            self._later.pop(number, None)
            atomic.retry_removals()
            if self.stuck:
                self.stuck = ""
                self._later = {other: (0.0, times) for other, (_, times) in self._later.items()}
                self._journal.facts.clear(FactKey.PUBLISH)
                self._log.info("publishing again")
        except (DiskFull, FolderGone) as error:
            self._put_off(number, str(error))
            self._say_stuck(str(error))
        except MachineError as error:
            self._put_off(number, str(error))
        except Exception as error:  # noqa: BLE001
            self._log.exception("a bug; the document is tried again", document_id=number)
            self._put_off(number, f"{type(error).__name__}: {error}")

    def _put_off(self, number: int, reason: str) -> None:
        """Try this document again later; the others go on."""
        times = self._later.get(number, (0.0, 0))[1]
        self._later[number] = (time.monotonic() + back_off(times), times + 1)
        document = self._journal.document(number)
        if document.outcome in ("", "published"):  # the reason of a failure is still to be reported
            with contextlib.suppress(MachineError):
                self._journal.note_reason(document, f"waits: {reason}")
        if times == 0:
            self._log.warning("waiting for the machine", document=document.name, reason=reason)

    def _say_stuck(self, reason: str) -> None:
        """Nothing can be put out now: the claim takes no more in."""
        if reason != self.stuck:
            self.stuck = reason
            with contextlib.suppress(MachineError):  # the log has said it
                self._journal.facts.set(FactKey.PUBLISH, "waiting", reason)

    def turn(self, document: Document) -> None:
        """Publish what is to be published and put the original away, from wherever it was left off."""
        try:
            if document.state == State.PUBLISHING:
                document = self._publish(document)
            if document.state == State.PUTTING_AWAY:
                self._put_away(document)
            if self._leases and document.part is None:
                self._leases.let_go(document.path)
        except OSError as error:
            path = show(os.fsencode(error.filename)) if error.filename else "the outbox"
            raise machine_error(error, f"putting out {document.name}: {path}") from None

    # the result -----------------------------------------------------------------------------------

    def _publish(self, document: Document) -> Document:
        self._check("outbox")
        folder = naming.result_folder(self._folders["outbox"], document.path)
        begun = document.stem is not None
        changed = self._published_elsewhere(document) or self._inbox.changed(document)
        if changed and not (begun and self._is_ours(folder, document)):
            self._unwind(document, folder)
            gone = self._journal.move(document, State.GONE, changed)
            self._inbox.parts.drop_below(document)
            self._log.info("gone", document=document.name, reason=changed)
            if document.part is None:
                self._again(document.path)
            return gone
        atomic.make_folder(folder)
        stem = document.stem
        if stem is None:
            stem = self._free_stem(document)
            document = self._journal.note_stem(document, stem)
        result = Result(document, stem, functools.partial(self._results, document))
        for name, content in result.files(self._journal.pages.attempts(document.id)):
            atomic.write(os.path.join(folder, name), content)
        self._log.info(
            "published", document=document.name, text=show(result.names["text"]),
            correction=result.summary.status,
        )  # fmt: skip
        document = self._journal.move(document, State.PUTTING_AWAY, "published", outcome=PUBLISHED)
        for part in self._journal.parts_in_line(document):
            self._log.info("attachment queued", document=part.name, part_of=document.name)
            self.added(part)
        return document

    def _published_elsewhere(self, document: Document) -> str | None:
        """Who was silent for too long asks before it publishes: another daemon may have taken the document over."""
        leases = self._leases if document.part is None else None  # a part is this daemon's
        other = leases.acquire(document.path) if leases else None
        if other and other.sha256:
            return f"published by {other.owner}, which took it over"
        if other:
            raise MachineError(f"{other.owner} took it over; its end is waited for")
        return None

    def _results(self, document: Document) -> Iterator[PageResult]:
        return (self._journal.pages.result(document.id, n) for n in range(document.pages or 0))

    def _free_stem(self, document: Document) -> str:
        return naming.free_stem(
            self._folders["outbox"], document.path, document.sha256, extensions(),
            lambda path: sidecar.is_of(path, document),
        )  # fmt: skip

    def _is_ours(self, folder: bytes, document: Document) -> bool:
        """Whether the sidecar stands: then the result is complete, whatever became of the original."""
        path = os.path.join(folder, naming.fit(document.stem or "", naming.SIDECAR))
        return os.path.isfile(path) and sidecar.is_of(path, document)

    def _unwind(self, document: Document, folder: bytes) -> None:
        """Remove the files that were written for a version that is no more: they have no sidecar."""
        if document.stem is not None:
            for extension in extensions():
                path = os.path.join(folder, naming.fit(document.stem, extension))
                if extension != naming.SIDECAR and os.path.isfile(path):
                    os.unlink(path)

    # the original ---------------------------------------------------------------------------------

    def _put_away(self, document: Document) -> None:
        published = document.outcome == PUBLISHED
        final = State.DONE if published else State.FAILED
        if not published:
            self._inbox.parts.drop_below(document)
        elif document.part is not None:
            self._inbox.parts.drop(document)
            self._journal.move(
                document, final, "published; its bytes lie in the file that it was in"
            )
            return
        policy = self.originals if published else "failed"
        if policy == "keep" or (not published and self.keep_failed):
            reason = "published; the original stays" if published else document.reason
            self._journal.move(document, final, reason, kept=True)
            return
        changed = self._inbox.changed(document)
        if policy == "delete":
            if not changed:
                os.unlink(self._inbox.absolute(document.path))
                atomic.sync_folder(os.path.dirname(self._inbox.absolute(document.path)))
            self._journal.move(
                document, final, f"published; {changed or 'the original was deleted'}"
            )
            return
        document, where = self._move_away(document, "archive" if published else "failed", changed)
        reason = f"published; {where}" if published else f"{document.reason}"
        self._journal.move(document, final, reason)
        self._inbox.parts.drop(document)
        if not published:
            self._log.error(
                "failed", document=document.name, reason=document.reason, original=where
            )
        if changed and changed.startswith("changed"):
            self._again(document.path)

    def _move_away(
        self, document: Document, folder: str, changed: str | None
    ) -> tuple[Document, str]:
        """Move the original to archive/ or failed/; done already, half done and taken away are all met."""
        self._check(folder)
        source = self._inbox.file(document)
        if document.put_away is None:
            if changed:
                return document, f"the original was {changed}"
            document = self._choose_place(document, folder)
        target = document.put_away
        assert target is not None
        moved = os.path.lexists(target)
        if changed and not moved:
            return document, f"the original was {changed}"
        if folder == "failed":
            report = error_report.write(document, self._journal.pages.attempts(document.id))
            atomic.write(naming.error_report(target), [report])
        if changed:
            return document, f"the original is in {show(target)}"
        if not moved:
            atomic.move(source, target)
        elif (
            atomic.sha256_of(target) == document.sha256
        ):  # a crash between the copy and the removal
            os.unlink(source)
            atomic.sync_folder(os.path.dirname(source))
        else:  # another file took the place meanwhile
            return self._move_away(self._choose_place(document, folder), folder, changed)
        return document, f"the original is in {show(target)}"

    def _choose_place(self, document: Document, folder: str) -> Document:
        parent = naming.kept_folder(self._folders[folder], document.path)
        atomic.make_folder(parent)
        target = naming.free_original(parent, document.path, document.sha256)
        return self._journal.note_put_away(document, target)

    def _check(self, folder: str) -> None:
        """A share that is away must not be taken for an empty folder."""
        reason = self._roots[folder].check()
        if reason:
            raise FolderGone(f"folders.{folder}: {reason}")
