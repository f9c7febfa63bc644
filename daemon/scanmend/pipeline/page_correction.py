"""Correct one page: ask the model about the lines that need it, and let the gate decide on its proposal."""

import time

from scanmend.backends.gguf_files import chooses_builtin
from scanmend.backends.llm_lifecycle import ModelState
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings, ModelsSettings, Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.correction.page_result import (
    correction_of,
    gated_result,
    result_without_model,
    unchanged_result,
)
from scanmend.document import WAITS, Document, FactKey
from scanmend.errors import ChildError, MachineError, ModelUnavailable
from scanmend.page import Correction, CorrectionStatus, PageResult, PageText
from scanmend.pipeline.context import Context
from scanmend.pipeline.correcting_model import CorrectingModel
from scanmend.store.journal import Journal
from scanmend.telemetry import log

WHY_UNREADABLE = "the page is in a script that the engine does not read"
PROGRESS_LOG_SECONDS = 30.0  # between two log lines about a download's progress


class PageCorrector:
    """Corrects pages, and owns the model. Belongs to the correct step's thread; others may call ``interrupt``."""

    def __init__(self, context: Context, journal: Journal) -> None:
        """Load no model yet: the first page that needs one does."""
        self._journal = journal
        self._log = log.get("correct")
        self._progress_logged_at = 0.0  # monotonic
        self._stopping = False
        self._why_gpu_unused: str | None = None  # None: no model was used since the start
        self._why_server_unused = ""
        self._configured = _model_settings(context)
        self._model = self._new_model(context.settings)

    @property
    def loaded(self) -> bool:
        """Return whether the model's process is running."""
        return self._model.loaded

    def use(self, context: Context) -> None:
        """Replace the model if the context's settings ask for another one."""
        if _model_settings(context) != self._configured:
            model = self._new_model(context.settings)
            self._model.close()
            self._configured, self._model = _model_settings(context), model

    def unload_idle(self) -> None:
        """End the model's process, because no page came for ``llm.idle_unload``."""
        self._model.idle()

    def interrupt(self) -> None:
        """End the model in the middle of a page: the grace period is over. The next start corrects the page."""
        self._stopping = True
        self._model.interrupt()

    def close(self) -> None:
        """End the model's process."""
        self._model.close()

    def correct(
        self, text: PageText, profile: Profile, document: Document, context: Context
    ) -> PageResult | None:
        """Return the page's result; None if the daemon stopped in the middle of it.

        Raise MachineError if the page must wait for a model. After an unforeseen error, the page alone goes
        uncorrected.
        """
        try:
            return self._correct(text, profile, document, context)
        except MachineError:
            raise
        except Exception as error:  # noqa: BLE001
            self._log.exception("a bug; published uncorrected", document=document.name)
            reason = f"{type(error).__name__} while the page was corrected; the log has it"
            correction = Correction(CorrectionStatus.FAILED, reason, profile=profile.name)
            return PageResult(text, tuple(line.text for line in text.lines), (), correction)

    def _correct(
        self, text: PageText, profile: Profile, document: Document, context: Context
    ) -> PageResult | None:
        settings, rules = context.settings, profile.gate_rules

        def uncorrected(status: CorrectionStatus, reason: str, name: str = "") -> PageResult:
            return result_without_model(text, rules, Correction(status, reason, profile=name))

        if not settings.llm.enabled:
            return uncorrected(CorrectionStatus.OFF, "llm.enabled is false")
        if text.unreadable_script:
            return unchanged_result(text, Correction(CorrectionStatus.NOTHING, WHY_UNREADABLE))
        # ask a large model about more lines: if it reads a number differently, a person should check that number
        is_builtin = chooses_builtin(settings.llm, settings.models.directory)
        words = shipped() if is_builtin else None
        wanted = [n for n, line in enumerate(text.lines) if needs_correction(line, rules, words)]
        if not wanted:
            return uncorrected(CorrectionStatus.NOTHING, _why_nothing(text), profile.name)
        started = time.monotonic()
        try:
            proposal = self._model.propose(text.lines, wanted, profile)
        except ModelUnavailable as error:
            if settings.llm.on_unavailable == "wait":
                self._journal.note_reason(document, f"{WAITS} for a model: {error}")
                raise
            return uncorrected(CorrectionStatus.UNAVAILABLE, str(error), profile.name)
        except ChildError as error:
            if self._stopping:
                return None
            where = {"document": document.name, "page": text.index + 1}
            self._log.warning("correction failed", **where, reason=str(error))
            return uncorrected(CorrectionStatus.FAILED, str(error), profile.name)
        correction = correction_of(
            proposal, started, profile=profile.name, prompt_sha256=profile.prompt_sha256
        )
        self._note_gpu(proposal.model.why_gpu_unused)
        self._note_server(proposal.model.unused_server)
        if proposal.note and not self._model.alone:
            where = {"document": document.name, "page": text.index + 1}
            self._log.warning("correction incomplete", **where, reason=proposal.note)
        result = gated_result(text, proposal.lines, rules, correction)
        self._log_corrected(document, result, len(wanted))
        return result

    def _log_corrected(self, document: Document, result: PageResult, lines: int) -> None:
        accepted = sum(edit.accepted for edit in result.edits)
        self._log.info(
            "page corrected",
            document=document.name,
            page=result.page.index + 1,
            lines=lines,
            accepted=accepted,
            rejected=len(result.edits) - accepted,
            suspects=len(result.suspects),
            seconds=round(result.correction.seconds, 2),
        )

    def _new_model(self, settings: Settings) -> CorrectingModel:
        return CorrectingModel(settings, self._record_move, self._record_progress)

    def _record_move(self, state: str, reason: str) -> None:
        """Log and record a move of the model to another state."""
        routine = state in (ModelState.BUSY, ModelState.IDLE)
        log_at = self._log.debug if routine else self._log.info
        log_at("model", state=state, reason=reason)
        self._progress_logged_at = 0.0
        self._record(state, reason)

    def _record_progress(self, reason: str) -> None:
        """Record how far a download has come, and log it every ``PROGRESS_LOG_SECONDS``."""
        now = time.monotonic()
        if now - self._progress_logged_at >= PROGRESS_LOG_SECONDS:
            self._log.info("model", state=ModelState.DOWNLOADING, reason=reason)
            self._progress_logged_at = now
        self._record(ModelState.DOWNLOADING, reason)

    def _note_gpu(self, why_unused: str) -> None:
        """Log and record why a GPU is not used, or withdraw that (""), when this changes."""
        if why_unused == self._why_gpu_unused:
            return
        self._why_gpu_unused = why_unused
        facts = self._journal.facts
        try:
            if why_unused:
                self._log.warning("the GPU is not used", reason=why_unused)
                facts.set(FactKey.GPU, "not used", why_unused)
            else:
                facts.clear(FactKey.GPU)
        except MachineError as error:
            self._log.warning("the GPU's use can't be recorded", reason=str(error))

    def _note_server(self, why_unused: str) -> None:
        """Log why the server does not judge, when this changes."""
        if why_unused and why_unused != self._why_server_unused:
            self._log.warning(
                "the server does not judge; the built-in corrector works alone", reason=why_unused
            )
        self._why_server_unused = why_unused

    def _record(self, state: str, reason: str) -> None:
        try:
            self._journal.facts.set(FactKey.MODEL, state, reason)
        except MachineError as error:
            self._log.warning("the model's state can't be recorded", reason=str(error))


def _model_settings(context: Context) -> tuple[LlmSettings, ModelsSettings]:
    return context.settings.llm, context.settings.models


def _why_nothing(text: PageText) -> str:
    """Return why no line of the page needs the model."""
    if not any(line.text.strip() for line in text.lines):
        return "no text could be read" if text.unread else "no text on the page"
    if all(line.exact for line in text.lines):
        return "drawn text is exact"
    return "no line needs it"
