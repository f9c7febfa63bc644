"""Test the language model from load to unload: the real llama.cpp, with a tiny, random GGUF that the test writes."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import tinygguf
from hub import Hub, serving
from running import eventually
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import shipped
from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory, TimedOut
from scanmend.gguf_notes import Notes
from scanmend.llm import llama_model, loader
from scanmend.page import Box, Line
from scanmend.telemetry import metrics
from scanmend.workers.client import Child
from scanmend.workers.protocol import FactsFound, LoadRequest, Progress, ProposeRequest, Request
from selection import long

LINES = tuple(
    Line(t, Box(0, 0, 1, 1), 0.9) for t in ("Invoic # 12345", "Total 100.00", "the ledger")
)
ALL = range(len(LINES))
PROFILE = Profile("default", "Correct the lines.")
SETTINGS = replace(
    LlmSettings(),
    repo_id="Linden/Tiny-GGUF",
    auto_download=False,
    context=1024,
    load_timeout=120.0,
    page_timeout=60.0,
)


class States(list[tuple[str, str]]):
    """A list of the reported states, with their reasons."""

    def __call__(self, state: str, reason: str) -> None:
        self.append((state, reason))

    @property
    def names(self) -> list[str]:
        return [state for state, _ in self]


@pytest.fixture
def states() -> States:
    return States()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tinygguf.write(tmp_path / "models" / "tiny-q8_0.gguf")
    return tmp_path / "models"


Make = Callable[..., LanguageModel]


@pytest.fixture
def make(folder: Path, states: States) -> Iterator[Make]:
    """Return a function that makes models; close them after the test."""
    made: list[LanguageModel] = []

    def make(directory: Path = folder, **settings: Any) -> LanguageModel:
        made.append(LanguageModel(replace(SETTINGS, **settings), str(directory), states))
        return made[-1]

    yield make
    for model in made:
        model.close()


@pytest.fixture
def model(make: Make) -> LanguageModel:
    return make()


def _process(model: LanguageModel) -> psutil.Process:
    assert model.pid is not None
    return psutil.Process(model.pid)


def _soon(act: Callable[[], None], seconds: float) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_a_model_is_loaded_unloaded_and_loaded_again(model: LanguageModel, states: States) -> None:
    for _ in range(2):
        proposal = model.propose(LINES, ALL, PROFILE)
        process = _process(model)

        assert len(proposal.lines) == len(LINES)
        assert proposal.tokens > 0
        assert proposal.model.name == "tiny-q8_0.gguf"
        assert proposal.model.quantization == "q8_0"
        # the built-in corrector works beside it, alone, since a random model knows no language
        published = gate(LINES, proposal.lines, PROFILE.gate_rules, shipped()).lines
        assert published == ("Invoice # 12345", *(line.text for line in LINES[1:]))

        model.idle()
        assert not process.is_running()
        assert not model.loaded
        assert metrics.REGISTRY.get_sample_value("scanmend_model_state", {"state": "ready"}) == 1
        assert metrics.REGISTRY.get_sample_value("scanmend_model_state", {"state": "busy"}) == 0
    assert states.names == [
        "ready",
        *["loading", "loaded", "busy", "idle", "unloading", "ready"] * 2,
    ]


def test_a_random_model_stays_within_its_bounds(model: LanguageModel) -> None:
    many = LINES * 20
    proposal = model.propose(many, range(len(many)), PROFILE)

    assert len(proposal.lines) == len(many)
    assert proposal.bound in ("tokens", "repetition", "seconds", None)


def test_a_process_that_dies_idle_is_replaced(model: LanguageModel) -> None:
    model.propose(LINES, ALL, PROFILE)
    _process(model).kill()

    assert model.propose(LINES, ALL, PROFILE).tokens > 0


def test_a_page_whose_process_dies_is_tried_once_more(model: LanguageModel, states: States) -> None:
    model.propose(LINES, ALL, PROFILE)
    first = _process(model)
    first.suspend()  # the next page is in work when the process is killed
    killer = _soon(first.kill, 0.5)
    try:
        proposal = model.propose(LINES, ALL, PROFILE)
    finally:
        killer.join()

    assert proposal.tokens > 0
    assert "failed" in states.names
    assert _process(model).pid != first.pid


def test_a_page_beyond_its_time_limit_is_ended(make: Make) -> None:
    model = make(page_timeout=0.2)
    proposal = model.propose(LINES, ALL, PROFILE)  # the child limits its own time …
    assert proposal.bound in ("seconds", "tokens", "repetition", None)
    _process(model).suspend()
    started = time.monotonic()

    with pytest.raises(TimedOut):  # … and the daemon ends it if it hangs
        model.propose(LINES, ALL, PROFILE)

    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"not a model" + data[11:], "not a GGUF file"),
        (lambda data: data[: len(data) // 2], "can't be loaded"),
        (lambda data: b"GGUF" + b"\xff" * 5000, "can't be loaded"),
    ],
)
def test_a_corrupt_file_is_named_and_not_tried_again_at_once(
    folder: Path, make: Make, states: States, damage: Callable[[bytes], bytes], said: str
) -> None:
    path = folder / "tiny-q8_0.gguf"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    model = make()
    for _ in range(5):
        with pytest.raises(ModelUnavailable, match=said) as error:
            model.propose(LINES, ALL, PROFILE)
    assert "tiny-q8_0.gguf" in str(error.value)
    assert states.names.count("loading") == 1

    path.write_bytes(whole)  # a repaired file is tried at once
    os.utime(path, (1, 1))
    assert model.propose(LINES, ALL, PROFILE).tokens > 0


def test_without_a_file_or_a_download_the_model_is_absent(
    tmp_path: Path, make: Make, states: States
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    model = make(empty)
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match=r"no \.gguf file in .* is false") as error:
            model.propose(LINES, ALL, PROFILE)
    assert error.value.remedy == "put one there, or set it to true"
    assert states.names == ["absent"]  # reported once

    tinygguf.write(empty / "anything.gguf")
    assert model.propose(LINES, ALL, PROFILE).model.name == "anything.gguf"


def test_the_error_for_a_missing_configured_file_names_it(make: Make) -> None:
    with pytest.raises(ModelUnavailable, match=r"llm\.model: .*other\.gguf is not there; put it"):
        make(model="other.gguf").propose(LINES, ALL, PROFILE)


def test_pages_do_not_wait_for_a_download(
    tmp_path: Path, make: Make, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tinygguf.write(tmp_path / "made.gguf").read_bytes()
    with serving(Hub("Linden/Tiny-GGUF", {"tiny-q8_0.gguf": data})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        model = make(tmp_path / "fetched", auto_download=True, repo_id="Linden/Tiny-GGUF")
        with pytest.raises(ModelUnavailable, match="is being downloaded"):
            model.propose(LINES, ALL, PROFILE)
        eventually(lambda: "ready" in states.names)

        assert model.propose(LINES, ALL, PROFILE).model.name == "tiny-q8_0.gguf"
        assert "Linden/Tiny-GGUF, licence: apache-2.0" in [reason for _, reason in states]


def test_a_failed_download_is_not_tried_again_at_once(
    tmp_path: Path, make: Make, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    model = make(tmp_path / "fetched", auto_download=True)
    with pytest.raises(ModelUnavailable):
        model.propose(LINES, ALL, PROFILE)
    eventually(lambda: "failed" in states.names)

    for _ in range(5):
        with pytest.raises(ModelUnavailable, match="can't be reached"):
            model.propose(LINES, ALL, PROFILE)
    assert states.names.count("downloading") == 1


def test_interrupt_ends_the_page_at_once(model: LanguageModel) -> None:
    model.propose(LINES, ALL, PROFILE)
    _process(model).suspend()
    timer = _soon(model.interrupt, 0.3)
    try:
        with pytest.raises(ChildError):
            model.propose(LINES, ALL, PROFILE)
    finally:
        timer.join()


@pytest.mark.parametrize("cycles", [18, *long(50)])
def test_loads_and_unloads_leak_nothing(model: LanguageModel, cycles: int) -> None:
    """Compare open files, children and memory after some loads: the interpreter keeps memory of the first ones."""
    us = psutil.Process()
    resident = []
    for cycle in range(cycles):
        model.propose(LINES, ALL, PROFILE)
        process = _process(model)
        model.idle()
        assert not process.is_running()
        if cycle == 9:
            files = us.num_fds()
        resident.append(us.memory_info().rss)

    assert us.num_fds() == files
    assert us.children() == []
    assert max(resident[-4:]) - min(resident[9:14]) < 2 * 2**20


def test_a_model_whose_process_died_three_times_is_not_loaded_until_it_changes(
    folder: Path, model: LanguageModel, states: States, monkeypatch: pytest.MonkeyPatch
) -> None:
    """End the process by a signal, since no GGUF file is known on which llama.cpp aborts."""
    ask = Child.ask

    def dying(self: Child, request: Request[Any], *rest: Any) -> Any:
        if isinstance(request, ProposeRequest):
            assert self.pid
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, request, *rest)

    monkeypatch.setattr(Child, "ask", dying)
    for _ in range(4):
        with pytest.raises((ChildError, ModelUnavailable)):
            model.propose(LINES, ALL, PROFILE)
    monkeypatch.setattr(Child, "ask", ask)

    with pytest.raises(ModelUnavailable, match="until it or the configuration changes"):
        model.propose(LINES, ALL, PROFILE)
    assert states.names.count("loading") == 3
    os.utime(folder / "tiny-q8_0.gguf", (5, 5))
    assert model.propose(LINES, ALL, PROFILE).tokens > 0


# llama.cpp's loader in this process, with a pretended GPU ----------------------------------


@pytest.mark.parametrize(
    ("wanted", "most", "ladder"),
    [(None, None, [3, 1, 0]), (None, 2, [2, 1, 0]), (5, None, [5, 2, 1, 0]), (0, None, [0])],
)
def test_gpu_layers_are_halved_until_the_model_fits(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: int | None,
    most: int | None,
    ladder: list[int],
) -> None:
    monkeypatch.setattr(llama_model, "device", lambda: "gpu")
    tried: list[int] = []
    real = loader._load_with

    def fits_on_the_cpu(request: LoadRequest, layers: int, notes: Notes) -> loader.LoadedModel:
        tried.append(layers)
        if layers:
            raise OutOfMemory("short")
        return real(request, layers, notes)

    monkeypatch.setattr(loader, "_load_with", fits_on_the_cpu)
    path = folder / "tiny-q8_0.gguf"
    request = LoadRequest(os.fsencode(path), wanted, 1024, gpu="Tiny 1, 1000 MiB", max_layers=most)

    def keep(step: Progress) -> None:  # notes the facts, as the daemon does for the child
        if isinstance(step, FactsFound):
            Notes(str(path)).update(step.facts)

    loader.load(request, keep).context.close()

    assert tried == ladder
    if wanted is None:  # the number is remembered for this model and this GPU
        tried.clear()
        loader.load(request, lambda _: None).context.close()
        assert tried == [0]


def test_a_build_without_gpu_support_is_told_from_a_machine_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert llama_model.device() == "cpu: llama.cpp is built without support for a GPU"
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda p: [*real(p), "libggml-cuda.so"])
    assert llama_model.device() == "cpu: llama.cpp is built for cuda, and no such GPU is found"
