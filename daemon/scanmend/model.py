"""The life of the model, seen from the daemon. Long, so that one state machine stands in one place.

The model lives in a child of its own, and ends with it: only the end of a process gives all of a GPU's
memory back. ``Model`` belongs to one thread, the correct step's; a download runs beside it in a thread and
a child of its own. A failure is remembered with back-off, so that 500 scans don't try 500 loads.
"""

import enum
import glob
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from scanmend.child import Child
from scanmend.config import Llm
from scanmend.errors import (
    ChildError,
    Died,
    MachineError,
    ModelUnavailable,
    OutOfMemory,
    ScanmendError,
)
from scanmend.profiles import Profile
from scanmend.values import Line, ModelInfo, Proposal

FETCH_SECONDS = (
    7 * 24 * 3600.0
)  # a slow line may take its time; a stalled one is ended by the client's own limit
BACK_OFF = (
    30.0,
    120.0,
    600.0,
)  # seconds after the first, second, and every further failure in a row
_WORDS = {"int8": ("q8_0",), "int4": ("q4_k_m",), "fp16": ("fp16", "f16")}
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")


class ModelState(enum.StrEnum):
    """Where the model is."""

    ABSENT = "absent"
    DOWNLOADING = "downloading"
    READY = "ready"  # on disk, not in memory
    LOADING = "loading"
    LOADED = "loaded"
    UNLOADING = "unloading"
    FAILED = "failed"  # with a reason, until its back-off is over


S = ModelState
MODEL_MOVES: Mapping[ModelState, frozenset[ModelState]] = {
    S.ABSENT: frozenset({S.DOWNLOADING, S.READY, S.FAILED}),
    S.DOWNLOADING: frozenset({S.READY, S.FAILED, S.ABSENT}),
    S.READY: frozenset({S.LOADING, S.ABSENT, S.DOWNLOADING}),
    S.LOADING: frozenset({S.LOADED, S.FAILED}),
    S.LOADED: frozenset({S.UNLOADING, S.FAILED}),
    S.UNLOADING: frozenset({S.READY}),
    S.FAILED: frozenset({S.ABSENT, S.READY, S.DOWNLOADING, S.LOADING}),
}


