"""Imitate model servers on loopback: vLLM's and llama-server's protocols, and what servers answer when something is wrong."""

import contextlib
import dataclasses
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scanmend.llm.judge.known_languages import PLAIN_TEXTS

HTML = b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"
LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
ECHO, FORCING = "echo", "forcing"  # the ways of vLLM and of llama-server
SLOTS, CELLS = 3, 4096
# vLLM 0.32's words; it refuses all prompts of a list if one is too long
TOO_LONG = (
    "This model's maximum context length is {} tokens. However, your prompt contains at least {} input tokens, which exceeds"
    " this limit even without any output tokens. Please reduce the length of the input prompt."
)
# what the imitated model expects: these words, and what its text has already
_KNOWN = (
    "one two three four five six seven eight nine ten the first second third line and a ledger is ready total due now"
    " please find goods remain our property until paid in full dear neighbour invoice patient should take tablets with"
    " water after meals we recommend that you replace toner cartridge soon thank for your order"
)
WORDS = frozenset(f"{_KNOWN} {re.sub('[.,]', '', PLAIN_TEXTS['en']).lower()}".split())
EXPECTED, UNEXPECTED = -1.0, -12.0  # nats
_TOKEN = re.compile(r" ?[^\W_]+|\n| ?[^\w\n]|\s|_")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. ``cut``: the connection ends in the middle of it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    delay: float = 0.0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def refused(status: int, message: str) -> Answer:
    """Return an error as such servers send it."""
    return Answer(status, {"error": {"code": status, "message": message}})


def log_of(before: str, token: str) -> float:
    """Return the log-probability of a token behind a text, by the imitated model."""
    if before.endswith("\n") and token.startswith(" "):
        return UNEXPECTED
    word = token.strip().lower()
    has_letters = any(c.isalpha() for c in word)
    return EXPECTED if not has_letters or word in WORDS else UNEXPECTED


