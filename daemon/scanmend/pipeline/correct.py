"""Correction: the model proposes, the gate decides, the page's result goes into the journal.

One thread owns the model. It waits for the next page at most ``llm.idle_unload``: when nothing came, it
ends the model's process. A page that arrives at that very moment lies in the queue and starts the next
one: no race by construction.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from scanmend.backends.gguf_files import builtin, chosen
from scanmend.backends.llm_lifecycle import Model, ModelState
from scanmend.backoff import back_off
from scanmend.config.profiles import Profile
from scanmend.config.settings import Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.correction.page_result import correction_of, review, without_model
from scanmend.document import Document, FactKey, State
from scanmend.errors import ChildError, MachineError, ModelUnavailable
from scanmend.page import Correction, CorrectionStatus, PageResult, PageText
from scanmend.store.journal import Journal
from scanmend.telemetry import log
from scanmend.telemetry.liveness import Liveness
from scanmend.telemetry.metrics import EDITS, PAGES, SECONDS, SUSPECTS
from scanmend.workers.sandbox import home

SPARE = 60.0  # seconds that a page may take beyond its limits, in the journal and at the end of a process
LOG_PROGRESS = 30.0  # seconds between two log lines of a download


@dataclass(frozen=True, slots=True)
class _Page:
    document: int
    number: int


@dataclass(frozen=True, slots=True)
class _Reload:
    settings: Settings
    profiles: dict[str, Profile]


class Correct:
    """The correction step. One thread runs ``run``; ``submit`` and ``reload`` come from any."""

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        profiles: dict[str, Profile],
        complete: Callable[[int], None],
        liveness: Liveness,
    ) -> None:
        """``complete`` takes the id of a document whose pages are all there."""
        self._liveness = liveness
        self._journal = journal
        self._settings = settings
        self._profiles = profiles
        self._complete = complete
        self._progress_logged = 0.0
        self._model = self._new_model()
        self._queue: queue.SimpleQueue[_Page | _Reload | None] = queue.SimpleQueue()
        self._waiting: list[_Page] = []  # for a model or for the machine, in order of arrival
        self._look_again = 0.0  # monotonic; when those that wait are tried again
        self._pauses = 0
        self._left: dict[int, int] = {}  # pages to correct, by document; written by ``run`` alone
        self._stopping = False
        self._log = log.get("correct")

    def submit(self, document: int, number: int) -> None:
        """A page that was read."""
        self._queue.put(_Page(document, number))

    def reload(self, settings: Settings, profiles: dict[str, Profile]) -> None:
        """A new configuration, from the next page on."""
        self._queue.put(_Reload(settings, profiles))

    def close(self) -> None:
        """Let ``run`` end after the page in hand; what waits is done after the next start."""
        self._queue.put(None)

    def interrupt(self) -> None:
        """The grace is over: end the model in the middle of its page; the page is done after the next start."""
        self._stopping = True
        self._model.interrupt()

    def run(self, stop: threading.Event) -> None:
        """Correct one page after the other; end the model when idle."""
        try:
            while not stop.is_set():
                try:
                    item = self._queue.get(timeout=self._patience())
                except queue.Empty:
                    self._model_or_waiting()
                    continue
                if item is None:
                    return
                if isinstance(item, _Reload):
                    self._apply(item)
                elif self._waiting:
                    self._waiting.append(item)
                    self._model_or_waiting()
                else:
                    self._careful_turn(item)
        finally:
            self._model.close()

    def _patience(self) -> float:
        if self._waiting:
            return max(0.0, self._look_again - time.monotonic())
        return self._settings.llm.idle_unload if self._model.loaded else 3600.0

    def _model_or_waiting(self) -> None:
        """Nothing new came: try those that wait, or let the model go."""
        if not self._waiting:
            self._model.idle()
        elif time.monotonic() >= self._look_again:
            waiting, self._waiting = self._waiting, []
            for position, page in enumerate(waiting):
                self._careful_turn(page)
                if (
                    self._waiting
                ):  # still not: the others needn't be tried now, but come first the next time
                    self._waiting = waiting[position + 1 :] + self._waiting
                    return

    def _careful_turn(self, page: _Page) -> None:
        """The mouth of the loop."""
        llm = self._settings.llm
        limit = 2 * (llm.load_timeout + llm.page_timeout * 1.1) + SPARE  # it is tried twice
        try:
            with self._liveness.task("a page", limit):
                self.turn(page.document, page.number)
            self._pauses = 0
        except MachineError as error:
            self._left.pop(page.document, None)  # counted anew
            self._wait(page, str(error), back_off(self._pauses))
            self._pauses += 1
        except Exception as error:  # noqa: BLE001
            self._left.pop(page.document, None)
            self._log.exception("a bug; the page is tried again", document_id=page.document)
            self._wait(page, f"{type(error).__name__}: {error}", 60)

    def _wait(self, page: _Page, reason: str, seconds: float) -> None:
        self._waiting.append(page)
        self._look_again = time.monotonic() + seconds
        if not self._pauses:
            self._log.warning("waiting for the machine", document_id=page.document, reason=reason)

    def turn(self, number: int, page_number: int) -> None:
        """Correct one page; MachineError when the result can't be kept or a model is to be waited for."""
        document = self._journal.document(number)
        if document.state != State.READING:  # failed at another page, or gone
            self._left.pop(number, None)
            return
        text = self._journal.pages.text(number, page_number)
        if text is not None:  # None: kept before, but the last step failed
            profile = (
                self._profiles.get(document.profile)
                or self._profiles[self._settings.profiles.default]
            )
            result = self._careful_correct(text, profile, document)
            if result is None:
                return
            self._journal.pages.keep_result(number, result)
            _count(result)
        if number in self._left:
            self._left[number] -= 1
        else:
            self._left[number] = (document.pages or 0) - len(
                self._journal.pages.progress(number)[1]
            )
        if self._left[number] == 0:
            del self._left[number]
            self.finish(document)

    def _careful_correct(
        self, text: PageText, profile: Profile, document: Document
    ) -> PageResult | None:
        """A bug that one page's text brings out costs that page its correction, and no other anything."""
        try:
            return self.correct(text, profile, document)
        except MachineError:
            raise
        except Exception as error:  # noqa: BLE001
            self._log.exception("a bug; published uncorrected", document=document.name)
            reason = f"{type(error).__name__} while the page was corrected; the log has it"
            correction = Correction(CorrectionStatus.FAILED, reason, profile=profile.name)
            return PageResult(text, tuple(line.text for line in text.lines), (), correction)

    def finish(self, document: Document) -> None:
        """All pages are there: on to publishing."""
        self._journal.move(document, State.PUBLISHING, "all pages are read and corrected")
        self._complete(document.id)

    def correct(self, text: PageText, profile: Profile, document: Document) -> PageResult | None:
        """The page's result; None when the daemon stops in the middle of it."""
        if not self._settings.llm.enabled:
            return without_model(
                text, profile, Correction(CorrectionStatus.OFF, "llm.enabled is false")
            )
        # a large model is asked more: where it reads a number otherwise, a person should look
        words = shipped() if self._is_builtin() else None
        wanted = [n for n, line in enumerate(text.lines) if needs_correction(line, profile, words)]
        if not wanted:
            reason = _why_nothing(text)
            return without_model(
                text, profile, Correction(CorrectionStatus.NOTHING, reason, profile=profile.name)
            )
        started = time.monotonic()
        try:
            proposal = self._model.propose(text.lines, wanted, profile)
        except ModelUnavailable as error:
            if self._settings.llm.on_unavailable == "wait":
                self._journal.note_reason(document, f"waits for a model: {error}")
                raise
            correction = Correction(CorrectionStatus.UNAVAILABLE, str(error), profile=profile.name)
            return without_model(text, profile, correction)
        except ChildError as error:
            if self._stopping:
                return None
            self._log.warning(
                "correction failed", document=document.name, page=text.index + 1, reason=str(error)
            )
            correction = Correction(CorrectionStatus.FAILED, str(error), profile=profile.name)
            return without_model(text, profile, correction)
        result = review(text, proposal.lines, profile, correction_of(proposal, profile, started))
        accepted = sum(edit.accepted for edit in result.edits)
        self._log.info("page corrected", document=document.name, page=text.index + 1, lines=len(wanted),
                       accepted=accepted, rejected=len(result.edits) - accepted, suspects=len(result.suspects),
                       seconds=round(result.correction.seconds, 2))  # fmt: skip
        return result

    def _apply(self, reload: _Reload) -> None:
        self._profiles = reload.profiles
        changed = (reload.settings.llm, reload.settings.models) != (
            self._settings.llm,
            self._settings.models,
        )
        self._settings = reload.settings
        if changed:
            self._model.close()
            self._model = self._new_model()

    def _new_model(self) -> Model:
        scratch = home(self._settings.folders.state)
        return Model(
            self._settings.llm, self._settings.models.directory, self._model_state, scratch
        )

    def _is_builtin(self) -> bool:
        """Return whether the built-in model corrects, named or not."""
        llm = self._settings.llm
        local = llm.backend == "local"
        return local and chosen(llm, self._settings.models.directory) == builtin()

    def _model_state(self, state: str, reason: str) -> None:
        """Noted each time, so that the status shows a download's progress; logged now and then."""
        now = time.monotonic()
        progress = reason.endswith("%)")
        if not progress or now - self._progress_logged >= LOG_PROGRESS:
            level = (
                self._log.debug if state in (ModelState.BUSY, ModelState.IDLE) else self._log.info
            )
            level("model", state=state, reason=reason)
            self._progress_logged = now if progress else 0.0
        try:
            self._journal.facts.set(FactKey.MODEL, state, reason)
        except MachineError as error:
            self._log.warning("the model's state can't be noted", reason=str(error))


def _why_nothing(text: PageText) -> str:
    """Return why no line of the page is worth the model's time."""
    if not any(line.text.strip() for line in text.lines):
        return "no text on the page"
    if all(line.exact for line in text.lines):
        return "drawn text is exact"
    return "no line needs it"


def _count(result: PageResult) -> None:
    PAGES.labels("correct").inc()
    SECONDS.labels("correct").inc(result.correction.seconds)
    for edit in result.edits:
        EDITS.labels("accepted" if edit.accepted else "rejected").inc()
    for suspect in result.suspects:
        SUSPECTS.labels(suspect.kind).inc()
