"""Imitate a model server on loopback that speaks OpenAI's protocol, and what such servers answer when something is wrong."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HTML = b"<!DOCTYPE html><html><body>Welcome to nginx!</body></html>"
LOADING = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}


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


def said(content: Any, finish_reason: str = "stop", **message: Any) -> Answer:
    """Return a chat completion with this content."""
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    return Answer(body={"choices": [choice], "usage": {"completion_tokens": 3}})


def refused(status: int, message: str) -> Answer:
    """Return an error as such servers send it."""
    return Answer(status, {"error": {"code": status, "message": message}})


def line_of(request: dict[str, Any]) -> str:
    """Return the line that a request wants corrected."""
    text: str = request["messages"][-1]["content"]
    return text.rsplit("\n", 1)[-1]


class ChatServer:
    """A server whose answers a test replaces: ``models`` to GET, ``chat`` to each POST."""

    def __init__(self) -> None:
        """List one model, and answer each line unchanged."""
        self.models = Answer(body={"data": [{"id": "chatty"}]})
        self.chat: Callable[[dict[str, Any]], Answer] = lambda request: said(line_of(request))
        self.base = "/v1"  # the path below which it answers
        self.requests: list[dict[str, Any]] = []  # bodies of the chat requests
        self.paths: list[str] = []
        self.loading_until = 0.0  # monotonic
        self.address = ""
        self.closing = threading.Event()

    def answer(self, path: str, body: bytes) -> Answer:
        """Return the answer to one request."""
        self.paths.append(path)
        if time.monotonic() < self.loading_until:
            return Answer(503, LOADING)
        if path == f"{self.base}/models":
            return self.models
        if path == f"{self.base}/chat/completions":
            request = json.loads(body)
            self.requests.append(request)
            return self.chat(request)
        return Answer(404, HTML)


class _Handler(BaseHTTPRequestHandler):
    server_side: ChatServer
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
def chat_server(certificate: Path | None = None) -> Iterator[ChatServer]:
    """Run a server while the block runs. ``certificate``: a PEM file with key and certificate, for TLS."""
    chat = ChatServer()
    handler = type("Handler", (_Handler,), {"server_side": chat})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    chat.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield chat
    finally:
        chat.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
