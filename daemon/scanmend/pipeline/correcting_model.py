"""Let the built-in corrector stand in while ``llm.model: auto`` has no language model yet, or none can be downloaded."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import AUTO, BUILTIN, Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.lexicon import shipped
from scanmend.errors import ModelUnavailable
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
        automatic = llm.backend == "local" and llm.effective_model == AUTO
        self._may_stand_in = automatic and llm.on_unavailable == "publish"
        self._alone = False

    @property
    def alone(self) -> bool:
        """Return whether the stand-in proposed last; its notes repeat one reason for each page."""
        return self._alone

    @property
    def loaded(self) -> bool:
        """Return whether one of the models has a process."""
        return self._model.loaded or self._stand_in.loaded

    def propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        """Return the proposals of the model, or of its stand-in with a note that says so; raise as ``LanguageModel.propose``."""
        try:
            proposal = self._model.propose(lines, wanted, profile)
        except ModelUnavailable as error:
            if not self._may_stand_in or self._model.has_file:
                raise
            return self._propose_alone(lines, wanted, profile, str(error))
        self._stand_in.idle()
        self._alone = False
        return proposal

    def _propose_alone(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile, why: str
    ) -> PageProposal:
        """Return the stand-in's proposals for those of the wanted lines that a small corrector should get."""
        if not self._alone:
            log.get("model").warning("the built-in corrector works alone", reason=why)
        self._alone = True
        rules, words = profile.gate_rules, shipped()
        unsure = [n for n in wanted if needs_correction(lines[n], rules, words)]
        proposal = self._stand_in.propose(lines, unsure, profile)
        return replace(proposal, note=f"the built-in corrector alone: {why}")

    def idle(self) -> None:
        """End both processes after ``llm.idle_unload`` without a page."""
        self._model.idle()
        self._stand_in.idle()

    def interrupt(self) -> None:
        """End the processes at once. Any thread may call this; a call that waits for an answer raises."""
        self._model.interrupt()
        self._stand_in.interrupt()

    def close(self) -> None:
        """End the processes and any download, which continues the next time."""
        self._model.close()
        self._stand_in.close()
