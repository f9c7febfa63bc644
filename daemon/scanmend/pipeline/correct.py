"""The correct step: the model proposes, the gate decides, the page's result goes into the journal.

One thread owns the model. It waits up to ``llm.idle_unload`` for the next page, then ends the model's process. A page
that arrives meanwhile stays in the queue until the thread takes it and starts the next process, so there is no race.
"""

import functools
import queue
import threading
import time

from scanmend.backends.llm_lifecycle import page_deadline
from scanmend.document import Document, State
from scanmend.intake.work_queue import QueueClosed
from scanmend.page import Correction, CorrectionStatus, PageResult
from scanmend.pipeline.context import PAGE_OVERHEAD_SECONDS, Context, CurrentContext, Stores
from scanmend.pipeline.page_correction import PageCorrector
from scanmend.pipeline.queues import ContextChanged, PageToCorrect, Queues
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary
from scanmend.telemetry.metrics import EDITS, PAGE_SECONDS, PAGES, SUSPECTS

MODEL_TRIES_PER_PAGE = 2  # LanguageModel.propose tries a page again after its process died


class Correct:
    """The correct step. One thread runs ``run``; only ``interrupt`` comes from another."""

    def __init__(self, context: CurrentContext, stores: Stores, queues: Queues) -> None:
        """Take pages from ``queues.corrections``; put fully corrected documents into ``queues.results``."""
        self._context = context
        self._stores = stores
        self._queues = queues
        self._corrector = PageCorrector(context.get(), stores.journal)
        # pages that wait for a model or for the end of an outage, in order of arrival, and when they are retried
        self._waiting: list[PageToCorrect] = []
        self._retry_at = 0.0  # monotonic
        self._remaining: dict[int, int] = {}  # document -> pages to correct
        self.boundary = ErrorBoundary(log.get("correct"))

    def run(self, stop: threading.Event) -> None:
        """Correct one page after the other until the queue is closed; end the model when idle."""
        try:
            while not stop.is_set():
                try:
                    item = self._queues.corrections.get(timeout=self._timeout())
                except queue.Empty:
                    self._retry_or_unload()
                except QueueClosed:
                    return
                else:
                    self._take(item)
        finally:
            self.close()

    def _take(self, item: PageToCorrect | ContextChanged) -> None:
        if isinstance(item, ContextChanged):
            use = functools.partial(self._corrector.use, self._context.get())
            self.boundary.best_effort(use)  # if it fails, the next page tries it again
        elif self._waiting:  # the page would meet the same outage
            self._waiting.append(item)
            self._retry_or_unload()
        else:
            self._guarded_turn(item)

    def _timeout(self) -> float | None:
        """Return the seconds to wait for the next page; None: no limit, since there is nothing to retry or unload."""
        if self._waiting:
            return max(0.0, self._retry_at - time.monotonic())
        idle_unload = self._context.get().settings.llm.idle_unload
        return idle_unload if self._corrector.loaded else None

    def _retry_or_unload(self) -> None:
        """Retry the waiting pages when their time has come; if none wait, end the idle model."""
        if not self._waiting:
            self.boundary.best_effort(self._corrector.unload_idle)
        elif time.monotonic() >= self._retry_at:
            waiting, self._waiting = self._waiting, []
            for position, page in enumerate(waiting):
                self._guarded_turn(page)
                if self._waiting:
                    # the outage lasts: don't try the other pages now, but try them first the next time
                    self._waiting = waiting[position + 1 :] + self._waiting
                    return

    def _guarded_turn(self, page: PageToCorrect) -> None:
        context = self._context.get()
        llm = context.settings.llm
        limit = (
            MODEL_TRIES_PER_PAGE * (llm.load_timeout + page_deadline(llm)) + PAGE_OVERHEAD_SECONDS
        )
        with self._stores.liveness.task("a page", limit):
            failure = self.boundary.attempt(
                functools.partial(self.turn, page, context),
                document=functools.partial(self._stores.name_of, page.document),
            )
        if failure:
            self._remaining.pop(page.document, None)  # the next turn counts anew
            self._waiting.append(page)
            self._retry_at = time.monotonic() + failure.delay

    def turn(self, page: PageToCorrect, context: Context) -> None:
        """Correct one page. Raise MachineError if the result can't be stored, or the page must wait for a model."""
        journal = self._stores.journal
        document = journal.document(page.document)
        if document.state != State.READING:  # it failed at another page, or is gone
            self._remaining.pop(page.document, None)
            return
        text = journal.pages.text(page.document, page.number)
        if text and text.error:
            nothing = Correction(CorrectionStatus.NOTHING, "the page could not be read")
            journal.pages.keep_result(document.id, PageResult(text, (), (), nothing))
        elif text is not None:  # None: the result was stored before, but what follows failed
            profile = context.profile(document.profile)
            self._corrector.use(context)
            result = self._corrector.correct(text, profile, document, context)
            if result is None:
                return
            journal.pages.keep_result(document.id, result)
            _count(result)
        if self._count_down(document) == 0:
            self.finish(document)

    def _count_down(self, document: Document) -> int:
        """Return how many pages of the document still need correction; query the journal once per document only."""
        if document.id in self._remaining:
            self._remaining[document.id] -= 1
        else:
            _, corrected = self._stores.journal.pages.progress(document.id)
            self._remaining[document.id] = (document.pages or 0) - len(corrected)
        remaining = self._remaining[document.id]
        if remaining == 0:
            del self._remaining[document.id]
        return remaining

    def finish(self, document: Document) -> None:
        """Pass a document whose pages are all corrected to the publish step."""
        reason = "all pages are read and corrected"
        self._stores.journal.move(document, State.PUBLISHING, reason)
        self._queues.results.put(document.id)

    def close(self) -> None:
        """End the model's process."""
        self._corrector.close()

    def interrupt(self) -> None:
        """End the model in the middle of its page: the grace period is over."""
        self._corrector.interrupt()


def _count(result: PageResult) -> None:
    PAGES.labels("correct").inc()
    PAGE_SECONDS.labels("correct").inc(result.correction.seconds)
    for edit in result.edits:
        EDITS.labels("accepted" if edit.accepted else "rejected").inc()
    for suspect in result.suspects:
        SUSPECTS.labels(suspect.kind).inc()