class _Vocabulary:
    """The numbers of the tokens seen so far; a character that is no letter of ASCII has a token for each byte."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = [bytes([n]) for n in range(256)]
        self._numbers: dict[bytes, int] = {}

    def tokens(self, text: str) -> list[int]:
        found: list[int] = []
        for piece in _TOKEN.findall(text):
            found += self._numbers_of(piece)
        return found

    def _numbers_of(self, piece: str) -> list[int]:
        encoded = piece.encode()
        if not piece.isascii() and len(piece.strip()) == 1 and not piece.isalpha():
            return list(encoded)
        if encoded not in self._numbers:
            self._numbers[encoded] = len(self._pieces)
            self._pieces.append(encoded)
        return [self._numbers[encoded]]

    def piece(self, number: int) -> bytes:
        return self._pieces[number]

    def text(self, numbers: list[int]) -> str:
        return b"".join(map(self.piece, numbers)).decode(errors="replace")


class ModelServer:
    """A server with one model, ``chatty``. A test replaces its answers: ``models`` to GET, ``odd`` to the model's requests.

    ``can``: the ways in which it can judge. ``odd`` returns an answer in place of the right one, or None.
    """

    def __init__(self, *can: str) -> None:
        """List one model. It can judge in these ways, and chats."""
        self.models = Answer(body={"data": [{"id": "chatty"}]})
        self.can = set(can)
        self.odd: Callable[[str, dict[str, Any]], Answer | None] = lambda *_: None
        self.base = "/v1"  # the path below which it answers
        self.requests: list[dict[str, Any]] = []  # bodies
        self.paths: list[str] = []
        self.loading_until = 0.0  # monotonic
        self.address = ""
        self.closing = threading.Event()
        self.takes_lists = self.takes_grammar = True
        self.clears_slots = (
            False  # that are idle when another one works, as llama-server does by default
        )
        self._held: dict[int, list[int]] = {}  # the tokens in the cache of each slot
        self.log: object = None  # in place of each log, if it is not None
        self.delay = 0.0  # seconds before each right answer of the model
        self.context = 0  # tokens that a prompt may have, as vLLM's --max-model-len; 0: any number
        self.begin = ""  # a token that the server puts before each text, as vLLM spells it
        self._vocabulary = _Vocabulary()
        self._lock = threading.Lock()

    def answer(self, path: str, body: bytes) -> Answer:
        """Return the answer to one request."""
        with self._lock:
            self.paths.append(path)
            if time.monotonic() < self.loading_until:
                return Answer(503, LOADING)
            if path == f"{self.base}/models":
                return self.models
            request = json.loads(body or b"{}")
            self.requests.append(request)
            right = dataclasses.replace(self._right(path, request), delay=self.delay)
            return self.odd(path, request) or right

    def _right(self, path: str, request: dict[str, Any]) -> Answer:
        if path == f"{self.base}/completions":
            return self._completion(request)
        if FORCING in self.can and path == "/tokenize":
            return self._tokenized(request)
        if FORCING in self.can and path == "/props":
            settings = {"n_ctx": CELLS}
            return Answer(body={"default_generation_settings": settings, "total_slots": SLOTS})
        if FORCING in self.can and path == "/completion":
            return self._forced(request)
        return Answer(404, HTML)

    # vLLM -------------------------------------------------------------------------------------------

    def _completion(self, request: dict[str, Any]) -> Answer:
        prompts = request["prompt"]
        if ECHO not in self.can:
            return Answer(body={"choices": [{"text": "Sure!", "index": 0, "logprobs": None}]})
        if isinstance(prompts, list) and not self.takes_lists:
            return refused(422, "prompt must be a string")
        texts = prompts if isinstance(prompts, list) else [prompts]
        if self.context and max(len(_TOKEN.findall(text)) for text in texts) > self.context:
            return refused(400, TOO_LONG.format(self.context, self.context + 1))
        choices = [self._echoed(n, text) for n, text in enumerate(texts)]
        return Answer(body={"object": "text_completion", "choices": choices[::-1]})

    def _echoed(self, index: int, text: str) -> dict[str, Any]:
        """Return a choice as vLLM sends it: the prompt's tokens, the first without a log, and one that it wrote."""
        tokens = _TOKEN.findall(text)
        starts = [sum(map(len, tokens[:n])) for n in range(len(tokens))]
        logs = [log_of(text[:s], t) for s, t in zip(starts, tokens, strict=True)]
        if self.begin:
            tokens, logs = [self.begin, *tokens], [0.0, *logs]
        logprobs = {
            "tokens": [*tokens, " and"],
            "token_logprobs": [None, *(self._told(log) for log in logs[1:]), -0.5],
            "top_logprobs": [
                None,
                *({t: log, " and": -0.5} for t, log in zip(tokens[1:], logs[1:], strict=True)),
                None,
            ],
            "text_offset": [0] * (len(tokens) + 1),
        }
        # beside the logprobs, vLLM sends those of the prompt once more
        again = [
            {str(n): {"logprob": log, "rank": 1, "decoded_token": token}} if n else None
            for n, (token, log) in enumerate(zip(tokens, logs, strict=True))
        ]
        text = f"{text} and"
        return {"index": index, "text": text, "logprobs": logprobs, "prompt_logprobs": again}

    def _told(self, log: float) -> object:
        return log if self.log is None else self.log

    # llama-server -----------------------------------------------------------------------------------

    def _tokenized(self, request: dict[str, Any]) -> Answer:
        content = request["content"]
        texts = content if isinstance(content, list) else [content]
        numbers = [n for text in texts for n in self._vocabulary.tokens(text)]
        return Answer(body={"tokens": [{"id": n, "piece": self._piece(n)} for n in numbers]})

    def _piece(self, number: int) -> str | list[int]:
        piece = self._vocabulary.piece(number)
        try:
            return piece.decode()
        except UnicodeDecodeError:
            return list(piece)

    def _forced(self, request: dict[str, Any]) -> Answer:
        """Write what the grammar allows, or, without one, the token with the bias."""
        numbers = [int(n) for n in re.findall(r"<\[(\d+)\]>", request.get("grammar", ""))]
        if numbers and not self.takes_grammar:
            return refused(400, "failed to parse grammar")
        if any(128 <= n < 256 for n in numbers):
            return refused(400, "no token fits the grammar")  # llama-server ends here
        wanted = numbers or [token for token, _ in request["logit_bias"]]
        prompt = list(request["prompt"])
        entries = []
        for number in wanted[: request["n_predict"]]:
            piece = self._piece(number)
            token = piece if isinstance(piece, str) else "\ufffd"
            log = log_of(self._vocabulary.text(prompt), token)
            entries.append(
                {"id": number, "token": token, "logprob": self._told(log), "top_logprobs": []}
            )
            prompt.append(number)
        timings = {"prompt_n": self._read(request)}
        body = {"content": "", "completion_probabilities": entries, "timings": timings}
        return Answer(body=body)

    def _read(self, request: dict[str, Any]) -> int:
        """Return how many tokens of the prompt the slot does not hold; it holds them afterwards."""
        slot, prompt = request.get("id_slot", 0), request["prompt"]
        held = self._held.get(slot, [])
        same = [a == b for a, b in zip(held, prompt, strict=False)]
        kept = next((n for n, equal in enumerate(same) if not equal), len(same))
        if self.clears_slots:
            self._held.clear()
        self._held[slot] = prompt
        return max(1, len(prompt) - kept)


class _Handler(BaseHTTPRequestHandler):
    server_side: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.server_side.answer(self.path, body)
        self.server_side.closing.wait(answer.delay)
        with contextlib.suppress(OSError):
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.cut:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            half = answer.content[: len(answer.content) // 2]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(half), half))
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)


@contextlib.contextmanager
def model_server(*can: str, certificate: Path | None = None) -> Iterator[ModelServer]:
    """Run a server that can judge in these ways while the block runs.

    ``certificate``: a PEM file with key and certificate, for TLS.
    """
    model = ModelServer(*can)
    handler = type("Handler", (_Handler,), {"server_side": model})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    model.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield model
    finally:
        model.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
