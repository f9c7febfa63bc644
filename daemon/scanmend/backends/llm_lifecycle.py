"""Load the language model when a page needs it, and unload it when no page does.

The model runs in a child process (``llm_process``) and comes from a file, a download or a server (``llm_supply``). Its
states are those of ``llm_state``; ``llm_failures`` decides when to try it again.
"""

import functools
import os
from collections.abc import Callable, Sequence

from scanmend.backends.llm_failures import ModelFailures
from scanmend.backends.llm_process import ModelProcess, describe, page_deadline
from scanmend.backends.llm_state import MODEL_MOVES, ModelState, StateMachine
from scanmend.backends.llm_supply import ModelSupply
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.durations import duration_text
from scanmend.errors import Died, ModelUnavailable, OutOfMemory, ScanmendError, TimedOut
from scanmend.page import Line, PageProposal

__all__ = ["MODEL_MOVES", "LanguageModel", "ModelState", "page_deadline"]


class LanguageModel:
    """The language model of one configuration.

    Only the correct step's thread may use it, except that any thread may call ``interrupt``.
    """

    def __init__(
        self,
        settings: LlmSettings,
        directory: str,
        on_state: Callable[[str, str], None],
        scratch: str = "",
        on_progress: Callable[[str], None] | None = None,
        *,
        in_metrics: bool = True,
    ) -> None:
        """Prepare the model; the first ``propose`` loads it.

        ``directory`` holds the models, ``scratch`` the folders of the processes. ``on_state`` is called with each state
        and its reason, ``on_progress`` with a download's progress as text; two threads may call them. ``in_metrics``: as in ``StateMachine``.
        """
        self._settings = settings
        downloading = functools.partial(on_state, ModelState.DOWNLOADING)
        progress = on_progress or downloading
        self._states = StateMachine(on_state, progress, in_metrics=in_metrics)
        self._failures = ModelFailures()
        self._process = ModelProcess(settings, scratch, self._states.explain)
        self._supply = ModelSupply(settings, directory, scratch, self._states, self._failures)
        self._closing = False

    @property
    def loaded(self) -> bool:
        """Return whether the model has a process."""
        return self._process.exists

    @property
    def pid(self) -> int | None:
        """Return the process id, or None while there is no process."""
        return self._process.pid

    def propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        """Return the model's proposals for the ``wanted`` lines of a page; load the model first if need be.

        ``wanted``: indices into ``lines``. Raises ModelUnavailable if there is no model; ChildError if the model failed
        on this page twice, or the page took too long.
        """
        try:
            return self._propose(lines, wanted, profile)
        except (Died, OutOfMemory):
            if self._closing:
                raise
            return self._propose(lines, wanted, profile)

    def _propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        self._ensure_loaded()
        self._states.move(ModelState.BUSY, f"{len(wanted)} lines")
        try:
            proposal = self._process.propose(lines, wanted, profile)
        except ScanmendError as error:
            self._page_failed(error)
            raise
        self._states.move(ModelState.IDLE, "")
        self._failures.forget()
        return proposal

    def _page_failed(self, error: ScanmendError) -> None:
        """Move to the state that follows from a page's error: FAILED, or IDLE if the process still works."""
        if isinstance(error, ModelUnavailable):  # the server is gone, or can no longer be used
            self._process.end()
            self._failed(str(error), self._supply.find())
        elif isinstance(error, OutOfMemory | Died) or not self._process.alive:
            self._lost(str(error), crashed=not isinstance(error, TimedOut))
        else:
            self._states.move(ModelState.IDLE, str(error))

    def _ensure_loaded(self) -> None:
        """Load the model unless its process is alive. Raises ModelUnavailable, or Died if it died while loading."""
        if self._process.alive:
            return
        if self._process.exists:
            self._lost("its process ended", crashed=True)
        path = self._supply.get()
        if self._states.state == ModelState.FAILED:
            self._failures.check(path)
        elif self._states.state != ModelState.READY:
            self._states.move(ModelState.READY, path)
        self._load(path)

    def _load(self, path: str) -> None:
        """Load the file, or connect to the server, at ``path``; raise as ``_ensure_loaded``."""
        name = path if self._is_server else os.path.basename(path)
        self._states.move(ModelState.LOADING, name)
        try:
            info = self._process.load(path, lambda: self._closing)
        except ScanmendError as error:
            if isinstance(error, Died) and not self._failures.any and not self._closing:
                # perhaps another process ended it, so ``propose`` tries once more
                self._lost(str(error), crashed=True)
                raise
            self._process.end()
            # an error of a server names its address itself
            what = str(error) if self._is_server else f"{name} can't be loaded: {error}"
            reason = self._failed(what, path)
            if self._closing:
                raise
            raise ModelUnavailable(reason) from None
        self._states.move(ModelState.LOADED, describe(info, self._process.pid))

    @property
    def _is_server(self) -> bool:
        return self._settings.backend == "openai"

    def _lost(self, reason: str, *, crashed: bool) -> None:
        """Clear away the model's process after its end, and move to FAILED."""
        self._process.end()
        path = self._supply.find()
        self._states.move(ModelState.FAILED, self._failures.lost(reason, path, crashed=crashed))

    def _failed(self, reason: str, path: str) -> str:
        """Note a failure of the model itself, and move to FAILED; return the reason."""
        self._failures.failed(reason, path)
        self._states.move(ModelState.FAILED, reason)
        return reason

    def idle(self) -> None:
        """End the process after ``llm.idle_unload`` without a page, to free all its memory."""
        if not self._process.exists:
            return
        if not self._process.alive:
            self._lost("its process ended while idle", crashed=True)
            return
        self._states.move(
            ModelState.UNLOADING, f"no page for {duration_text(self._settings.idle_unload)}"
        )
        self._process.unload()
        self._states.move(ModelState.READY, "its memory is free")

    def interrupt(self) -> None:
        """End the processes at once. Any thread may call this; a call that waits for an answer raises."""
        self._closing = True
        self._process.kill()
        self._supply.kill()

    def close(self) -> None:
        """End the model's process and any download, which continues the next time."""
        self._closing = True
        self._supply.close()
        self._process.end()
