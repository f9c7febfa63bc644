"""The model's life: real llama.cpp on a real (tiny, random) GGUF that the test writes."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import tinygguf
from hub import Hub, serving
from running import eventually
from scanmend.backends import gpu
from scanmend.backends.llm_lifecycle import MODEL_MOVES, Model, ModelState
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.correction.gate import gate
from scanmend.errors import ChildError, ModelUnavailable, OutOfMemory, TimedOut
from scanmend.gguf_notes import Notes
from scanmend.llm import llama_model, loader
from scanmend.page import Box, Line
from scanmend.telemetry import metrics
from scanmend.workers.client import Child
from scanmend.workers.protocol import FactsFound, LoadRequest, Progress, ProposeRequest, Request

LINES = tuple(
    Line(t, Box(0, 0, 1, 1), 0.9) for t in ("Invoic # 12345", "Total 100.00", "the ledger")
)
ALL = range(len(LINES))
PROFILE = Profile("default", "Correct the lines.")
SETTINGS = replace(
    LlmSettings(),
    model="auto",
    auto_download=False,
    context=1024,
    load_timeout=120.0,
    page_timeout=60.0,
)


class Told(list[tuple[str, str]]):
    """The states that were told."""

    def __call__(self, state: str, reason: str) -> None:
        self.append((state, reason))

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tinygguf.write(tmp_path / "models" / "tiny-q8_0.gguf")
    return tmp_path / "models"


@pytest.fixture
def model(folder: Path, told: Told) -> Iterator[Model]:
    model = Model(SETTINGS, str(folder), told)
    yield model
    model.close()


def _child(model: Model) -> psutil.Process:
    assert model._child is not None
    return psutil.Process(model._child.pid)


def test_load_correct_unload_reload(model: Model, told: Told) -> None:
    for _ in range(2):
        proposal = model.propose(LINES, ALL, PROFILE)
        process = _child(model)

        assert len(proposal.lines) == len(LINES)
        assert proposal.tokens > 0
        assert proposal.model.name == "tiny-q8_0.gguf"
        assert proposal.model.quantization == "q8_0"
        assert gate(LINES, proposal.lines, PROFILE.gate_rules).lines == tuple(
            line.text for line in LINES
        )

        model.idle()
        assert not process.is_running()
        assert not model.loaded
        assert metrics.REGISTRY.get_sample_value("scanmend_model_state", {"state": "ready"}) == 1
        assert metrics.REGISTRY.get_sample_value("scanmend_model_state", {"state": "busy"}) == 0
    assert told.states == [
        "ready",
        *["loading", "loaded", "busy", "idle", "unloading", "ready"] * 2,
    ]


def test_a_random_model_stays_within_its_bounds(model: Model) -> None:
    many = LINES * 20
    proposal = model.propose(many, range(len(many)), PROFILE)

    assert len(proposal.lines) == len(many)
    assert proposal.bound in ("tokens", "repetition", "seconds", None)


def test_a_worker_that_dies_idle_is_replaced(model: Model) -> None:
    model.propose(LINES, ALL, PROFILE)
    _child(model).kill()

    assert model.propose(LINES, ALL, PROFILE).tokens > 0


def test_a_worker_that_dies_in_mid_page_is_tried_once_more(model: Model, told: Told) -> None:
    model.propose(LINES, ALL, PROFILE)
    first = _child(model)
    first.suspend()  # in the middle of what follows
    import threading

    killer = threading.Timer(0.5, first.kill)
    killer.start()
    try:
        proposal = model.propose(LINES, ALL, PROFILE)
    finally:
        killer.join()

    assert proposal.tokens > 0
    assert "failed" in told.states
    assert _child(model).pid != first.pid


def test_a_page_that_takes_too_long_is_ended(folder: Path, told: Told) -> None:
    model = Model(replace(SETTINGS, page_timeout=0.2), str(folder), told)
    try:
        proposal = model.propose(LINES, ALL, PROFILE)  # the child bounds itself …
        assert proposal.bound in ("seconds", "tokens", "repetition", None)
        _child(model).suspend()
        started = time.monotonic()
        with pytest.raises(TimedOut):  # … and is ended when it can't
            model.propose(LINES, ALL, PROFILE)
        assert time.monotonic() - started < 30
    finally:
        model.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: b"not a model" + data[11:], "no GGUF file"),
        (lambda data: data[: len(data) // 2], "can't be loaded"),
        (lambda data: b"GGUF" + b"\xff" * 5000, "can't be loaded"),
    ],
)
def test_a_corrupt_file_is_named_and_not_tried_again_at_once(
    folder: Path, told: Told, damage: object, said: str
) -> None:
    path = folder / "tiny-q8_0.gguf"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))  # type: ignore[operator]
    model = Model(SETTINGS, str(folder), told)
    try:
        for _ in range(5):
            with pytest.raises(ModelUnavailable, match=said) as error:
                model.propose(LINES, ALL, PROFILE)
        assert "tiny-q8_0.gguf" in str(error.value)
        assert told.states.count("loading") == 1
        path.write_bytes(whole)  # put right: taken at once
        os.utime(path, (1, 1))
        assert model.propose(LINES, ALL, PROFILE).tokens > 0
    finally:
        model.close()


def test_no_model_and_no_download(tmp_path: Path, told: Told) -> None:
    model = Model(SETTINGS, str(tmp_path), told)
    with pytest.raises(ModelUnavailable, match=r"no \.gguf file in .* llm\.auto_download is false"):
        model.propose(LINES, ALL, PROFILE)
    tinygguf.write(tmp_path / "anything.gguf")
    try:
        assert model.propose(LINES, ALL, PROFILE).model.name == "anything.gguf"
    finally:
        model.close()


def test_a_named_model_that_is_missing(folder: Path, told: Told) -> None:
    model = Model(replace(SETTINGS, model="other.gguf"), str(folder), told)
    with pytest.raises(ModelUnavailable, match=r"llm\.model: .*other\.gguf is not there"):
        model.propose(LINES, ALL, PROFILE)
    model.close()


def test_a_model_without_a_chat_template(tmp_path: Path, told: Told) -> None:
    tinygguf.write(tmp_path / "plain.gguf", template=False)
    model = Model(SETTINGS, str(tmp_path), told)
    try:
        assert model.propose(LINES, ALL, PROFILE).tokens > 0
    finally:
        model.close()


def test_a_download_goes_on_beside(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages are told at once that there is no model yet; when it is there, it is used."""
    data = tinygguf.write(tmp_path / "made.gguf").read_bytes()
    with serving(Hub("Linden/Tiny-GGUF", {"tiny-q8_0.gguf": data})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
        settings = replace(SETTINGS, auto_download=True, repo_id="Linden/Tiny-GGUF")
        model = Model(settings, str(tmp_path / "models"), told)
        try:
            with pytest.raises(ModelUnavailable, match="is being downloaded"):
                model.propose(LINES, ALL, PROFILE)
            eventually(lambda: "ready" in told.states)
            assert model.propose(LINES, ALL, PROFILE).model.name == "tiny-q8_0.gguf"
        finally:
            model.close()


def test_a_failed_download_is_remembered(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    model = Model(replace(SETTINGS, auto_download=True), str(tmp_path / "models"), told)
    try:
        with pytest.raises(ModelUnavailable):
            model.propose(LINES, ALL, PROFILE)
        eventually(lambda: "failed" in told.states)
        for _ in range(5):
            with pytest.raises(ModelUnavailable, match="can't be reached"):
                model.propose(LINES, ALL, PROFILE)
        assert told.states.count("downloading") == 1
    finally:
        model.close()


def test_interrupt_ends_the_page_at_once(model: Model) -> None:
    import threading

    model.propose(LINES, ALL, PROFILE)
    _child(model).suspend()
    timer = threading.Timer(0.3, model.interrupt)
    timer.start()
    try:
        with pytest.raises(ChildError):
            model.propose(LINES, ALL, PROFILE)
    finally:
        timer.join()


def test_fifty_loads_and_unloads_leak_nothing(model: Model) -> None:
    """No file, no child, no memory, but for what the interpreter keeps the first times."""
    us = psutil.Process()
    resident = []
    for cycle in range(50):
        model.propose(LINES, ALL, PROFILE)
        process = _child(model)
        model.idle()
        assert not process.is_running()
        if cycle == 9:
            files = us.num_fds()
        resident.append(us.memory_info().rss)

    assert us.num_fds() == files
    assert us.children() == []
    assert max(resident[40:]) - min(resident[9:20]) < 2 * 2**20


def test_a_model_that_ends_its_process_three_times_is_left_alone_until_it_changes(
    folder: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The death is made by a signal: a GGUF on which llama.cpp aborts is not at hand."""
    model = Model(SETTINGS, str(folder), told)
    ask = Child.ask

    def dying(self: Child, request: Request[Any], *rest: Any) -> Any:
        if isinstance(request, ProposeRequest):
            assert self.pid
            os.kill(self.pid, signal.SIGKILL)
        return ask(self, request, *rest)

    monkeypatch.setattr(Child, "ask", dying)
    try:
        for _ in range(4):
            with pytest.raises((ChildError, ModelUnavailable)):
                model.propose(LINES, ALL, PROFILE)
        monkeypatch.setattr(Child, "ask", ask)
        with pytest.raises(ModelUnavailable, match="until it or the configuration changes"):
            model.propose(LINES, ALL, PROFILE)
        assert told.states.count("loading") == 3
        os.utime(folder / "tiny-q8_0.gguf", (5, 5))
        assert model.propose(LINES, ALL, PROFILE).tokens > 0
    finally:
        model.close()


# a GPU that is not there: nvidia-smi and llama.cpp's answer are replaced, nothing else ----------------


def test_after_an_unload_the_next_load_waits_for_the_gpus_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    count = tmp_path / "count"
    program.write_text(
        f"#!/bin/sh\necho x >> {count}\n"
        f'[ $(wc -l < {count}) -lt 4 ] && echo "Tiny 1, 900, 1000" || echo "Tiny 1, 100, 1000"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    waited = gpu.wait_until_free(200, time.monotonic() + 60)

    assert gpu.memory() == gpu.Memory("Tiny 1", 100, 1000)
    assert waited >= 0.5
    assert gpu.wait_until_free(50, time.monotonic() + 0.6) < 30  # and no longer than allowed


@pytest.mark.parametrize(
    ("wanted", "most", "ladder"),
    [(None, None, [3, 1, 0]), (None, 2, [2, 1, 0]), (5, None, [5, 2, 1, 0]), (0, None, [0])],
)
def test_layers_are_halved_down_to_the_cpu(
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
    path = str(folder / "tiny-q8_0.gguf")
    request = LoadRequest(os.fsencode(path), wanted, 1024, gpu="Tiny 1, 1000 MiB", max_layers=most)

    def keep(step: Progress) -> None:  # as the daemon does for the child
        if isinstance(step, FactsFound):
            Notes(path).update(step.facts)

    loader.load(request, keep).context.close()

    assert tried == ladder
    if wanted is None:  # and it is remembered for this model and this GPU
        tried.clear()
        loader.load(request, lambda _: None).context.close()
        assert tried == [0]


def test_a_build_without_gpu_is_told_from_a_machine_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert llama_model.device() == "cpu: llama.cpp is built without support for a GPU"
    real = os.listdir
    monkeypatch.setattr(os, "listdir", lambda p: [*real(p), "libggml-cuda.so"])
    assert llama_model.device() == "cpu: llama.cpp is built for cuda, and no such GPU is found"


def test_every_state_is_in_the_table() -> None:
    assert set(MODEL_MOVES) == set(ModelState)
