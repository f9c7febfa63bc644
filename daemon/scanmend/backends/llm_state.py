"""Define the states of the language model, the moves between them, and the one place where it moves."""

import contextlib
import enum
import threading
from collections.abc import Callable, Mapping

from scanmend.errors import MachineError
from scanmend.telemetry import metrics


class ModelState(enum.StrEnum):
    """Where the model is."""

    ABSENT = "absent"
    DOWNLOADING = "downloading"
    READY = "ready"  # on disk, not in memory
    LOADING = "loading"
    LOADED = "loaded"
    BUSY = "busy"  # it works on a page
    IDLE = "idle"
    UNLOADING = "unloading"
    FAILED = "failed"  # for a reason, until its back-off is over


S = ModelState
MODEL_MOVES: Mapping[ModelState, frozenset[ModelState]] = {
    S.ABSENT: frozenset({S.DOWNLOADING, S.READY, S.FAILED}),
    S.DOWNLOADING: frozenset({S.READY, S.FAILED, S.ABSENT}),
    S.READY: frozenset({S.LOADING, S.ABSENT, S.DOWNLOADING}),
    S.LOADING: frozenset({S.LOADED, S.FAILED}),
    S.LOADED: frozenset({S.BUSY, S.UNLOADING, S.FAILED}),
    S.BUSY: frozenset({S.IDLE, S.FAILED}),
    S.IDLE: frozenset({S.BUSY, S.UNLOADING, S.FAILED}),
    S.UNLOADING: frozenset({S.READY}),
    S.FAILED: frozenset({S.ABSENT, S.READY, S.DOWNLOADING, S.LOADING}),
}


class IllegalModelMove(RuntimeError):
    """A move that ``MODEL_MOVES`` does not have: a bug."""


class StateMachine:
    """The model's state. The owner's thread and a download's thread move it."""

    def __init__(
        self, on_state: Callable[[str, str], None], on_progress: Callable[[str], None]
    ) -> None:
        """Begin ABSENT.

        ``on_state`` is called with each state and its reason, also when only the reason changes; ``on_progress`` with
        how far a download is. Both may be called by two threads.
        """
        self._lock = threading.Lock()
        self._state = S.ABSENT
        self._on_state = on_state
        self._on_progress = on_progress

    @property
    def state(self) -> ModelState:
        """Return the state."""
        return self._state

    def move(self, new: ModelState, reason: str) -> None:
        """Move to a state; IllegalModelMove when the table does not have the move."""
        with self._lock:
            if new not in MODEL_MOVES[self._state]:
                raise IllegalModelMove(f"the model: {self._state} -> {new} is no move")
            self._state = new
        for state in ModelState:
            metrics.MODEL_STATE.labels(state.value).set(state == new)
        metrics.MODEL_MOVES_TOTAL.labels(new.value).inc()
        self.explain(reason)

    def explain(self, reason: str) -> None:
        """Report another reason for the same state. The state holds even when the report can't be kept."""
        with contextlib.suppress(MachineError):
            self._on_state(self._state, reason)

    def progress(self, reason: str) -> None:
        """Report how far a download is."""
        with contextlib.suppress(MachineError):
            self._on_progress(reason)
