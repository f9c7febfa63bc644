"""The life of the model, seen from the daemon. Long, so that one state machine stands in one place.

The model lives in a child of its own, and ends with it: only the end of a process gives all of a GPU's
memory back. ``Model`` belongs to one thread, the correct step's; a download runs beside it in a thread and
a child of its own. A failure is remembered with back-off, so that 500 scans don't try 500 loads.
"""

import contextlib
import enum
import functools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from scanmend.backends import gpu
from scanmend.backends.download import Download, environment
from scanmend.backends.gguf_files import builtin, chosen, stamp
from scanmend.config.profiles import Profile
from scanmend.config.settings import BUILTIN, LlmSettings
from scanmend.errors import (
    Died,
    MachineError,
    ModelUnavailable,
    OutOfMemory,
    ScanmendError,
    TimedOut,
)
from scanmend.gguf_notes import Notes
from scanmend.page import Line, ModelInfo, PageProposal
from scanmend.telemetry import log, metrics
from scanmend.workers.client import Child
from scanmend.workers.protocol import (
    ConnectRequest,
    DownloadBegun,
    Downloaded,
    FactsFound,
    FetchRequest,
    LayersTried,
    LoadRequest,
    Progress,
    ProposeRequest,
    Said,
)
from scanmend.workers.sandbox import Sandbox

BACK_OFF = (
    30.0,
    120.0,
    600.0,
)  # seconds after the first, second, and every further failure in a row
CRASHES = (
    3  # in a row: then the model is not tried again until its file or the configuration changes
)
GIVEN_BACK = 0.75  # share of the model's memory on the GPU that counts as all of it, others being at work too


class ModelState(enum.StrEnum):
    """Where the model is."""

    ABSENT = "absent"
    DOWNLOADING = "downloading"
    READY = "ready"  # on disk, not in memory
    LOADING = "loading"
    LOADED = "loaded"
    BUSY = "busy"  # a page is in flight
    IDLE = "idle"
    UNLOADING = "unloading"
    FAILED = "failed"  # with a reason, until its back-off is over


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


def page_deadline(settings: LlmSettings) -> float:
    """Return the seconds after which the model's process is ended in the middle of a page.

    The process itself stops at ``llm.page_timeout``; this is for one that does not.
    """
    return settings.page_timeout * 1.1 + 5