class Model:
    """The model of this configuration."""

    def __init__(self, settings: Llm, directory: str, state: Callable[[str, str], None]) -> None:
        """``state`` is told each move and its reason, and a download's progress; from two threads."""
        self._settings = settings
        self._directory = directory
        self._tell = state
        self._lock = threading.Lock()  # the state: moved by the owner and by the download's thread
        self._state = S.ABSENT
        self._info: ModelInfo | None = None
        self._child: Child | None = None
        self._failures = 0
        self._failed_until = 0.0
        self._reason = ""
        self._failed_file: tuple[str, int, int] | None = None
        self._download: threading.Thread | None = None
        self._download_child: Child | None = None
        self._closing = False

    @property
    def loaded(self) -> bool:
        """Whether the model's process is there."""
        return self._child is not None

    def propose(self, lines: Sequence[Line], profile: Profile) -> Proposal:
        """Ask the model for the lines of a page, loading it when it is not there.

        Raises ModelUnavailable with the reason when there is none, ChildError when it failed on this page
        twice (or once, when the page took too long).
        """
        try:
            return self._ask(lines, profile)
        except (Died, OutOfMemory):
            if self._closing:
                raise
            return self._ask(lines, profile)

    def _ask(self, lines: Sequence[Line], profile: Profile) -> Proposal:
        child = self._ready()
        request = {
            "do": "correct",
            "prompt": profile.prompt,
            "lines": [line.text for line in lines],
            "confidences": [line.confidence for line in lines],
            "seconds": self._settings.page_timeout,
        }
        try:
            proposal = Proposal.from_json(child.ask(request, self._settings.page_timeout * 1.1 + 5))
        except ChildError as error:
            if not child.alive:
                self._lost(str(error))
            raise
        if len(proposal.lines) != len(lines):
            raise ChildError(
                f"the model's child answered {len(proposal.lines)} lines for {len(lines)}"
            )
        self._failures = 0
        return proposal

    # the model's process --------------------------------------------------------------------------

    def _ready(self) -> Child:
        """The child with the model loaded."""
        if self._child is not None and self._child.alive:
            return self._child
        if self._child is not None:
            self._lost("its process ended")
        path = self._find()
        if path is None:
            self._fetch_or_say()
            raise ModelUnavailable(self._reason)
        if self._state == S.FAILED:
            if time.monotonic() < self._failed_until and _stamp(path) == self._failed_file:
                raise ModelUnavailable(self._reason)
        elif self._state != S.READY:
            self._move(S.READY, path)
        return self._load(path)

    def _load(self, path: str) -> Child:
        self._move(S.LOADING, os.path.basename(path))
        child = Child("scanmend.llm", "LLM", _environment(), int(self._settings.memory))
        self._child = child
        request = {
            "do": "load",
            "path": path,
            "gpu_layers": self._settings.gpu_layers,
            "context": self._settings.context,
            "threads": self._settings.threads,
        }
        try:
            info = ModelInfo.from_json(
                child.ask(
                    request,
                    self._settings.load_timeout,
                    lambda p: self._tell(self._state, str(p.get("said", ""))),
                )
            )
        except ScanmendError as error:
            if isinstance(error, Died) and not self._failures and not self._closing:
                self._lost(str(error))  # ended from outside, perhaps: tried once more
                raise
            child.end()
            self._child = None
            self._fail(f"{os.path.basename(path)} can't be loaded: {error}", path)
            if self._closing:
                raise
            raise ModelUnavailable(self._reason) from None
        self._info = info
        self._move(
            S.LOADED, f"{info.name}, {info.gpu_layers} layers on the GPU, process {child.pid}"
        )
        return child

    def _lost(self, reason: str) -> None:
        """The process ended by itself: the next page starts another, three in a row are a failure."""
        if self._child:
            self._child.end()
        self._child = None
        self._failures += 1
        if self._failures >= len(BACK_OFF):
            self._fail(
                f"the model's process failed {self._failures} times in a row: {reason}",
                self._find() or "",
            )
        else:
            self._move(S.FAILED, reason)
            self._failed_until = 0.0
            self._reason = reason

    def _fail(self, reason: str, path: str) -> None:
        self._failures += 1
        self._failed_until = time.monotonic() + BACK_OFF[min(self._failures, len(BACK_OFF)) - 1]
        self._failed_file = _stamp(path)
        self._reason = reason
        self._move(S.FAILED, reason)

    def idle(self) -> None:
        """No page came for ``idle_unload``: end the process, so that all its memory is free."""
        if self._child is None:
            return
        self._move(S.UNLOADING, f"no page for {self._settings.idle_unload:g} s")
        self._child.end()
        self._child = None
        self._move(S.READY, "its memory is free")

    def interrupt(self) -> None:
        """From another thread: end the processes now; who waits for an answer gets an error."""
        self._closing = True
        for child in (self._child, self._download_child):
            if child:
                child.kill()

    def close(self) -> None:
        """End everything; a download goes on where it was the next time."""
        self._closing = True
        if self._download_child:
            self._download_child.kill()
        if self._download:
            self._download.join(10)
        if self._child:
            self._child.end()
            self._child = None

    # the model's file -----------------------------------------------------------------------------

    def _find(self) -> str | None:
        """The file to load: the one named, the one of repository and quantization, or any."""
        if self._settings.model != "auto":
            path = os.path.join(self._directory, os.path.expanduser(self._settings.model))
            return path if os.path.exists(path) else None
        pattern = os.path.join(glob.escape(self._directory), "**", "*.gguf")
        files = [f for f in sorted(glob.glob(pattern, recursive=True)) if not _LATER_PART.search(f)]
        repository = self._settings.repo_id.replace("/", "--").lower()
        words = _WORDS.get(
            self._settings.quantization.lower(), (self._settings.quantization.lower(),)
        )

        def fits(file: str) -> tuple[bool, bool]:
            name = os.path.basename(file).lower()
            return (repository not in file.lower(), not any(word in name for word in words))

        return min(files, key=fits, default=None)

    def _fetch_or_say(self) -> None:
        """No file: start the download, or say why there is none."""
        if self._download and self._download.is_alive():
            return
        if self._settings.model != "auto":
            where = os.path.join(self._directory, self._settings.model)
            self._none(f"llm.model: {where} is not there; put it there, or set llm.model: auto")
        elif not self._settings.auto_download:
            self._none(
                f"no .gguf file in {self._directory} and llm.auto_download is false: put one there, or set it to true"
            )
        elif self._state == S.FAILED and time.monotonic() < self._failed_until:
            return
        else:
            self._reason = (
                f"{self._settings.repo_id} ({self._settings.quantization}) is being downloaded"
            )
            self._move(S.DOWNLOADING, self._reason)
            self._download = threading.Thread(target=self._fetch, name="download", daemon=True)
            self._download.start()

    def _none(self, reason: str) -> None:
        if reason != self._reason or self._state != S.ABSENT:
            self._reason = reason
            if self._state != S.ABSENT:
                self._move(S.ABSENT, reason)
            else:
                self._tell(S.ABSENT, reason)

    def _fetch(self) -> None:
        """The download's thread."""
        child = Child("scanmend.llm", "download", _environment(), 0)
        self._download_child = child
        request = {
            "do": "fetch",
            "repo_id": self._settings.repo_id,
            "quantization": self._settings.quantization,
            "directory": self._directory,
        }
        try:
            os.makedirs(self._directory, exist_ok=True)
            child.ask(request, FETCH_SECONDS, self._progress)
            self._failures = 0
            if self._state == S.DOWNLOADING:  # else one was put there by hand meanwhile
                self._move(S.READY, "downloaded and checked")
        except (ScanmendError, OSError) as error:
            if not self._closing and self._state == S.DOWNLOADING:
                self._fail(str(error), "")
        finally:
            child.end()
            self._download_child = None

    def _progress(self, step: dict[str, object]) -> None:
        if "licence" in step:
            self._tell(S.DOWNLOADING, f"{self._settings.repo_id}, licence: {step['licence']}")
        elif step.get("total"):
            done, total = int(str(step["done"])), int(str(step["total"]))
            self._reason = f"{step['file']}: {done / 1e6:.0f} of {total / 1e6:.0f} MB ({100 * done // total} %)"
            self._tell(S.DOWNLOADING, self._reason)

    def _move(self, new: ModelState, reason: str) -> None:
        with self._lock:
            assert new in MODEL_MOVES[self._state], f"the model: {self._state} -> {new} is no move"
            self._state = new
        try:
            self._tell(new, reason)
        except MachineError:
            return  # the state holds, even when it can't be noted


def _stamp(path: str) -> tuple[str, int, int] | None:
    """What tells one file from its successor."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (path, status.st_size, status.st_mtime_ns)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "GGML_NO_BACKTRACE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
