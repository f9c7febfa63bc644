"""Test a server as the judge: real servers on loopback that speak vLLM's or llama-server's protocol, answer oddly, or not yet."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import Hub, serving
from model_server import (
    CELLS,
    ECHO,
    FORCING,
    HTML,
    LOADING,
    SLOTS,
    Answer,
    ModelServer,
    model_server,
    refused,
)
from scanmend.backends.gguf_files import builtin
from scanmend.errors import ChildError, ModelUnavailable
from scanmend.llm.judge.page_judgement import PageToJudge
from scanmend.llm.loader import load_corrector
from scanmend.llm.page_proposal import propose_page
from scanmend.llm.server_judge import ServerJudge
from scanmend.page import Bound, PageProposal
from scanmend.workers.protocol import ConnectRequest, LoadRequest

LINES = ("The first 1ine", "a second line", "and a tbird ∎ line")
RIGHT = ["The first line", "a second line", "and a third ∎ line"]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server(ECHO) as running:
        yield running


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def connect(server: ModelServer, messages: list[str]) -> Iterator[Callable[..., ServerJudge]]:
    """Yield a function that connects to the server."""
    connected: list[ServerJudge] = []

    def connect(base: str = "/v1", **options: Any) -> ServerJudge:
        options = {"seconds": 5.0, "load_seconds": 5.0, **options}
        request = ConnectRequest(f"{server.address}{base}", **options)
        connected.append(ServerJudge(request, messages.append))
        return connected[-1]

    yield connect
    for judge in connected:
        judge.close()


def _page(judge: ServerJudge, seconds: float = 30.0) -> PageProposal:
    return judge.propose_page(None, PageToJudge(LINES, range(len(LINES))), seconds)


def _texts(proposal: PageProposal) -> list[str | None]:
    return [line.text if line else None for line in proposal.lines]


# connecting -----------------------------------------------------------------------------------------


def test_a_server_that_stays_busy_while_scanmend_connects_is_named() -> None:
    with serving(Hub("owner/model", {})) as server:
        server.status = 503
        request = ConnectRequest(f"{server.address}/v1", "auto", "", seconds=0.5)

        with pytest.raises(
            ModelUnavailable, match=r"llm\.base_url: no answer within 500 ms"
        ) as error:
            ServerJudge(request)

    assert server.address in str(error.value)
    assert "llm.load_timeout" in str(error.value)


@pytest.mark.parametrize("retry_after", [{}, {"Retry-After": "1"}, {"Retry-After": "soon"}])
def test_a_server_that_is_loading_is_waited_for(
    server: ModelServer,
    connect: Callable[..., ServerJudge],
    messages: list[str],
    retry_after: dict[str, str],
) -> None:
    answers = iter([Answer(503, LOADING, retry_after)] * 2)
    right = server.answer
    server.answer = lambda *request: next(answers, None) or right(*request)  # type: ignore[method-assign]

    assert connect().info.name == "chatty"
    assert messages == [f"{server.address}/v1 is loading its model (503: Loading model)"]


@pytest.mark.parametrize("body", [{"data": None}, {"data": []}, {"object": "list"}, {}])
def test_a_server_without_a_model_says_so(
    server: ModelServer, connect: Callable[..., ServerJudge], body: object
) -> None:
    server.models = Answer(body=body)

    with pytest.raises(ModelUnavailable, match="the server lists no model") as error:
        connect()

    assert "llm.model" in str(error.value)


def test_a_model_that_the_server_lacks_is_named(connect: Callable[..., ServerJudge]) -> None:
    with pytest.raises(ModelUnavailable, match="has no model other; it has: chatty"):
        connect(model="other")


@pytest.mark.parametrize(
    "first",
    [
        {"id": "nomic-embed-text:latest"},
        {"id": "BAAI/bge-m3"},
        {"id": "bge-reranker-v2-m3"},
        {"id": "whisper-1"},
        {"id": "acme-1", "capabilities": ["embedding"]},
        {"id": "acme-2", "type": "embeddings"},
        {"id": "acme-3", "capabilities": {"completion_chat": False, "embedding": True}},
        "no entry",
        {"id": None},
    ],
)
def test_an_embedding_model_listed_first_is_passed_over(
    server: ModelServer, connect: Callable[..., ServerJudge], first: object
) -> None:
    server.models = Answer(body={"data": [first, {"id": "chatty"}, {"id": "other"}]})

    assert connect().info.name == "chatty"


@pytest.mark.parametrize("status", [400, 404, 500, 501])
def test_a_model_that_does_not_generate_is_passed_over_whatever_its_name(
    server: ModelServer,
    connect: Callable[..., ServerJudge],
    messages: list[str],
    status: int,
) -> None:
    server.models = Answer(body={"data": [{"id": "vectors"}, {"id": "chatty"}]})
    refusal = refused(status, '"vectors" does not support completions')
    server.odd = lambda _, request: refusal if request.get("model") == "vectors" else None

    assert connect().info.name == "chatty"
    (message,) = messages
    assert "vectors can't judge" in message
    assert '"vectors" does not support completions' in message
    assert "using chatty" in message


def test_an_address_without_v1_is_named_with_the_right_one(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    with pytest.raises(ModelUnavailable, match="answered 404 to models") as error:
        connect("")

    assert f"{server.address}/v1 does: set llm.base_url to it" in str(error.value)


def test_an_address_with_v1_too_many_is_named_with_the_right_one(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    server.base = ""

    with pytest.raises(ModelUnavailable) as error:
        connect()

    assert f"{server.address} does: set llm.base_url to it" in str(error.value)


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (Answer(404, {"detail": "Not Found"}), "answered 404", "llm.base_url"),
        (Answer(200, HTML), "answers with a web page", "llm.base_url"),
        (Answer(200, b"[1, 2]"), "does not speak OpenAI's protocol", "llm.base_url"),
        (Answer(200, b"pong"), "it answers 'pong'", "llm.base_url"),
        (Answer(301, b"", {"Location": "/x"}), "answered 301", "llm.base_url"),
        (refused(401, "no key"), "401: the key is wrong or missing: no key", "llm.api_key_file"),
        (refused(403, "not you"), "403: the key is wrong", "llm.api_key_file"),
        (refused(400, "sent to HTTPS port"), "400: sent to HTTPS port", "https:// in llm.base_url"),
        (Answer(200, {"data": []}, cut=True), "the answer breaks off", "the server's log"),
    ],
)
def test_an_odd_answer_to_the_list_of_models_names_its_cause_and_the_key(
    server: ModelServer,
    connect: Callable[..., ServerJudge],
    answer: Answer,
    what: str,
    remedy: str,
) -> None:
    server.models = answer

    with pytest.raises(ModelUnavailable) as error:
        connect()

    assert what in error.value.what
    assert remedy in error.value.remedy
    assert server.address in str(error.value)


def test_nobody_at_the_address_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"

    with pytest.raises(ModelUnavailable, match="can't be reached") as error:
        ServerJudge(ConnectRequest(address, seconds=2.0))

    assert "llm.base_url" in error.value.remedy


@pytest.mark.parametrize("address", ["127.0.0.1:8080/v1", "llama/v1", "http://[::1", ""])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ModelUnavailable) as error:
        ServerJudge(ConnectRequest(address, seconds=2.0))

    assert "llm.base_url" in str(error.value)


def test_a_key_that_no_header_can_carry_is_named(connect: Callable[..., ServerJudge]) -> None:
    with pytest.raises(ModelUnavailable, match=r"llm\.api_key_file"):
        connect(key="sk-1\nsk-2")


# TLS ------------------------------------------------------------------------------------------------


def _certificate(folder: Path) -> Path:
    """Return a PEM file with a key and a certificate that nobody has signed."""
    path = folder / "server.pem"
    names = ("-subj", "/CN=llm.example", "-keyout", str(path), "-out", f"{path}.crt")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    with (
        model_server(ECHO, certificate=_certificate(tmp_path)) as server,
        pytest.raises(ModelUnavailable, match="CERTIFICATE_VERIFY_FAILED") as error,
    ):
        ServerJudge(ConnectRequest(f"{server.address}/v1", seconds=5.0))

    assert "SSL_CERT_FILE" in error.value.remedy


def test_tls_to_a_server_without_it_is_named(server: ModelServer) -> None:
    address = server.address.replace("http:", "https:")

    with pytest.raises(ModelUnavailable) as error:
        ServerJudge(ConnectRequest(f"{address}/v1", seconds=5.0))

    assert "http:// in llm.base_url" in error.value.remedy


# proxies --------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set a proxy in the environment at whose address nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("http_proxy", address)
    return address


@pytest.mark.usefixtures("proxy")
def test_a_server_on_this_machine_is_asked_without_the_proxy(
    connect: Callable[..., ServerJudge],
) -> None:
    assert _texts(_page(connect())) == RIGHT


def test_a_socks_proxy_does_not_keep_scanmend_from_this_machine(
    connect: Callable[..., ServerJudge], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")

    assert connect().info.name == "chatty"


def test_the_proxy_before_another_server_is_named(proxy: str) -> None:
    with pytest.raises(ModelUnavailable) as error:
        ServerJudge(ConnectRequest("http://8.8.8.8:8080/v1", seconds=5.0))

    assert proxy in error.value.what
    assert "NO_PROXY" in error.value.remedy
    assert "HTTP_PROXY" in error.value.remedy


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:9", "wrong://127.0.0.1:9"])
@pytest.mark.usefixtures("proxy")
def test_a_proxy_that_cant_be_used_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("http_proxy", url)

    with pytest.raises(ModelUnavailable, match="proxy") as error:
        ServerJudge(ConnectRequest("http://8.8.8.8/v1", seconds=5.0))

    assert "NO_PROXY" in error.value.remedy


# pages ----------------------------------------------------------------------------------------------


def _lists(server: ModelServer) -> None:
    """Leave the server as it is: it takes lists of prompts, and grammars."""


def _no_lists(server: ModelServer) -> None:
    server.takes_lists = server.takes_grammar = False


def _begin(server: ModelServer) -> None:
    server.begin = "<s>"


@pytest.mark.parametrize("kind", [_lists, _no_lists, _begin])
@pytest.mark.parametrize("way", [ECHO, FORCING])
def test_a_server_judges_by_itself(way: str, kind: Callable[[ModelServer], None]) -> None:
    with model_server(way) as server:
        kind(server)
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        proposal = _page(judge)
        judge.close()

    assert judge.why_not == ""
    assert _texts(proposal) == RIGHT
    assert (proposal.method, proposal.bound, proposal.note) == ("judge", None, "")
    assert proposal.calls > 0
    assert proposal.tokens > 0
    assert all(d.judged for line in proposal.lines if line for d in line.divergences or ())


@pytest.mark.parametrize(("clears", "slots"), [(True, {0}), (False, set(range(SLOTS)))])
def test_a_server_that_clears_idle_slots_is_asked_for_one_thing_at_a_time(
    clears: bool, slots: set[int]
) -> None:
    with model_server(FORCING) as server:
        server.clears_slots = clears
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        del server.requests[:]

        assert _texts(_page(judge)) == RIGHT
        judge.close()

    assert {r["id_slot"] for r in server.requests if "id_slot" in r} == slots


def _shifted(server: ModelServer) -> None:
    """Pair each token with the log of the next, as llama-cpp-python's server does for models without a first token."""
    right = server.answer

    def answer(path: str, body: bytes) -> Answer:
        found = right(path, body)
        for choice in found.body["choices"] if path.endswith("/completions") else ():
            logs = choice["logprobs"]["token_logprobs"]
            logs[1:] = [-9.0 for _ in logs[1:]]
        return found

    server.answer = answer  # type: ignore[method-assign]


