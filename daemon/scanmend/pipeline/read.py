"""Reading: each slot owns one OCR child and takes one page after the other from the schedule."""

import contextlib
import dataclasses
import os
import threading
from collections.abc import Callable

from scanmend.backends.ocr_engines import environment
from scanmend.backoff import Again, Fail, Pause, decide
from scanmend.config.settings import Settings
from scanmend.document import Document, State
from scanmend.errors import ChildError, Damaged, FolderGone, MachineError, ScanmendError
from scanmend.intake.inbox import Inbox
from scanmend.pipeline.scheduler import CONTENTS, Job, Scheduler
from scanmend.store.journal import Journal
from scanmend.store.parts import allowance
from scanmend.telemetry import log
from scanmend.telemetry.liveness import Liveness
from scanmend.telemetry.metrics import FAILURES, PAGES, SECONDS
from scanmend.workers.client import Child
from scanmend.workers.protocol import ContentsRequest, PageRequest
from scanmend.workers.sandbox import Sandbox, home

SPARE = 60.0  # seconds that a page may take beyond its limit, in the journal and at the end of its child
_REMEDY = "scan or export it again, or try once more: scanmend retry"
_REMEDIES = {
    "timed-out": f"raise ocr.page_timeout, or {_REMEDY}",
    "out-of-memory": f"raise ocr.memory, or {_REMEDY}",
}
WORN = 0.75  # share of ocr.memory from which a child is replaced
BEHIND = 100  # documents that may wait to be published while more are read
RECYCLE_AFTER = (
    500  # pages that one child reads: what a library leaks does not add up over the years
)


