"""Run the process that holds the language model: load, propose, end; with as many layers on the GPU as fit.

Only the end of a process gives all of a GPU's memory back, hence a process for each load.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence

from scanmend.backends import gpu
from scanmend.backends.gguf_files import builtin
from scanmend.backends.llm_children import llm_child
from scanmend.config.settings import LlmSettings
from scanmend.errors import Died, ModelUnavailable, OutOfMemory
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

# share of the model's memory on the GPU that counts as all of it, since others are at work too
FREED_SHARE = 0.75
# the process ends a page by itself at llm.page_timeout; this is for one that does not
_DEADLINE_FACTOR, _DEADLINE_SECONDS = 1.1, 5.0


def page_deadline(settings: LlmSettings) -> float:
    """Return the seconds after which the model's process is ended in the middle of a page."""
    return settings.page_timeout * _DEADLINE_FACTOR + _DEADLINE_SECONDS


class GpuMemoryAccount:
    """The GPU memory of a model's process: how much it took, and when it is free again."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._before_load: int | None = None  # MiB in use
        # MiB in use once an ended process's memory is free, and until when (monotonic) to wait for that
        self._awaited: tuple[int, float] | None = None

    def wait(self) -> None:
        """Wait until the memory of an ended process is free."""
        if self._awaited:
            gpu.wait_until_free(*self._awaited)
            self._awaited = None

    def measure(self) -> str:
        """Measure before a load. Return which GPUs there are, and how large; "": none."""
        memory = gpu.memory()
        self._before_load = memory.used if memory else None
        return memory.key if memory else ""

    def forget(self) -> None:
        """Note that the next load does not use a GPU."""
        self._before_load = None

    @contextlib.contextmanager
    def unload(self) -> Iterator[None]:
        """Measure how much memory a process has that ends in this block, to wait for it at the next load."""
        memory = None if self._before_load is None else gpu.memory()
        yield
        if memory and self._before_load is not None:
            own = max(0, memory.used - self._before_load)
            goal = memory.used - int(FREED_SHARE * own)
            self._awaited = (goal, time.monotonic() + gpu.FREE_AGAIN_SECONDS)


class ModelProcess:
    """The process of one model file, or of one server. Belongs to one thread; only ``kill`` comes from another."""

    def __init__(self, settings: LlmSettings, scratch: str, explain: Callable[[str], None]) -> None:
        """Start nothing yet. ``explain`` is called with what the load is doing."""
        self._settings = settings
        self._scratch = scratch
        self._explain = explain
        self._gpu = GpuMemoryAccount()
        self._child: Child | None = None
        self._info: ModelInfo | None = None
        self._path = ""
        self._layers_tried: int | None = None  # on the GPU, in the load under way
        self._max_layers: int | None = None  # more did not work in this daemon's time

    @property
    def exists(self) -> bool:
        """Return whether there is a process, or one that died and was not ended yet."""
        return self._child is not None

    @property
    def alive(self) -> bool:
        """Return whether there is a process that runs."""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        """Return the process id while there is a process."""
        return self._child.pid if self._child else None

    def load(self, path: str, stopping: Callable[[], bool]) -> ModelInfo:
        """Load the file, or connect to the server, at ``path``.

        llama.cpp aborts when some kinds of memory are short: then half as many layers are tried, unless the daemon is
        ``stopping``. Raises the error of the last try; a process may be left.
        """
        remote = self._settings.backend == "openai"
        self._path = path
        self._gpu.wait()
        uses_gpu = not remote and self._gpu_layers(path) != 0
        device = self._gpu.measure() if uses_gpu else ""
        if not uses_gpu:
            self._gpu.forget()
        self._layers_tried = None
        box = Sandbox(self._scratch, network=remote)
        child = self._child = llm_child("LLM", box, int(self._settings.memory))
        while True:
            request = self._connect_request(path) if remote else self._load_request(path, device)
            try:
                info: ModelInfo = child.ask(request, self._settings.load_timeout, self._on_progress)
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
        return ConnectRequest(base_url, self._settings.wanted or "auto", key)

    def _load_request(self, path: str, device: str) -> LoadRequest:
        return LoadRequest(
            os.fsencode(path),
            self._gpu_layers(path),
            self._settings.context,
            self._settings.threads,
            device,
            self._max_layers,
        )

    def _gpu_layers(self, path: str) -> int | None:
        """Return ``llm.gpu_layers``, or 0 for the built-in model: it is fast on a CPU, and the GPU is for others."""
        layers = self._settings.gpu_layers
        return 0 if path == builtin() and layers is None else layers

    def _on_progress(self, step: Progress) -> None:
        match step:
            case LayersTried(layers):
                self._layers_tried = layers
            case FactsFound(facts) if self._path != builtin():  # not among the program's files
                with contextlib.suppress(OSError):  # the file went away meanwhile
                    Notes(self._path).update(facts)
            case Said(text):
                self._explain(text)

    def _warn_of_fewer_layers(self, info: ModelInfo) -> None:
        wanted = self._settings.gpu_layers
        if wanted and info.gpu_layers < wanted:
            log.get("model").warning(
                "llm.gpu_layers can't be had",
                wanted=wanted,
                found=info.gpu_layers,
                device=info.device,
            )

    def propose(self, lines: Sequence[Line], wanted: Sequence[int], prompt: str) -> PageProposal:
        """Ask the loaded model for the ``wanted`` lines of a page; the errors are those of ``Child.ask``."""
        if self._child is None:
            raise Died("the model's process is gone")
        request = ProposeRequest(
            prompt,
            tuple(line.text for line in lines),
            tuple(wanted),
            self._settings.page_timeout,
            {n: seen for n in wanted if (seen := lines[n].doubts) is not None},
        )
        try:
            return self._child.ask(request, page_deadline(self._settings))
        except OutOfMemory:
            if self._info and self._info.gpu_layers:
                self._max_layers = self._info.gpu_layers // 2
            raise

    def unload(self) -> None:
        """End the process, and note how much GPU memory its end will free."""
        on_gpu = self._info is not None and self._info.gpu_layers > 0
        with self._gpu.unload() if on_gpu else contextlib.nullcontext():
            self.end()

    def end(self) -> None:
        """End the process."""
        if self._child:
            self._child.end()
            self._child = None

    def kill(self) -> None:
        """End the process at once; from any thread."""
        child = self._child
        if child:
            child.kill()


def _secret(path: str | None) -> str:
    """Return the key in a file of its own: others may read the configuration. "" without a file."""
    if path is None:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError as error:
        raise ModelUnavailable(f"llm.api_key_file: {path}: {error.strerror}") from None


def describe(info: ModelInfo, pid: int | None) -> str:
    """Return a loaded model for people."""
    where = f"{info.gpu_layers} layers on the GPU" if info.gpu_layers else info.device
    return f"{info.name}, {where}, process {pid}"