def _biased(server: ModelServer) -> None:
    """Report probabilities after the bias, all of which are 1."""
    right = server.answer

    def answer(path: str, body: bytes) -> Answer:
        found = right(path, body)
        if path == "/completion":
            for entry in found.body["completion_probabilities"]:
                entry["logprob"] = 0.0
        return found

    server.answer = answer  # type: ignore[method-assign]


def _no_tokens(server: ModelServer) -> None:
    server.odd = lambda path, _: Answer(body={"tokens": "?"}) if path == "/tokenize" else None


def _free(server: ModelServer) -> None:
    """Write something else than the grammar allows."""
    entry = {"id": 1, "token": "x", "logprob": -1.0}
    body = {"completion_probabilities": [entry]}
    server.odd = lambda path, _: Answer(body=body) if path == "/completion" else None


@pytest.mark.parametrize(
    ("can", "spoil", "reason"),
    [
        ((), _lists, "/completions: no logprobs of the prompt; /tokenize: 404"),
        ((ECHO,), _shifted, "its logprobs are not those of the prompt's tokens"),
        ((FORCING,), _biased, "without the bias"),
        ((FORCING,), _no_tokens, "answered tokenize with something else"),
        ((FORCING,), _free, "other tokens than those that the grammar allows"),
    ],
)
def test_a_server_that_cant_judge_leaves_the_corrector_alone(
    can: tuple[str, ...], spoil: Callable[[ModelServer], None], reason: str
) -> None:
    messages: list[str] = []
    corrector = load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=1))
    lines = ("The patient shou1d take tbe tablets with watcr after meals.",)
    alone = propose_page(corrector, lines, [0], 60)
    with model_server(*can) as server:
        spoil(server)
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"), messages.append)
        asked = len(server.paths)
        proposal = judge.propose_page(corrector, PageToJudge(lines, [0]), 60)
        judge.close()

        assert len(server.paths) == asked
    assert proposal.lines == alone.lines
    assert proposal.lines[0] is not None
    assert proposal.lines[0].text != lines[0]
    assert proposal.method == alone.method
    assert proposal.model.name == corrector.info.name
    assert "chatty can't judge" in proposal.model.unused_server
    assert reason in proposal.model.unused_server
    assert "the built-in corrector works alone" in messages[0]
    with pytest.raises(ModelUnavailable, match="chatty can't judge"):
        judge.info_beside(None)


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (refused(400, "request exceeds the available context size"), "400", "the server's context"),
        (refused(413, "too big"), "413: too big", "llm.model"),
        (refused(422, "extra fields"), "422: extra fields", "llm.model"),
        (refused(501, "This server does not support completions"), "501", "llm.model"),
        (Answer(200, {"error": "what?"}), "no logprobs of the prompt", "the server's log"),
        (Answer(200, {"choices": [None]}), "no logprobs of the prompt", "the server's log"),
        (Answer(200, {"choices": []}), "0 choices", "the server's log"),
    ],
)
def test_a_refused_request_is_the_failure_of_its_page_and_the_next_one_goes_on(
    server: ModelServer,
    connect: Callable[..., ServerJudge],
    answer: Answer,
    what: str,
    remedy: str,
) -> None:
    judge = connect()
    server.odd = lambda *_: answer
    with pytest.raises(ChildError) as error:
        _page(judge)
    assert what in error.value.what
    assert remedy in error.value.remedy

    server.odd = lambda *_: None

    assert _texts(_page(judge)) == RIGHT


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (refused(401, "expired"), "llm.api_key_file"),
        (refused(404, "model chatty not found"), "llm.model"),
        (Answer(502, HTML), "answered 502"),
    ],
)
@pytest.mark.parametrize("way", [ECHO, FORCING])
def test_a_server_that_can_t_be_used_any_more_is_no_failure_of_the_page(
    way: str, answer: Answer, what: str
) -> None:
    with model_server(way) as server:
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        server.odd = lambda path, _: answer if "complet" in path else None

        with pytest.raises(ModelUnavailable) as error:
            _page(judge)
        judge.close()

    assert what in str(error.value)


