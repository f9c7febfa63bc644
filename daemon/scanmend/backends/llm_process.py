"""Run the process that holds the language model, with as many layers on the GPU as fit.

Each load has a process of its own, because only the end of a process frees all its GPU memory.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence

from scanmend.backends import gpu
from scanmend.backends.gguf_files import belongs_to_program, builtin
from scanmend.backends.llm_children import llm_child
from scanmend.config.profiles import Profile
from scanmend.config.settings import FAST, LlmSettings
from scanmend.errors import Died, ModelUnavailable, OutOfMemory, TimedOut
from scanmend.gguf_notes import Notes
from scanmend.page import Line, ModelInfo, PageProposal
from scanmend.telemetry import log
from scanmend.workers.client import Child
from scanmend.workers.protocol import (
    ConnectRequest,
    FactsFound,
    LayersTried,
    LoadRequest,
    Progress,
    ProposeRequest,
    Said,
)
from scanmend.workers.sandbox import Sandbox

# The GPU counts as free once this share of the model's memory is: other programs allocate memory too.
FREED_SHARE = 0.75
CONNECT_SECONDS = (
    120.0  # in which a server that has loaded its model lists its models, and one of them answers
)
# The process itself ends a page at llm.page_timeout. If it does not, the daemon ends the process this much later.
# The slack, in seconds, holds the first page's work that no clock interrupts, such as an index of the lexicon, on a busy machine.
_PAGE_TIMEOUT_FACTOR, _PAGE_TIMEOUT_SLACK = 1.1, 10.0


def page_deadline(settings: LlmSettings) -> float:
    """Return the seconds after which the daemon ends the model's process in the middle of a page.

    A server may be loading its model when it gets the page.
    """
    load_seconds = settings.load_timeout if settings.backend == "openai" else 0.0
    return load_seconds + settings.page_timeout * _PAGE_TIMEOUT_FACTOR + _PAGE_TIMEOUT_SLACK


def load_deadline(settings: LlmSettings) -> float:
    """Return the seconds after which the daemon ends the model's process while it loads.

    The client of a server ends its wait itself, with the server's own words.
    """
    if settings.backend != "openai":
        return settings.load_timeout
    return settings.load_timeout + CONNECT_SECONDS + _PAGE_TIMEOUT_SLACK


class GpuMemoryAccount:
    """A record of the GPU memory that a model's process takes and frees again."""

    def __init__(self) -> None:
        """Start without a measurement."""
        self._used_before_load: int | None = None  # MiB
        # the MiB in use at which an ended process's memory counts as free, and the (monotonic) deadline
        self._awaited: tuple[int, float] | None = None

    def wait(self) -> None:
        """Wait until the memory of an ended process is free."""
        if self._awaited:
            gpu.wait_until_free(*self._awaited)
            self._awaited = None

    def measure(self) -> str:
        """Measure before a load. Return the GPUs' names and size (``GpuMemory.key``); "" without a GPU."""
        memory = gpu.memory()
        self._used_before_load = memory.used if memory else None
        return memory.key if memory else ""

    def forget(self) -> None:
        """Drop the measurement, since the next load does not use a GPU."""
        self._used_before_load = None

    @contextlib.contextmanager
    def unload(self) -> Iterator[None]:
        """Measure the memory of the process that the block ends, so that the next load waits until it is free."""
        memory = None if self._used_before_load is None else gpu.memory()
        yield
        if memory and self._used_before_load is not None:
            models_share = max(0, memory.used - self._used_before_load)
            free_at = memory.used - int(FREED_SHARE * models_share)
            self._awaited = (free_at, time.monotonic() + gpu.MAX_RELEASE_SECONDS)


