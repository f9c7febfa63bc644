"""Let the built-in corrector stand in while the language model can't be used.

It is missing, damaged, of a kind that can't judge, too large, or still being downloaded; or it fails on a page. A server is no
model of this machine: ``llm.on_unavailable`` decides about pages alone while it is away.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scanmend.backends.gguf_files import chooses_builtin
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import BUILTIN, Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.errors import ChildError, ModelUnavailable, ScanmendError
from scanmend.page import Line, PageProposal
from scanmend.telemetry import log
from scanmend.workers.sandbox import home


class CorrectingModel:
    """The model of one configuration, with its stand-in. The threads that may use it are those of ``LanguageModel``."""

    def __init__(
        self,
        settings: Settings,
        on_state: Callable[[str, str], None],
        on_progress: Callable[[str], None],
    ) -> None:
        """Prepare both models; the first page that needs one loads it. The functions are those of ``LanguageModel``."""
        llm, folder = settings.llm, settings.models.directory
        scratch = home(settings.folders.state)
        self._model = LanguageModel(llm, folder, on_state, scratch, on_progress)
        builtin = replace(llm, model=BUILTIN, backend="local")
        self._stand_in = LanguageModel(builtin, folder, lambda *_: None, scratch, in_metrics=False)
        self._may_stand_in = llm.backend == "local" and llm.on_unavailable == "publish"
        self._llm, self._folder = llm, folder
        self._alone = self._interrupted = False

    @property
    def alone(self) -> bool:
        """Return whether the stand-in proposed last; its notes repeat one reason for each page."""
        return self._alone

    @property
    def loaded(self) -> bool:
        """Return whether one of the models has a process."""
        return self._model.loaded or self._stand_in.loaded

    @property
    def _has_other_model(self) -> bool:
        """Return whether the model is a file of this machine other than the built-in corrector."""
        return self._llm.backend == "local" and not chooses_builtin(self._llm, self._folder)

    def propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        """Return the proposals of the model, or of its stand-in with a note that says so.

        Raises as ``LanguageModel.propose``.
        """
        try:
            proposal = self._model.propose(lines, wanted, profile)
        except ModelUnavailable as error:
            if not self._may_stand_in:
                raise
            proposal = self._propose_alone(lines, wanted, profile, error)
            if not self._alone:
                log.get("model").warning("the built-in corrector works alone", reason=str(error))
            self._alone = True
            return proposal
        except ChildError as error:  # the model failed on this page; the next one may go well
            if self._interrupted or not self._has_other_model:
                raise
            self._alone = False
            return self._propose_alone(lines, wanted, profile, error)
        self._stand_in.idle()
        self._alone = False
        return proposal

    def _propose_alone(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile, error: ScanmendError
    ) -> PageProposal:
        """Return the stand-in's proposals for those of the wanted lines that a small corrector should get.

        ``error``: of the model; it is raised if the stand-in fails, too.
        """
        rules, words = profile.gate_rules, shipped()
        unsure = [n for n in wanted if needs_correction(lines[n], rules, words)]
        try:
            proposal = self._stand_in.propose(lines, unsure, profile)
        except (ModelUnavailable, ChildError):
            raise error from None
        return replace(proposal, note=f"the built-in corrector alone: {error}")

    def idle(self) -> None:
        """End both processes after ``llm.idle_unload`` without a page."""
        self._model.idle()
        self._stand_in.idle()

    def interrupt(self) -> None:
        """End the processes at once. Any thread may call this; a call that waits for an answer raises."""
        self._interrupted = True
        self._model.interrupt()
        self._stand_in.interrupt()

    def close(self) -> None:
        """End the processes and any download, which continues the next time."""
        self._model.close()
        self._stand_in.close()