class Model:
    """The model of this configuration."""

    def __init__(
        self,
        settings: LlmSettings,
        directory: str,
        state: Callable[[str, str], None],
        scratch: str = "",
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """``directory`` holds the models, ``scratch`` the folders of the processes.

        ``state`` is called with each move and its reason, ``progress`` with how far a download is; from two threads.
        """
        self._settings = settings
        self._directory = directory
        self._scratch = scratch
        self._tell = state
        self._tell_progress = progress or functools.partial(state, S.DOWNLOADING)
        self._lock = threading.Lock()  # the state: moved by the owner and by the download's thread
        self._state = S.ABSENT
        self._info: ModelInfo | None = None
        self._child: Child | None = None
        self._failures = 0
        self._failed_until = 0.0
        self._reason = ""
        self._failed_file: tuple[str, int, int] | None = None
        self._download: Download | None = None
        self._closing = False
        self._tried: int | None = None  # layers on the GPU, in the load under way
        self._used_before: int | None = None  # MiB of the GPU before the load
        self._most_layers: int | None = None  # more did not work in this daemon's time
        # MiB in use when an ended process's memory is back, and until when to wait for that
        self._free_at: tuple[int, float] | None = None

    @property
    def loaded(self) -> bool:
        """Whether the model's process is there."""
        return self._child is not None

    def propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        """Ask the model for the ``wanted`` lines of a page, loading it when it is not there.

        Raises ModelUnavailable with the reason when there is none, ChildError when it failed on this page
        twice (or once, when the page took too long).
        """
        try:
            return self._ask(lines, wanted, profile)
        except (Died, OutOfMemory):
            if self._closing:
                raise
            return self._ask(lines, wanted, profile)

    def _ask(self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile) -> PageProposal:
        child = self._ready()
        request = ProposeRequest(
            profile.prompt,
            tuple(line.text for line in lines),
            tuple(wanted),
            self._settings.page_timeout,
            {n: told for n in wanted if (told := lines[n].doubts) is not None},
        )
        self._move(S.BUSY, f"{len(wanted)} lines")
        try:
            proposal = child.ask(request, page_deadline(self._settings))
        except ScanmendError as error:
            if isinstance(error, OutOfMemory) and self._info and self._info.gpu_layers:
                self._most_layers = self._info.gpu_layers // 2
            if isinstance(error, ModelUnavailable):  # a server that went away, a template of no use
                child.end()
                self._child = None
                self._fail(str(error), self._place())
            elif isinstance(error, OutOfMemory | Died) or not child.alive:
                self._lost(str(error), crashed=not isinstance(error, TimedOut))
            else:
                self._move(S.IDLE, str(error))
            raise
        self._move(S.IDLE, "")
        self._failures = 0
        return proposal

    # the model's process --------------------------------------------------------------------------

    def _ready(self) -> Child:
        """The child with the model loaded."""
        if self._child is not None and self._child.alive:
            return self._child
        if self._child is not None:
            self._lost("its process ended", crashed=True)
        path = self._settings.base_url if self._remote else self._file()
        if self._state == S.FAILED:
            same = stamp(path) == self._failed_file
            if time.monotonic() < self._failed_until and same:
                raise ModelUnavailable(self._reason)
        elif self._state != S.READY:
            self._move(S.READY, path)
        return self._load(path)

    @property
    def _remote(self) -> bool:
        return self._settings.backend == "openai"

    def _place(self) -> str:
        """The model's file; empty when there is none."""
        return "" if self._remote else chosen(self._settings, self._directory) or ""

    def _file(self) -> str:
        """The model's file; ModelUnavailable, and a download where it is allowed, when there is none."""
        path = chosen(self._settings, self._directory)
        if path is None:
            self._fetch_or_say()
            raise ModelUnavailable(self._reason)
        return path

    def _load(self, path: str) -> Child:
        name = path if self._remote else os.path.basename(path)
        self._move(S.LOADING, name)
        if self._free_at:
            gpu.wait_until_free(*self._free_at)
            self._free_at = None
        before = None if self._remote or self._layers(path) == 0 else gpu.memory()
        self._tried = None
        box = Sandbox(self._scratch, network=self._remote)
        child = Child("scanmend.llm", "LLM", environment(), int(self._settings.memory), box)
        self._child = child
        while True:
            try:
                request = self._request(path, before)
                info = child.ask(request, self._settings.load_timeout, self._loading)
                break
            except ScanmendError as error:
                # llama.cpp aborts when some kinds of memory are short
                if isinstance(error, Died | OutOfMemory) and self._tried and not self._closing:
                    self._most_layers = self._tried // 2
                    self._tell(S.LOADING, f"{error}; trying {self._most_layers} layers on the GPU")
                    continue
                if isinstance(error, Died) and not self._failures and not self._closing:
                    self._lost(str(error), crashed=True)  # from outside, perhaps: tried once more
                    raise
                child.end()
                self._child = None
                self._fail(f"{name} can't be loaded: {error}", path)
                if self._closing:
                    raise
                raise ModelUnavailable(self._reason) from None
        self._info = info
        self._used_before = before.used if before else None
        where = f"{info.gpu_layers} layers on the GPU" if info.gpu_layers else info.device
        wanted = self._settings.gpu_layers
        if wanted and info.gpu_layers < wanted:
            log.get("model").warning(
                "llm.gpu_layers can't be had",
                wanted=wanted,
                found=info.gpu_layers,
                device=info.device,
            )
        self._move(S.LOADED, f"{info.name}, {where}, process {child.pid}")
        return child

    def _request(self, path: str, memory: gpu.Memory | None) -> LoadRequest | ConnectRequest:
        if self._remote:
            key = _secret(self._settings.api_key_file)
            return ConnectRequest(path, self._settings.effective_model or "auto", key)
        return LoadRequest(
            os.fsencode(path),
            self._layers(path),
            self._settings.context,
            self._settings.threads,
            memory.key if memory else "",
            self._most_layers,
        )

    def _layers(self, path: str) -> int | None:
        """The built-in model is fast on a CPU, and the GPU is for others."""
        layers = self._settings.gpu_layers
        return 0 if path == builtin() and layers is None else layers

    def _loading(self, step: Progress) -> None:
        match step:
            case LayersTried(layers):
                self._tried = layers
            case FactsFound(facts) if self._place() != builtin():  # not among the program's files
                with contextlib.suppress(OSError):  # the file went away meanwhile
                    Notes(self._place()).update(facts)
            case Said(text):
                self._tell(self._state, text)

    def _lost(self, reason: str, *, crashed: bool) -> None:
        """The process is gone: the next page starts another, three in a row are a failure."""
        if self._child:
            self._child.end()
        self._child = None
        self._failures += 1
        if self._failures < CRASHES:
            self._move(S.FAILED, reason)
            self._failed_until = 0.0
            self._reason = reason
            return
        path = self._place()
        what = f"the model's process failed {self._failures} times in a row: {reason}"
        if crashed:
            self._fail(
                f"{what}; {os.path.basename(path)} is not tried again until it or the configuration changes",
                path,
            )
            self._failed_until = float("inf")
        else:
            self._fail(what, path)

    def _fail(self, reason: str, path: str) -> None:
        self._failures += 1
        self._failed_until = time.monotonic() + BACK_OFF[min(self._failures, len(BACK_OFF)) - 1]
        self._failed_file = stamp(path)
        self._reason = reason
        self._move(S.FAILED, reason)

    def idle(self) -> None:
        """No page came for ``idle_unload``: end the process, so that all its memory is free."""
        if self._child is None:
            return
        if not self._child.alive:
            self._lost("its process ended while idle", crashed=True)
            return
        self._move(S.UNLOADING, f"no page for {self._settings.idle_unload:g} s")
        loaded = gpu.memory() if self._info and self._info.gpu_layers else None
        self._child.end()
        self._child = None
        if loaded and self._used_before is not None:
            own = max(0, loaded.used - self._used_before)
            self._free_at = (loaded.used - int(GIVEN_BACK * own), time.monotonic() + gpu.PATIENCE)
        self._move(S.READY, "its memory is free")

    def interrupt(self) -> None:
        """From another thread: end the processes now; who waits for an answer gets an error."""
        self._closing = True
        for running in (self._child, self._download):
            if running:
                running.kill()

    def close(self) -> None:
        """End everything; a download goes on where it was the next time."""
        self._closing = True
        if self._download:
            self._download.close()
        if self._child:
            self._child.end()
            self._child = None

    # the model's file -----------------------------------------------------------------------------

    def _fetch_or_say(self) -> None:
        """No file: start the download, or say why there is none."""
        if self._download and self._download.running:
            return
        if self._settings.effective_model in (BUILTIN, None):
            self._none(f"{builtin()} is missing: install scanmend again, or set llm.model: auto")
        elif self._settings.effective_model != "auto":
            where = os.path.join(self._directory, self._settings.effective_model)
            self._none(f"llm.model: {where} is not there; put it there, or set llm.model: auto")
        elif not self._settings.auto_download:
            self._none(
                f"no .gguf file in {self._directory} and llm.auto_download is false: put one there, or set it to true"
            )
        elif self._state == S.FAILED and time.monotonic() < self._failed_until:
            return
        else:
            self._reason = (
                f"{self._settings.repository} ({self._settings.quantization}) is being downloaded"
            )
            self._move(S.DOWNLOADING, self._reason)
            request = FetchRequest(
                self._settings.repository,
                self._settings.quantization,
                os.fsencode(self._directory),
            )
            self._download = Download(request, self._scratch, self._progress, self._downloaded)
            self._download.start()

    def _none(self, reason: str) -> None:
        if reason != self._reason or self._state != S.ABSENT:
            self._reason = reason
            if self._state != S.ABSENT:
                self._move(S.ABSENT, reason)
            else:
                self._tell(S.ABSENT, reason)

    def _downloaded(self, error: Exception | None) -> None:
        if self._closing or self._state != S.DOWNLOADING:  # one was put there by hand meanwhile
            return
        if error:
            self._fail(str(error), "")
        else:
            self._failures = 0
            self._move(S.READY, "downloaded and checked")

    def _progress(self, step: Progress) -> None:
        match step:
            case DownloadBegun(licence):
                self._tell(S.DOWNLOADING, f"{self._settings.repository}, licence: {licence}")
            case Downloaded(file, done, total) if total:
                share = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB ({100 * done // total} %)"
                self._reason = f"{file}: {share}"
                self._tell_progress(self._reason)

    def _move(self, new: ModelState, reason: str) -> None:
        with self._lock:
            assert new in MODEL_MOVES[self._state], f"the model: {self._state} -> {new} is no move"
            self._state = new
        for state in ModelState:
            metrics.MODEL_STATE.labels(state.value).set(state == new)
        metrics.MODEL_MOVES.labels(new.value).inc()
        try:
            self._tell(new, reason)
        except MachineError:
            return  # the state holds, even when it can't be noted


def _secret(path: str | None) -> str:
    """The key in a file of its own: not in the configuration, which others may read."""
    if path is None:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise ModelUnavailable(f"llm.api_key_file: {path}: {error.strerror}") from None