class ModelProcess:
    """The process of one model file or one server. One thread uses it; any thread may call ``kill``."""

    def __init__(self, settings: LlmSettings, scratch: str, explain: Callable[[str], None]) -> None:
        """Prepare; ``load`` starts the process.

        ``explain`` is called with messages about the progress of a load.
        """
        self._settings = settings
        self._scratch = scratch
        self._explain = explain
        self._gpu = GpuMemoryAccount()
        self._child: Child | None = None
        self._info: ModelInfo | None = None
        self._path = ""
        self._layers_tried: int | None = None  # on the GPU, in the current load
        self._max_layers: int | None = None  # more layers failed since the daemon started

    @property
    def exists(self) -> bool:
        """Return whether there is a process: running, or dead and not yet cleared away by ``end``."""
        return self._child is not None

    @property
    def alive(self) -> bool:
        """Return whether the process is running."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        """Return the process id, or None while there is no process."""
        return self._child.pid if self._child else None

    def load(self, path: str, stopping: Callable[[], bool]) -> ModelInfo:
        """Load the file, or connect to the server, at ``path``; return the model.

        llama.cpp aborts when some kinds of memory are short. Half as many layers are then tried, unless ``stopping()``.
        Raises the error of the last attempt, after which a process may remain: call ``end``.
        """
        remote = self._settings.backend == "openai"
        self._path = path
        self._gpu.wait()
        uses_gpu = not remote and self._gpu_layers(path) != 0
        device = self._gpu.measure() if uses_gpu else ""
        if not uses_gpu:
            self._gpu.forget()
        self._layers_tried = None
        sandbox = Sandbox(self._scratch, network=remote, gpu=uses_gpu)
        child = self._child = llm_child("LLM", sandbox, int(self._settings.memory))
        while True:
            request = self._connect_request(path) if remote else self._load_request(path, device)
            try:
                info: ModelInfo = child.ask(
                    request, load_deadline(self._settings), self._on_progress
                )
            except (Died, OutOfMemory) as error:
                if not self._layers_tried or stopping():
                    raise
                self._max_layers = self._layers_tried // 2
                self._explain(f"{error}; trying {self._max_layers} layers on the GPU")
            else:
                self._info = info
                self._warn_of_fewer_layers(info)
                return info

    def _connect_request(self, base_url: str) -> ConnectRequest:
        key = _secret(self._settings.api_key_file)
        model = self._settings.effective_model or "auto"
        corrector = builtin()
        return ConnectRequest(
            base_url,
            model,
            key,
            load_seconds=self._settings.load_timeout,
            corrector=os.fsencode(corrector) if os.path.exists(corrector) else b"",
            threads=self._settings.threads,
        )

    def _load_request(self, path: str, device: str) -> LoadRequest:
        return LoadRequest(
            os.fsencode(path),
            self._gpu_layers(path),
            self._settings.context,
            self._settings.threads,
            device,
            self._max_layers,
            corrector=b"" if path == builtin() else os.fsencode(builtin()),
        )

    def _gpu_layers(self, path: str) -> int | None:
        """Return ``llm.gpu_layers``; 0 for the built-in model, which is fast on a CPU."""
        return 0 if path == builtin() else self._settings.gpu_layers

    def _on_progress(self, progress: Progress) -> None:
        match progress:
            case LayersTried(layers):
                self._layers_tried = layers
            case FactsFound(facts) if not belongs_to_program(self._path):
                with contextlib.suppress(OSError):  # the model file may have been removed meanwhile
                    Notes(self._path).update(facts)
            case Said(text):
                self._explain(text)

    def _warn_of_fewer_layers(self, info: ModelInfo) -> None:
        """Log a warning if fewer layers than ``llm.gpu_layers`` are on the GPU."""
        wanted = self._gpu_layers(self._path)
        if wanted and info.gpu_layers < wanted:
            log.get("model").warning(
                "llm.gpu_layers can't be had",
                wanted=wanted,
                found=info.gpu_layers,
                device=info.device,
            )

    def propose(
        self, lines: Sequence[Line], wanted: Sequence[int], profile: Profile
    ) -> PageProposal:
        """Return the loaded model's proposals for the ``wanted`` lines of a page.

        Raises as ``Child.ask``; Died if there is no process.
        """
        if self._child is None:
            raise Died("the model's process is gone")
        request = ProposeRequest(
            profile.prompt or "",
            tuple(line.text for line in lines),
            tuple(wanted),
            self._settings.page_timeout,
            {n: doubts for n in wanted if (doubts := lines[n].doubts) is not None},
            fast=self._settings.effort == FAST,
            words=profile.words,
        )
        try:
            return self._child.ask(request, page_deadline(self._settings), self._on_progress)
        except TimedOut as error:
            raise TimedOut(error.what, "raise llm.page_timeout") from None
        except OutOfMemory:
            if self._info and self._info.gpu_layers:
                self._max_layers = self._info.gpu_layers // 2
            raise

    def unload(self) -> None:
        """End the process, and measure how much GPU memory this frees."""
        on_gpu = self._info is not None and self._info.gpu_layers > 0
        with self._gpu.unload() if on_gpu else contextlib.nullcontext():
            self.end()

    def end(self) -> None:
        """End the process."""
        if self._child:
            self._child.end()
            self._child = None

    def kill(self) -> None:
        """End the process at once. Any thread may call this."""
        child = self._child
        if child:
            child.kill()


def _secret(path: str | None) -> str:
    """Return the server's key from its file, since other users may read the configuration; "" without a file.

    Raises ModelUnavailable if the file can't be read.
    """
    if path is None:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise ModelUnavailable(f"llm.api_key_file: {path}: {error.strerror}") from None


def describe(info: ModelInfo, pid: int | None) -> str:
    """Return a description of a loaded model for people."""
    device = f"{info.gpu_layers} layers on the GPU" if info.gpu_layers else info.device
    described = f"{info.name}, {device}, process {pid}"
    return f"{described}; {info.unused_server}" if info.unused_server else described
