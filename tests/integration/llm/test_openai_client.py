"""Test the client of an OpenAI-compatible server against real servers on loopback that answer oddly, or not yet."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chat_server import HTML, LOADING, Answer, ChatServer, chat_server, line_of, refused, said
from hub import Hub, serving
from scanmend.errors import ChildError, ModelUnavailable, TimedOut
from scanmend.llm.openai_client import OpenAiCorrector
from scanmend.page import Bound, PageProposal
from scanmend.workers.protocol import ConnectRequest

LINES = ("The first 1ine", "a second line", "and a third")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def connect(server: ChatServer, messages: list[str]) -> Iterator[Callable[..., OpenAiCorrector]]:
    """Yield a function that connects to the server."""
    connected: list[OpenAiCorrector] = []

    def connect(base: str = "/v1", **options: Any) -> OpenAiCorrector:
        options = {"seconds": 5.0, "load_seconds": 5.0, **options}
        request = ConnectRequest(f"{server.address}{base}", **options)
        connected.append(OpenAiCorrector(request, messages.append))
        return connected[-1]

    yield connect
    for corrector in connected:
        corrector.close()


def _page(corrector: OpenAiCorrector, seconds: float = 30.0) -> PageProposal:
    return corrector.propose_page("Correct it.", LINES, range(len(LINES)), seconds)


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
            OpenAiCorrector(request)

    assert server.address in str(error.value)
    assert "llm.load_timeout" in str(error.value)


@pytest.mark.parametrize("retry_after", [{}, {"Retry-After": "1"}, {"Retry-After": "soon"}])
def test_a_server_that_is_loading_is_waited_for(
    server: ChatServer,
    connect: Callable[..., OpenAiCorrector],
    messages: list[str],
    retry_after: dict[str, str],
) -> None:
    answers = iter([Answer(503, LOADING, retry_after)] * 2)
    ready = server.models
    server.answer = lambda *_: next(answers, ready)  # type: ignore[method-assign]

    assert connect().info.name == "chatty"
    assert messages == [f"{server.address}/v1 is loading its model (503: Loading model)"]


@pytest.mark.parametrize("body", [{"data": None}, {"data": []}, {"object": "list"}, {}])
def test_a_server_without_a_model_says_so(
    server: ChatServer, connect: Callable[..., OpenAiCorrector], body: object
) -> None:
    server.models = Answer(body=body)

    with pytest.raises(ModelUnavailable, match="the server lists no model") as error:
        connect()

    assert "llm.model" in str(error.value)


def test_a_model_that_the_server_lacks_is_named(connect: Callable[..., OpenAiCorrector]) -> None:
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
    server: ChatServer, connect: Callable[..., OpenAiCorrector], first: object
) -> None:
    server.models = Answer(body={"data": [first, {"id": "chatty"}, {"id": "other"}]})

    assert connect().info.name == "chatty"


@pytest.mark.parametrize("status", [400, 404, 501])
def test_a_model_that_does_not_generate_is_passed_over_whatever_its_name(
    server: ChatServer,
    connect: Callable[..., OpenAiCorrector],
    messages: list[str],
    status: int,
) -> None:
    server.models = Answer(body={"data": [{"id": "vectors"}, {"id": "chatty"}]})
    server.chat = lambda request: (
        refused(status, '"vectors" does not support chat')
        if request["model"] == "vectors"
        else said(line_of(request))
    )

    assert connect().info.name == "chatty"
    (message,) = messages
    assert "vectors: no model that generates text; using chatty" in message
    assert "llm.model" in message


def test_a_server_whose_models_all_embed_is_named(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    server.models = Answer(body={"data": [{"id": "one"}, {"id": "two"}]})
    server.chat = lambda _: refused(400, "does not support chat")

    with pytest.raises(ModelUnavailable, match="none of its models generates text") as error:
        connect()

    assert "llm.model" in str(error.value)


def test_an_address_without_v1_is_named_with_the_right_one(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    with pytest.raises(ModelUnavailable, match="answered 404 to models") as error:
        connect("")

    assert f"{server.address}/v1 does: set llm.base_url to it" in str(error.value)


def test_an_address_with_v1_too_many_is_named_with_the_right_one(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
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
    server: ChatServer,
    connect: Callable[..., OpenAiCorrector],
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
        OpenAiCorrector(ConnectRequest(address, seconds=2.0))

    assert "llm.base_url" in error.value.remedy


@pytest.mark.parametrize("address", ["127.0.0.1:8080/v1", "llama/v1", "http://[::1", ""])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ModelUnavailable) as error:
        OpenAiCorrector(ConnectRequest(address, seconds=2.0))

    assert "llm.base_url" in str(error.value)


def test_a_key_that_no_header_can_carry_is_named(connect: Callable[..., OpenAiCorrector]) -> None:
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
        chat_server(_certificate(tmp_path)) as server,
        pytest.raises(ModelUnavailable, match="CERTIFICATE_VERIFY_FAILED") as error,
    ):
        OpenAiCorrector(ConnectRequest(f"{server.address}/v1", seconds=5.0))

    assert "SSL_CERT_FILE" in error.value.remedy


def test_tls_to_a_server_without_it_is_named(server: ChatServer) -> None:
    address = server.address.replace("http:", "https:")

    with pytest.raises(ModelUnavailable) as error:
        OpenAiCorrector(ConnectRequest(f"{address}/v1", seconds=5.0))

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
    connect: Callable[..., OpenAiCorrector],
) -> None:
    assert _texts(_page(connect())) == list(LINES)


def test_a_socks_proxy_does_not_keep_scanmend_from_this_machine(
    connect: Callable[..., OpenAiCorrector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")

    assert connect().info.name == "chatty"


def test_the_proxy_before_another_server_is_named(proxy: str) -> None:
    with pytest.raises(ModelUnavailable) as error:
        OpenAiCorrector(ConnectRequest("http://8.8.8.8:8080/v1", seconds=5.0))

    assert proxy in error.value.what
    assert "NO_PROXY" in error.value.remedy
    assert "HTTP_PROXY" in error.value.remedy


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:9", "wrong://127.0.0.1:9"])
@pytest.mark.usefixtures("proxy")
def test_a_proxy_that_cant_be_used_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("http_proxy", url)

    with pytest.raises(ModelUnavailable, match="proxy") as error:
        OpenAiCorrector(ConnectRequest("http://8.8.8.8/v1", seconds=5.0))

    assert "NO_PROXY" in error.value.remedy


# pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (refused(400, "request exceeds the available context size"), "400", "the server's context"),
        (refused(413, "too big"), "413: too big", "llm.model"),
        (refused(422, "extra fields"), "422: extra fields", "llm.model"),
        (refused(500, "template error"), "500: template error", "the server's log"),
        (refused(501, "This server does not support completions"), "501", "llm.model"),
        (Answer(200, {"error": "what?"}), "no chat completion", "the server's log"),
        (Answer(200, {"choices": [None]}), "no chat completion", "the server's log"),
        (said("x" * 100, "stop"), "", ""),
    ],
)
def test_a_refused_request_is_the_failure_of_its_page_and_the_next_one_goes_on(
    server: ChatServer,
    connect: Callable[..., OpenAiCorrector],
    answer: Answer,
    what: str,
    remedy: str,
) -> None:
    corrector = connect()
    if what:
        server.chat = lambda _: answer
        with pytest.raises(ChildError) as error:
            _page(corrector)
        assert what in error.value.what
        assert remedy in error.value.remedy

    server.chat = lambda request: said(line_of(request).replace("1", "l"))

    assert _texts(_page(corrector)) == ["The first line", *LINES[1:]]


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (refused(401, "expired"), "llm.api_key_file"),
        (refused(404, "model chatty not found"), "llm.model"),
        (Answer(502, HTML), "answered 502"),
    ],
)
def test_a_server_that_can_t_be_used_any_more_is_no_failure_of_the_page(
    server: ChatServer, connect: Callable[..., OpenAiCorrector], answer: Answer, what: str
) -> None:
    corrector = connect()
    server.chat = lambda _: answer

    with pytest.raises(ModelUnavailable) as error:
        _page(corrector)

    assert what in str(error.value)


def test_a_server_that_loads_at_the_page_is_waited_for_beyond_the_page_timeout(
    server: ChatServer, connect: Callable[..., OpenAiCorrector], messages: list[str]
) -> None:
    """llama-server lists its model while it loads it."""
    corrector = connect(load_seconds=60.0)
    server.loading_until = time.monotonic() + 2.0

    assert _texts(_page(corrector, seconds=1.5)) == list(LINES)
    assert "is loading its model" in messages[0]


def test_a_server_that_never_loads_is_named(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    corrector = connect(seconds=0.5, load_seconds=0.5)
    server.loading_until = time.monotonic() + 600

    with pytest.raises(ModelUnavailable, match="Loading model") as error:
        _page(corrector)

    assert "llm.load_timeout" in error.value.remedy


THOUGHTS = "Okay, the user wants me to correct the line."


@pytest.mark.parametrize(
    "answer",
    [
        lambda line: said(f"<think>\n{THOUGHTS}\n</think>\n\n{line}"),
        lambda line: said(f"{THOUGHTS}</think>{line}"),
        lambda line: said(f"[THINK]{THOUGHTS}[/THINK]{line}"),
        lambda line: said(f"<|channel|>analysis<|message|>x<|channel|>final<|message|>{line}"),
        lambda line: said(line, reasoning_content=THOUGHTS),
        lambda line: said([{"type": "thinking", "text": "hm"}, {"type": "text", "text": line}]),
    ],
)
def test_thoughts_before_the_answer_are_left_out(
    server: ChatServer, connect: Callable[..., OpenAiCorrector], answer: Callable[[str], Answer]
) -> None:
    server.chat = lambda request: answer(line_of(request))

    proposal = _page(connect())

    assert _texts(proposal) == list(LINES)
    assert proposal.note == ""


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (said(""), "the answer is empty"),
        (said(None), "the answer is empty"),
        (said("  \n"), "thinks"),
        (said(f"<think>{THOUGHTS}", "length"), "the model thinks instead of answering"),
        (said("", reasoning_content=THOUGHTS), "the model thinks instead of answering"),
        (said(f"<think>{THOUGHTS}</think>"), "the model thinks instead of answering"),
        (said("<|channel|>analysis<|message|>hm", "length"), "the model thinks"),
    ],
)
def test_answers_without_text_are_the_failure_of_the_page(
    server: ChatServer, connect: Callable[..., OpenAiCorrector], answer: Answer, what: str
) -> None:
    server.chat = lambda _: answer

    with pytest.raises(ChildError) as error:
        _page(connect())

    assert f"3 of 3 lines: {'' if what == 'thinks' else what}" in str(error.value)
    assert "llm.model" in str(error.value)


def test_a_few_answers_without_text_are_noted(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    server.chat = lambda request: (
        said("") if line_of(request) == LINES[1] else said("longer " * 30, "length")
    )

    proposal = _page(connect())

    assert [text is None for text in _texts(proposal)] == [False, True, False]
    assert proposal.bound == Bound.TOKENS
    assert "1 of 3 lines: the answer is empty" in proposal.note
    assert "2 of 3 lines: the answer is longer than the line and was cut" in proposal.note


def test_a_page_that_takes_too_long_names_the_key(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    server.chat = lambda request: Answer(
        body=said(line_of(request)).body, delay=60.0 if line_of(request) == LINES[2] else 0.0
    )

    proposal = _page(connect(), seconds=2.0)

    assert _texts(proposal) == [*LINES[:2], None]
    assert proposal.bound == Bound.SECONDS
    assert "1 of 3 lines have no answer within llm.page_timeout (2 s)" in proposal.note


def test_a_page_without_any_answer_in_time_has_timed_out(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    server.chat = lambda _: Answer(delay=60.0)

    with pytest.raises(TimedOut, match=r"3 of 3 lines .* llm\.page_timeout"):
        _page(connect(), seconds=0.5)


def test_an_answer_that_breaks_off_is_asked_for_again(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    lock = threading.Lock()
    cut: list[int] = []

    def chat(request: dict[str, Any]) -> Answer:
        with lock:
            if len(cut) < 2:
                cut.append(1)
                return Answer(body=said("x").body, cut=True)
        return said(line_of(request))

    server.chat = chat

    assert _texts(_page(connect())) == list(LINES)


def test_answers_that_always_break_off_are_the_failure_of_the_page(
    server: ChatServer, connect: Callable[..., OpenAiCorrector]
) -> None:
    server.chat = lambda _: Answer(body=said("x").body, cut=True)

    with pytest.raises(ChildError, match="the answer breaks off"):
        _page(connect())
