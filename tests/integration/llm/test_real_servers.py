"""Test judging by real servers: their likelihoods are those of llama.cpp in a process of scanmend's own.

llama-server and vLLM are tested where they are on the PATH, with SmolLM2, as llama-cpp-python's own server is.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from language_models import smollm2
from running import eventually
from scanmend.backends.gguf_files import builtin
from scanmend.config.profiles import Profile
from scanmend.correction.gate import gate
from scanmend.correction.lexicon import shipped
from scanmend.llm.judge.page_judgement import PageToJudge
from scanmend.llm.judge.scorer import Passage, Scorer
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.llama_server import ForcingWay
from scanmend.llm.loader import LoadedModel, load, load_corrector
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock
from scanmend.llm.server_echo import EchoScorer, EchoWay
from scanmend.llm.server_forcing import ForcingScorer
from scanmend.llm.server_judge import ServerJudge
from scanmend.llm.server_models import candidates
from scanmend.llm.server_probe import find_way
from scanmend.page import Box, Line
from scanmend.workers.protocol import ConnectRequest, LoadRequest

TEXT = b"We rccommend that you\nmect us soon.\n"
SECONDS = 600.0
# Another build of llama.cpp, and one token at a time in place of a batch: sums over some six tokens differ by .07 nats on
# average, .24 at most with llama-server, .5 with vLLM, and .8 with llama-cpp-python. The wrong token or a shift by one makes 5
# or more.
SAME = 1.0  # nats

# vLLM takes no GGUF file. In its own environment, which must have gguf and accelerate, too, this makes a folder of one.
UNPACK = """
import pathlib, sys, transformers
file, folder = map(pathlib.Path, sys.argv[1:])
source = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
packed = transformers.AutoModelForCausalLM.from_pretrained(**source)
shape = packed.config.to_dict()
del shape["quantization_config"]
model = type(packed)(type(packed.config)(**shape))
model.load_state_dict(packed.state_dict())
model.save_pretrained(folder)
"""

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path, seconds: float = 120) -> Iterator[str]:
    """Run a server, which may take so many seconds to start; yield its address, without ``/v1``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(log, "w") as out:
        process = subprocess.Popen([*command, "--port", str(port)], stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/v1/models", timeout=5).close()
            return True
        return False

    try:
        eventually(answers, seconds)
        yield address
    finally:
        process.terminate()  # vLLM ends its own children then
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def llama_server(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("llama-server")
    if program is None:
        pytest.skip("needs llama-server of llama.cpp on the PATH")
    command = [program, "-m", str(smollm2()), "-c", "4096", "-t", "2"]
    with _running(command, tmp_path / "server.log") as address:
        yield address


@pytest.fixture
def llama_cpp_python(tmp_path: Path) -> Iterator[str]:
    options = ["--n_ctx", "256", "--logits_all", "true", "--n_threads", "2"]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(smollm2()), *options]
    with _running(command, tmp_path / "server.log") as address:
        yield address


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    program = shutil.which("vllm")
    if program is None:
        pytest.skip("needs vllm on the PATH")
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
    }.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "smollm2"
    python = Path(program).with_name("python3")
    subprocess.run([python, "-c", UNPACK, smollm2(), folder], check=True)
    options = [
        "--host",
        "127.0.0.1",
        "--max-model-len",
        "1024",
        "--dtype",
        "float32",
        "--enforce-eager",
    ]
    with _running(
        [program, "serve", str(folder), *options], tmp_path / "server.log", 600
    ) as address:
        yield address


def _passages() -> list[Passage]:
    words = {b"rccommend": (b"recommend",), b"mect": (b"meet", b"melt")}
    return [
        Passage(TEXT.index(read), TEXT.index(read) + len(read), (read, *others))
        for read, others in words.items()
    ]


def _scores(scorer: Scorer) -> list[float]:
    """Return all likelihoods and surprises of the passages."""
    passages = _passages()
    surprises = scorer.open(TEXT, passages)
    found = dict(entry for batch in scorer.batches(passages) for entry in batch)
    likelihoods = [one for n in range(len(passages)) for one in found[n]]
    return [
        *(s for s in surprises if s is not None),
        *(one.alone for one in likelihoods),
        *(one.with_following for one in likelihoods),
    ]


def _model() -> LoadedModel:
    return load(LoadRequest(os.fsencode(smollm2()), gpu_layers=0, threads=2), lambda _: None)


def _no_news(_: str) -> None:
    """Ignore a message."""


def test_llama_server_s_likelihoods_are_those_of_llama_cpp(llama_server: str) -> None:
    client, root = (ServerClient(f"{llama_server}{path}", "", _no_news) for path in ("/v1", ""))
    clock = ServerClock(SECONDS, SECONDS)
    with contextlib.closing(client), contextlib.closing(root):
        way = find_way(client, root, "default", clock)
        assert isinstance(way, ForcingWay)
        scores = _scores(ForcingScorer(root, way, clock))

    assert way.takes_grammar
    assert scores == pytest.approx(_scores(TextScorer(_model().context)), abs=SAME)


@pytest.mark.parametrize("server", ["llama_server", "vllm"])
def test_a_real_server_corrects_the_lines_of_a_page(
    server: str, request: pytest.FixtureRequest
) -> None:
    address: str = request.getfixturevalue(server)
    texts = [
        "Invoic # 12345",
        "Total: $1O0.00",
        "The patient shou1d take tbe tablets with watcr after meals.",
        "We rccommend thnt you replace the toner cartridqe soon.",
    ]
    corrector = load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=1))
    judge = ServerJudge(ConnectRequest(f"{address}/v1"))

    proposal = judge.propose_page(corrector, PageToJudge(texts, range(len(texts))), SECONDS)

    judge.close()
    lines = [Line(text, Box(0, 0, 1, 1), None) for text in texts]
    assert gate(lines, proposal.lines, Profile("default").gate_rules, shipped()).lines == (
        "Invoice # 12345",
        "Total: $100.00",
        "The patient should take the tablets with water after meals.",
        "We recommend that you replace the toner cartridge soon.",
    )


def test_llama_cpp_python_s_likelihoods_are_those_of_llama_cpp(llama_cpp_python: str) -> None:
    """It wants a marker before each text, which is in llama.cpp's context then, too."""
    client, root = (ServerClient(f"{llama_cpp_python}{path}", "", _no_news) for path in ("/v1", ""))
    clock = ServerClock(SECONDS, SECONDS)
    with contextlib.closing(client), contextlib.closing(root):
        way = find_way(client, root, "default", clock)
        assert isinstance(way, EchoWay)
        scores = _scores(EchoScorer(client, way, clock))

    context = _model().context
    local = TextScorer(context)
    local._start = context.tokenize(f"{way.marker}\n".encode(), markers=True)
    assert scores == pytest.approx(_scores(local), abs=SAME)


def test_vllm_s_likelihoods_are_those_of_llama_cpp(vllm: str) -> None:
    client, root = (ServerClient(f"{vllm}{path}", "", _no_news) for path in ("/v1", ""))
    clock = ServerClock(SECONDS, SECONDS)
    with contextlib.closing(client), contextlib.closing(root):
        (name,), _ = candidates(client, "auto", clock)
        way = find_way(client, root, name, clock)
        assert isinstance(way, EchoWay)
        scores = _scores(EchoScorer(client, way, clock))

    assert (way.marker, way.takes_lists) == ("", True)
    assert scores == pytest.approx(_scores(TextScorer(_model().context)), abs=SAME)
