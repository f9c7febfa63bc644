"""Test judging by real servers: their likelihoods are those of llama.cpp in a process of scanmend's own.

llama-server is tested where it is on the PATH, with SmolLM2, as llama-cpp-python's own server is.
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
from scanmend.llm.server_probe import find_way
from scanmend.page import Box, Line
from scanmend.workers.protocol import ConnectRequest, LoadRequest

TEXT = b"We rccommend that you\nmect us soon.\n"
SECONDS = 600.0
# Another build of llama.cpp, and one token at a time in place of a batch: sums over some six tokens differ by .07 nats on
# average, .24 at most with llama-server, and .8 with llama-cpp-python. The wrong token or a shift by one makes 5 or more.
SAME = 1.0  # nats

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[str]:
    """Run a server; yield its address, without ``/v1``."""
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
        eventually(answers, 120)
        yield address
    finally:
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


def test_llama_server_corrects_the_lines_of_a_page(llama_server: str) -> None:
    texts = [
        "Invoic # 12345",
        "Total: $1O0.00",
        "The patient shou1d take tbe tablets with watcr after meals.",
        "We rccommend thnt you replace the toner cartridqe soon.",
    ]
    corrector = load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=1))
    judge = ServerJudge(ConnectRequest(f"{llama_server}/v1"))

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