class Read:
    """The read step; ``run`` is the body of each slot's thread."""

    def __init__(
        self,
        inbox: Inbox,
        journal: Journal,
        schedule: Scheduler,
        settings: Settings,
        engine: str,
        correct: Callable[[int, int], None],
        put_away: Callable[[int], None],
        liveness: Liveness,
        let_pass: Callable[[int, threading.Event], None],
    ) -> None:
        """``engine`` as chosen; ``correct`` takes a document's id and page, ``put_away`` a failed one's id.

        ``let_pass``: ``Publish.let_pass``.
        """
        # has the watcher look at a path, set by who builds the line; None: a file that may be unfinished fails
        self.again: Callable[[bytes], None] | None = None
        self.settings = settings
        self.engine = engine
        self._inbox = inbox
        self._journal = journal
        self._schedule = schedule
        self._correct = correct
        self._put_away = put_away
        self._liveness = liveness
        self._let_pass = let_pass
        self._begin = (
            threading.Lock()
        )  # two slots may take the first two pages of a resumed document
        self._pauses = 0
        self._children: set[Child] = set()
        self._stopping = False
        self._log = log.get("read")

    def run(self, stop: threading.Event) -> None:
        """Read pages until the schedule is closed."""
        child = self._new_child()
        pages = 0
        engine = self.engine
        try:
            while not stop.is_set():
                self._let_pass(BEHIND, stop)
                job = self._schedule.take(self.settings.ocr.idle_unload)
                if (
                    job is None
                    or pages >= RECYCLE_AFTER
                    or engine != self.engine
                    or self._worn(child)
                ):
                    child.end()
                    pages = 0
                    if engine != self.engine:
                        self._children.discard(child)
                        engine, child = self.engine, self._new_child()
                if job:
                    pages += 1
                    with self._liveness.task("a page", self.settings.ocr.page_timeout + SPARE):
                        self._careful_turn(child, job)
        finally:
            child.end()
            self._children.discard(child)

    def interrupt(self) -> None:
        """The grace is over: end the children; the pages in hand go back without an attempt counted."""
        self._stopping = True
        for child in list(self._children):
            child.kill()

    def _new_child(self) -> Child:
        env = environment(self.settings, self.engine)
        box = Sandbox(home(self.settings.folders.state))
        child = Child(
            "scanmend.ocr", f"OCR ({self.engine})", env, int(self.settings.ocr.memory), box
        )
        self._children.add(child)
        return child

    def _worn(self, child: Child) -> bool:
        """Whether it has grown so large that the next page might not have room."""
        return child.memory() > WORN * self.settings.ocr.memory > 0

    def _careful_turn(self, child: Child, job: Job) -> None:
        """The mouth of the loop: a bug of ours costs time, not the slot."""
        try:
            self.turn(child, job)
        except Exception:  # noqa: BLE001
            self._log.exception("a bug; the page is tried again", document_id=job.document)
            self._schedule.give_back(job, 60)

    def turn(self, child: Child, job: Job) -> None:
        """Do one job; whatever comes of it stands in the journal and the schedule afterwards."""
        try:
            document = self._journal.document(job.document)
            with self._begin:
                document = self._journal.document(job.document)
                if document.state == State.QUEUED:
                    document = self._journal.move(document, State.READING, "a reader is free")
            if document.state != State.READING:  # failed at another page meanwhile
                self._schedule.drop(job.document)
                return
            if job.number == CONTENTS:
                self._contents(child, document)
            else:
                self._page(child, document, job.number)
            self._pauses = 0
            self._schedule.done(job)
        except ScanmendError as error:
            if isinstance(error, ChildError):
                child.end()  # after an error that nobody foresaw, a library may answer with the page before
            self._failed(job, error)

    def _contents(self, child: Child, document: Document) -> None:
        limits, pdf = self.settings.limits, self.settings.pdf
        doubts = document.end_doubts
        allowed = allowance(document, limits)
        request = ContentsRequest(
            self._path(document),
            limits.pages,
            limits.pixels,
            pdf.passwords,
            extract=pdf.attachments == "extract",
            max_bytes=int(limits.file_size),
            room_parts=allowed.parts,
            room_bytes=allowed.size,
            depth=allowed.depth,
            ancestors=allowed.lineage,
            doubtful=bool(doubts),
        )
        contents = child.ask(request, self.settings.ocr.page_timeout)
        contents = dataclasses.replace(
            contents, warnings=(*(d.warning for d in doubts), *contents.warnings)
        )
        if contents.off_pages:
            self._log.warning(
                "not on the pages", document=document.name, reason="; ".join(contents.off_pages)
            )
        parts = self._inbox.parts.take(document, contents.parts, limits, child.scratch)
        self._journal.keep_contents(document, contents, parts)
        self._schedule.add(document.id, list(range(contents.pages)), document.first_seen)

    def _page(self, child: Child, document: Document, number: int) -> None:
        ocr, licence = self.settings.ocr, self.settings.aspose.licence
        request = PageRequest(
            file=self._path(document),
            index=number,
            engine=self.engine,
            languages=ocr.languages,
            dpi=ocr.dpi,
            rotate=ocr.rotate,
            pdf_text=self.settings.pdf.text,
            max_pixels=self.settings.limits.pixels,
            licence_file=os.fsencode(licence) if licence else None,
            allow_evaluation=self.settings.aspose.allow_evaluation,
            passwords=self.settings.pdf.passwords,
        )
        text = child.ask(request, ocr.page_timeout)
        self._journal.pages.keep_text(document.id, text)
        PAGES.labels("read").inc()
        SECONDS.labels("read").inc(sum(text.seconds.values()))
        self._log.info("page read", document=document.name, page=number + 1, of=document.pages,
                       seconds=round(sum(text.seconds.values()), 2), lines=len(text.lines))  # fmt: skip
        for warning in text.warnings:
            self._log.warning(
                "page read with a warning", document=document.name, page=number + 1, reason=warning
            )
        self._correct(document.id, number)

    def _path(self, document: Document) -> bytes:
        """For the child, which opens it by itself: a link that took its place must not lead it elsewhere."""
        if not self._inbox.holds(document):
            raise FolderGone(f"{document.name} is not in the inbox any more")
        return self._inbox.file(document)

    def _failed(self, job: Job, error: ScanmendError) -> None:
        """Decide what follows, and do it."""
        if self._stopping:
            self._schedule.give_back(job)
            return
        attempts = 0
        document = self._journal.document(job.document)
        try:
            gone = self._inbox.changed(document)
            if gone and document.state == State.READING:
                self._schedule.drop(document.id)
                self._journal.move(document, State.GONE, gone)
                self._inbox.parts.drop_below(document)
                self._log.info("gone", document=document.name, reason=gone)
                return
            if isinstance(error, ChildError):
                attempts = self._journal.pages.count_attempt(document.id, job.number, str(error))
                FAILURES.inc()
        except MachineError as machine_error:
            error = machine_error
        match decide(error, attempts, self.settings.ocr.attempts, self._pauses):
            case Again(delay):
                self._log.warning("page failed, trying again", document=document.name, page=job.number + 1,
                                  attempt=attempts, reason=str(error))  # fmt: skip
                self._schedule.give_back(job, delay)
            case Pause(delay):
                say = (
                    self._log.debug if self._pauses else self._log.warning
                )  # no storm while it lasts
                say("waiting for the machine", document=document.name, reason=str(error))
                self._pauses += 1
                with contextlib.suppress(MachineError):
                    self._journal.note_reason(document, f"waits: {error}")
                self._schedule.give_back(job, delay)
            case Fail("permanent") if self._may_be_unfinished(document, job, error):
                self._wait(document, error)
            case Fail(kind):
                self._fail(document, job, kind, error)

    def _may_be_unfinished(self, document: Document, job: Job, error: ScanmendError) -> bool:
        """Return whether the file's end was odd and nothing opens all of it: then it waits as an incomplete one."""
        unopened = job.number == CONTENTS and isinstance(error, Damaged)
        return self.again is not None and unopened and bool(document.end_doubts)

    def _wait(self, document: Document, error: ScanmendError) -> None:
        """Put the document back among the waiting; the claim step knows by its hash that this version was tried."""
        odd = "; ".join(doubt.what for doubt in document.end_doubts)
        reason = f"incomplete: {odd}; {error}"
        self._schedule.drop(document.id)
        if self._journal.document(document.id).state == State.READING:
            self._journal.move(document, State.SETTLING, reason)
            self._log.info("waiting again", document=document.name, reason=reason)
            if self.again:
                self.again(document.path)

    def _fail(self, document: Document, job: Job, kind: str, error: ScanmendError) -> None:
        reason = str(error)
        if kind == "exhausted":
            page = "looking into the file" if job.number == CONTENTS else f"page {job.number + 1}"
            reason = f"{document.name}: {page} failed {self.settings.ocr.attempts} times: {reason}"
            reason += f"; {_REMEDIES.get(error.code, _REMEDY)}"
        self._schedule.drop(document.id)
        if self._journal.document(document.id).state == State.READING:
            self._journal.move(document, State.PUTTING_AWAY, reason, outcome=error.code)
            self._put_away(document.id)