def test_a_server_that_loads_at_the_page_is_waited_for_beyond_the_page_timeout(
    server: ModelServer, connect: Callable[..., ServerJudge], messages: list[str]
) -> None:
    """llama-server lists its model while it loads it."""
    judge = connect(load_seconds=60.0)
    _page(judge)  # loads the lexicon's search, too
    server.loading_until = time.monotonic() + 4.0

    assert _texts(_page(judge, seconds=3.0)) == RIGHT
    assert "is loading its model" in messages[0]


def test_a_server_that_never_loads_is_named(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    judge = connect(seconds=0.5, load_seconds=0.5)
    server.loading_until = time.monotonic() + 600

    with pytest.raises(ModelUnavailable, match="Loading model") as error:
        _page(judge, 30.0)

    assert "llm.load_timeout" in error.value.remedy


@pytest.mark.parametrize("way", [ECHO, FORCING])
def test_a_page_that_takes_too_long_names_the_key_and_keeps_what_came(way: str) -> None:
    with model_server(way) as server:
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        late = Answer(delay=60.0)
        server.odd = lambda path, request: late if "bird" in _asked(server, request) else None

        proposal = _page(judge, seconds=5.0)
        server.closing.set()
        judge.close()

    assert proposal.lines[0] is not None
    assert proposal.bound == Bound.SECONDS
    assert "were not judged within llm.page_timeout (5 s)" in proposal.note


def _asked(server: ModelServer, request: dict[str, Any]) -> str:
    return str(request.get("prompt") or request.get("content"))


@pytest.mark.parametrize("way", [ECHO, FORCING])
def test_known_words_leave_half_of_the_time_to_the_doubtful_ones(way: str) -> None:
    """Let the server be so slow that it can't tell of each known word whether it expects it."""
    with model_server(way) as server:
        server.takes_lists = False
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        _page(judge)  # loads the lexicon's search, too
        server.delay = 0.8
        lines = ["The first 1ine", *(f"patient {n}: take the tablet now" for n in range(60))]

        proposal = judge.propose_page(None, PageToJudge(lines, range(len(lines))), 12.0)
        server.closing.set()
        judge.close()

    assert proposal.lines[0] is not None
    assert proposal.lines[0].text == "The first line"
    assert proposal.bound == Bound.SECONDS
    assert "were not judged within llm.page_timeout" in proposal.note


def test_a_chat_server_with_many_models_is_asked_about_one(messages: list[str]) -> None:
    """Ollama would load each of them."""
    with model_server() as server:
        server.models = Answer(body={"data": [{"id": f"model-{n}"} for n in range(5)]})
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"), messages.append)
        judge.close()

    assert {request.get("model") for request in server.requests} == {"model-0"}
    assert "model-0 can't judge" in judge.why_not


def test_an_answer_that_breaks_off_is_asked_for_again(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    judge = connect()
    answers = iter([Answer(body={"choices": []}, cut=True)] * 2)
    server.odd = lambda *_: next(answers, None)

    assert _texts(_page(judge)) == RIGHT


def test_answers_that_always_break_off_are_the_failure_of_the_page(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    judge = connect()
    server.odd = lambda *_: Answer(body={"choices": []}, cut=True)

    with pytest.raises(ChildError, match="the answer breaks off"):
        _page(judge)


def test_long_lines_are_judged_in_answers_of_bearable_size(
    server: ModelServer, connect: Callable[..., ServerJudge]
) -> None:
    lines = ["please take the tablets with the 1ine of water and a ledger " * 30] * 8

    proposal = connect().propose_page(None, PageToJudge(lines, range(len(lines))), 120)

    assert {line.text for line in proposal.lines if line} == {lines[0].replace("1ine", "line")}
    assert max(len("".join(r["prompt"])) for r in server.requests if "prompt" in r) < 5000


@pytest.mark.parametrize("behind", ["", " " + "∎" * 3000, " " + "∎ " * 1500])
def test_no_prompt_is_longer_than_the_context_of_a_server(
    server: ModelServer, connect: Callable[..., ServerJudge], behind: str
) -> None:
    server.context = 1000
    read = "please take the tablets with the 1ine" + behind
    lines = [read, *["the patient should take water and a ledger"] * 100]

    proposal = connect().propose_page(None, PageToJudge(lines, range(len(lines))), 120)

    assert [line.text for line in proposal.lines[:1] if line] == [read.replace("1ine", "line")]
    prompts = [prompt for request in server.requests for prompt in request["prompt"]]
    assert max(len(prompt.encode()) for prompt in prompts) < 1024


ODD_LOGS = [float("inf"), float("-inf"), float("nan"), 3.0, 10**400, True, "x"]


@pytest.mark.parametrize("log", ODD_LOGS, ids=[str(log)[:9] for log in ODD_LOGS])
@pytest.mark.parametrize("way", [ECHO, FORCING])
def test_odd_numbers_are_clipped_or_the_failure_of_the_page(way: str, log: object) -> None:
    with model_server(way) as server:
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        server.log = log

        with contextlib.suppress(ChildError):
            margins = [d.margin for p in _page(judge).lines if p for d in p.divergences or ()]
            assert all(abs(margin) < 200 for margin in margins)
        judge.close()


def test_a_page_that_the_server_can_t_hold_is_judged_in_parts() -> None:
    with model_server(FORCING) as server:
        judge = ServerJudge(ConnectRequest(f"{server.address}/v1"))
        lines = [*["a second line please"] * 400, "The first 1ine"]

        proposal = judge.propose_page(None, PageToJudge(lines, [400]), 60)
        judge.close()

    assert [line.text for line in proposal.lines if line] == ["The first line"]
    assert max(len(request.get("prompt", "")) for request in server.requests) < CELLS
