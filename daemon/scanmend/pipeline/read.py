"""The read step: each slot takes one job after the other from the scheduler and lets its OCR child do it."""

import dataclasses
import functools
import os
import threading

from scanmend.backoff import Again, decide
from scanmend.document import WAITS, Document, State
from scanmend.errors import (
    ChildError,
    Damaged,
    DocumentError,
    EngineUnusable,
    MachineError,
    ProtocolError,
    ScanmendError,
)
from scanmend.intake.events import Look
from scanmend.page import PageError, PageText
from scanmend.pipeline.context import PAGE_OVERHEAD_SECONDS, Context, CurrentContext, Stores
from scanmend.pipeline.queues import PageToCorrect, Queues
from scanmend.pipeline.read_slot import ReadSlot, ReadSlots
from scanmend.pipeline.scheduler import ContentsJob, Job, PageJob
from scanmend.store.parts import allowance
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary, Failure
from scanmend.telemetry.metrics import PAGE_FAILURES, PAGE_SECONDS, PAGES, UNREAD_PAGES
from scanmend.workers.client import Child
from scanmend.workers.protocol import ContentsRequest, PageRequest

# under this page number the journal counts failed attempts to find out what a file holds
CONTENTS_PAGE_NUMBER = -1


class Read:
    """The read step. ``run`` is the body of each slot's thread."""

    def __init__(self, context: CurrentContext, stores: Stores, queues: Queues) -> None:
        """Take jobs from ``queues.pages``.

        Put pages into ``queues.corrections``, failed documents into ``queues.results``, and files that must settle
        again into ``queues.events``.
        """
        self._context = context
        self._stores = stores
        self._queues = queues
        self._slots = ReadSlots()
        # two slots may take the first two pages of a document, and only one may move it to READING
        self._begin_lock = threading.Lock()
        self._stopping = False
        self._log = log.get("read")
        self.boundary = ErrorBoundary(self._log)

    def run(self, stop: threading.Event) -> None:
        """Do jobs until the scheduler is closed."""
        self._slots.run_in(self._context.get(), functools.partial(self._do_jobs, stop))

    def _do_jobs(self, stop: threading.Event, slot: ReadSlot) -> None:
        while not stop.is_set():
            self._queues.results.wait_before_read()
            job = self._queues.pages.take(self._context.get().settings.ocr.idle_unload)
            context = self._context.get()
            slot.prepare(context, idle=job is None)
            if job:
                slot.count_job()
                limit = context.settings.ocr.page_timeout + PAGE_OVERHEAD_SECONDS
                with self._stores.liveness.task("a page", limit):
                    self.do(job, slot.child, context)

    def interrupt(self) -> None:
        """End the children at once: the grace period is over. The jobs in hand go back, and no attempt is counted."""
        self._stopping = True
        self._slots.kill_all()

    def do(self, job: Job, child: Child, context: Context) -> None:
        """Do one job; record its outcome in the journal and the scheduler. Never raise."""
        work = functools.partial(self._try, job, child, context)
        name = functools.partial(self._stores.name_of, job.document)
        failure = self.boundary.attempt(work, own_key=job.document, document=name)
        if failure:
            self._queues.pages.give_back(job, failure.delay)
            if not failure.is_bug:
                self.boundary.best_effort(functools.partial(self._note_wait, job, failure))

    def _note_wait(self, job: Job, failure: Failure) -> None:
        document = self._stores.journal.document(job.document)
        # the document may have failed at another page meanwhile: then it keeps that reason
        if document.state in (State.QUEUED, State.READING):
            self._stores.journal.note_reason(document, f"{WAITS}: {failure.reason}")

    def _try(self, job: Job, child: Child, context: Context) -> None:
        """Do one job, and handle an error of the file or the child. Raise MachineError and unforeseen errors."""
        document = self._as_reading(job)
        if document.state != State.READING:  # it failed at another page meanwhile
            self._queues.pages.drop(document.id)
            return
        try:
            if isinstance(job, ContentsJob):
                self._look_into(document, child, context)
            else:
                self._read_page(document, job.number, child, context)
        except ScanmendError as error:
            if isinstance(error, ChildError):
                # after an unforeseen error, a library may return the page before
                child.end()
            self._handle_error(job, document, error, context)
        else:
            self._queues.pages.done(job)

    def _as_reading(self, job: Job) -> Document:
        """Return the job's document, moved to READING if it was QUEUED."""
        with self._begin_lock:
            document = self._stores.journal.document(job.document)
            if document.state == State.QUEUED:
                document = self._stores.journal.move(document, State.READING, "a reader is free")
        return document

    # the two kinds of jobs ------------------------------------------------------------------------

    def _look_into(self, document: Document, child: Child, context: Context) -> None:
        """Find out what the file holds, store its attachments, and queue its pages."""
        limits, pdf = context.settings.limits, context.settings.pdf
        doubts = document.end_doubts
        allowed = allowance(document, limits)
        request = ContentsRequest(
            file=self._path(document),
            max_pages=limits.pages,
            max_pixels=limits.pixels,
            passwords=pdf.passwords,
            extract=pdf.attachments == "extract",
            max_bytes=int(limits.file_size),
            room_parts=allowed.parts,
            room_bytes=allowed.size,
            depth=allowed.depth,
            ancestors=allowed.lineage,
            doubtful=bool(doubts),
        )
        contents = child.ask(request, context.settings.ocr.page_timeout)
        warnings = (*(doubt.warning for doubt in doubts), *contents.warnings)
        contents = dataclasses.replace(contents, warnings=warnings)
        if contents.off_pages:
            reason = "; ".join(contents.off_pages)
            self._log.warning("not on the pages", document=document.name, reason=reason)
        parts = self._stores.inbox.parts.take(document, contents.parts, limits, child.scratch)
        self._stores.journal.keep_contents(document, contents, parts)
        self._queues.pages.add_pages(document.id, range(contents.pages), document.first_seen)

    def _read_page(self, document: Document, number: int, child: Child, context: Context) -> None:
        settings, licence = context.settings, context.settings.aspose.licence
        request = PageRequest(
            file=self._path(document),
            index=number,
            engine=context.engine,
            languages=settings.ocr.languages,
            dpi=settings.ocr.dpi,
            rotate=settings.ocr.rotate,
            pdf_text=settings.pdf.text,
            max_pixels=settings.limits.pixels,
            licence_file=os.fsencode(licence) if licence else None,
            allow_evaluation=settings.aspose.allow_evaluation,
            passwords=settings.pdf.passwords,
        )
        text = child.ask(request, settings.ocr.page_timeout)
        if text.error:
            raise ProtocolError("the OCR child reported an error as a page")
        self._stores.journal.pages.keep_text(document.id, text)
        seconds = sum(text.seconds.values())
        PAGES.labels("read").inc()
        PAGE_SECONDS.labels("read").inc(seconds)
        if text.unread:
            UNREAD_PAGES.inc()
        page_log = self._log.bind(document=document.name, page=number + 1)
        page_log.info(
            "page read", of=document.pages, seconds=round(seconds, 2), lines=len(text.lines)
        )
        for warning in text.warnings:
            page_log.warning("page read with a warning", reason=warning)
        self._queues.corrections.put(PageToCorrect(document.id, number))

    def _path(self, document: Document) -> bytes:
        """Return the path that the child opens. Raise MachineError if the file is gone, or a link has replaced it."""
        if not self._stores.inbox.holds(document):
            raise MachineError(f"{document.name} is not in the inbox any more")
        return self._stores.inbox.file(document)

    # errors ---------------------------------------------------------------------------------------

    def _handle_error(
        self, job: Job, document: Document, error: ScanmendError, context: Context
    ) -> None:
        """Handle an error of the job: drop, retry or fail the document. Raise the error again if it is this machine's.

        The document is moved before its jobs are dropped: if the journal can't be written, the caller gives the job
        back to the scheduler, which must still know the document.
        """
        if self._stopping:
            self._queues.pages.give_back(job)
            return
        document = self._stores.journal.document(document.id)
        change = self._stores.inbox.change(document)
        if change and document.state == State.READING:
            self._stores.journal.move(document, State.GONE, change)
            self._queues.pages.drop(document.id)
            self._stores.inbox.parts.drop_below(document)
            self._log.info("gone", document=document.name, reason=str(change))
            return
        if isinstance(error, ChildError):
            self._handle_failed_attempt(job, document, error, context)
        elif isinstance(error, EngineUnusable) and context.one_shot:
            self._fail(document, str(error), error)  # nobody will repair the engine meanwhile
        elif isinstance(error, MachineError):
            raise self._stores.inbox.blamed(error, document)
        elif not isinstance(error, DocumentError):
            raise error
        elif self._may_be_unfinished(document, job, error, context):
            self._wait_for_rest(job, document, error)
        else:
            self._give_up(job, document, str(error), error, context)

    def _handle_failed_attempt(
        self, job: Job, document: Document, error: ChildError, context: Context
    ) -> None:
        """Count a failed attempt. Try again, or fail the document after the last one."""
        row = job.number if isinstance(job, PageJob) else CONTENTS_PAGE_NUMBER
        attempts = self._stores.journal.pages.count_attempt(document.id, row, str(error))
        PAGE_FAILURES.inc()
        decision = decide(error, attempts, context.settings.ocr.attempts, pauses=0)
        if not isinstance(decision, Again):
            reason = _reason_after_last_attempt(document, job, error, attempts)
            self._give_up(job, document, reason, error, context)
            return
        page = job.number + 1 if isinstance(job, PageJob) else None
        self._log.warning(
            "page failed, trying again",
            document=document.name,
            page=page,
            attempt=attempts,
            reason=str(error),
        )
        self._queues.pages.give_back(job, decision.delay)

    def _give_up(
        self, job: Job, document: Document, reason: str, error: ScanmendError, context: Context
    ) -> None:
        """Fail the document; or store in place of the page that it could not be read, if ``on_bad_page`` says so."""
        publishes = context.publishes_without_bad_pages(document.profile)
        is_reading = self._stores.journal.document(document.id).state == State.READING
        if not (isinstance(job, PageJob) and publishes and is_reading):
            self._fail(document, reason, error)
            return
        page = PageText.failed(job.number, PageError(error.code, reason))
        self._stores.journal.pages.keep_text(document.id, page)
        self._log.warning(
            "published without a page", document=document.name, page=job.number + 1, reason=reason
        )
        self._queues.corrections.put(PageToCorrect(document.id, job.number))
        self._queues.pages.done(job)

    def _may_be_unfinished(
        self, document: Document, job: Job, error: ScanmendError, context: Context
    ) -> bool:
        """Return whether the file must wait as an incomplete one does: its end looks odd, and it does not open."""
        does_not_open = isinstance(job, ContentsJob) and isinstance(error, Damaged)
        return not context.one_shot and does_not_open and bool(document.end_doubts)

    def _wait_for_rest(self, job: Job, document: Document, error: ScanmendError) -> None:
        """Let the file settle again. By the hash in the journal, the claim step knows that this version was tried."""
        doubts = "; ".join(doubt.what for doubt in document.end_doubts)
        reason = f"incomplete: {doubts}; {error}"
        if self._stores.journal.document(document.id).state == State.READING:
            self._stores.journal.move(document, State.SETTLING, reason)
            self._log.info("waiting again", document=document.name, reason=reason)
            self._queues.events.put(Look(document.path))
        # not ``drop``: the claim step may have added the document again by now
        self._queues.pages.done(job)

    def _fail(self, document: Document, reason: str, error: ScanmendError) -> None:
        if self._stores.journal.document(document.id).state == State.READING:
            self._stores.journal.move(document, State.PUTTING_AWAY, reason, outcome=error.code)
            self._queues.results.put(document.id)
        self._queues.pages.drop(document.id)


def _reason_after_last_attempt(
    document: Document, job: Job, error: ScanmendError, attempts: int
) -> str:
    """Return the reason of a document that failed after the last attempt of a page, and the remedy."""
    page = f"page {job.number + 1}" if isinstance(job, PageJob) else "looking into the file"
    reason = f"{document.name}: {page} failed {attempts} times: {error}"
    if error.remedy:
        return reason
    advice = error.advice.rstrip(".").replace("`", "")
    return f"{reason}; {advice[0].lower()}{advice[1:]}"
