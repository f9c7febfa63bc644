"""Define the states of the language model, the moves between them, and the only code that moves it."""

import contextlib
import enum
import threading
from collections.abc import Callable, Mapping

from scanmend.errors import MachineError
from scanmend.telemetry import metrics


class ModelState(enum.StrEnum):
    """A state of the model."""

    ABSENT = "absent"
    DOWNLOADING = "downloading"
    READY = "ready"  # on disk, not in memory
    LOADING = "loading"
    LOADED = "loaded"
    BUSY = "busy"  # working on a page
    IDLE = "idle"
    UNLOADING = "unloading"
    FAILED = "failed"  # until its back-off is over


MODEL_MOVES: Mapping[ModelState, frozenset[ModelState]] = {
    ModelState.ABSENT: frozenset({ModelState.DOWNLOADING, ModelState.READY, ModelState.FAILED}),
    ModelState.DOWNLOADING: frozenset({ModelState.READY, ModelState.FAILED, ModelState.ABSENT}),
    ModelState.READY: frozenset({ModelState.LOADING, ModelState.ABSENT, ModelState.DOWNLOADING}),
    ModelState.LOADING: frozenset({ModelState.LOADED, ModelState.FAILED}),
    ModelState.LOADED: frozenset({ModelState.BUSY, ModelState.UNLOADING, ModelState.FAILED}),
    ModelState.BUSY: frozenset({ModelState.IDLE, ModelState.FAILED}),
    ModelState.IDLE: frozenset({ModelState.BUSY, ModelState.UNLOADING, ModelState.FAILED}),
    ModelState.UNLOADING: frozenset({ModelState.READY}),
    ModelState.FAILED: frozenset(
        {ModelState.ABSENT, ModelState.READY, ModelState.DOWNLOADING, ModelState.LOADING}
    ),
}


class IllegalModelMove(RuntimeError):
    """A move that is not in ``MODEL_MOVES``: a bug."""


class StateMachine:
    """The model's state, which its owner's thread and a download's thread move."""

    def __init__(
        self,
        on_state: Callable[[str, str], None],
        on_progress: Callable[[str], None],
        *,
        in_metrics: bool = True,
    ) -> None:
        """Start as ABSENT. ``in_metrics``: the metrics show this model's state.

        ``on_state`` is called with each state and its reason, also when only the reason changes; ``on_progress`` with a
        download's progress as text. Two threads may call them.
        """
        self._lock = threading.Lock()
        self._state = ModelState.ABSENT
        self._on_state = on_state
        self._on_progress = on_progress
        self._in_metrics = in_metrics

    @property
    def state(self) -> ModelState:
        """Return the state."""
        return self._state

    def move(self, new: ModelState, reason: str) -> None:
        """Move to a state and report it. Raises IllegalModelMove if the table lacks the move."""
        with self._lock:
            if new not in MODEL_MOVES[self._state]:
                raise IllegalModelMove(f"the model: {self._state} -> {new} is no move")
            self._state = new
        if self._in_metrics:
            for state in ModelState:
                metrics.MODEL_STATE.labels(state.value).set(state == new)
            metrics.MODEL_MOVES_TOTAL.labels(new.value).inc()
        self.explain(reason)

    def explain(self, reason: str) -> None:
        """Report a new reason for the current state. The state holds even if the report can't be stored."""
        with contextlib.suppress(MachineError):
            self._on_state(self._state, reason)

    def progress(self, reason: str) -> None:
        """Report the progress of a download."""
        with contextlib.suppress(MachineError):
            self._on_progress(reason)
