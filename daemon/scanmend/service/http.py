"""`/metrics` and `/healthz` on a loopback port or a Unix socket; off by default."""

import contextlib
import os
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from scanmend.config.settings import Settings
from scanmend.document import State
from scanmend.errors import ConfigError
from scanmend.service.status import Status, look, troubles
from scanmend.telemetry import log, metrics

PATIENCE = 10.0  # seconds that a client may take


class Web:
    """The server, in a thread of its own. Each request looks into the journal, like `scanmend status`."""

    def __init__(self, settings: Settings) -> None:
        """ConfigError when the address can't be had."""
        listen = settings.web.listen
        assert listen is not None
        self._path = listen if listen.startswith("/") else None
        handler = _handler(settings)
        try:
            if self._path:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
                self._server: socketserver.BaseServer = _Unix(self._path, handler)
                os.chmod(self._path, 0o660)
            else:
                host, _, port = listen.rpartition(":")
                self._server = _Tcp((host.strip("[]"), int(port)), handler)
        except OSError as error:
            raise ConfigError(f"{settings.file}: web.listen: {listen}: {error.strerror}") from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self._thread.start()
        log.get("web").info("metrics and health", listen=listen)

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
        if self._path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def _handler(settings: Settings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = PATIENCE

        def do_GET(self) -> None:
            status = look(settings)
            wrong = troubles(status, time.time())
            if self.path == "/healthz":
                text = "\n".join(wrong) or "ok"
                self._answer(
                    503 if wrong else 200, "text/plain; charset=utf-8", text.encode() + b"\n"
                )
            elif self.path == "/metrics":
                _gauge(status, wrong)
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(metrics.REGISTRY))
            else:
                self._answer(404, "text/plain; charset=utf-8", b"/metrics or /healthz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Not our users' business."""

        def address_string(self) -> str:
            return "a client"  # a Unix socket has no address

    return Handler


def _gauge(status: Status, wrong: list[str]) -> None:
    for state in State:
        metrics.DOCUMENTS.labels(state.value).set(status.counts.get(state, 0))
    metrics.OLDEST.set(max(0.0, time.time() - status.oldest) if status.oldest else 0.0)
    metrics.TROUBLES.set(len(wrong))
