"""Serve `/metrics` and `/healthz` on a loopback port or a Unix socket. Off by default."""

import contextlib
import os
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scanmend.config.settings import Settings
from scanmend.document import State
from scanmend.errors import ConfigError, ScanmendError
from scanmend.service.status import read_status, troubles
from scanmend.telemetry import log, metrics

CLIENT_TIMEOUT_SECONDS = 10.0  # that a client may take for its request
SERVER_JOIN_SECONDS = 2.0  # that the server's thread may take to end
_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def text(cls, status: int, text: str) -> "Response":
        """Return a response of plain text, which ends with a newline."""
        return cls(status, _PLAIN, f"{text}\n".encode())


class StatusCollector(Collector):
    """The metrics from the journal, which each scrape reads anew."""

    def __init__(self, settings: Settings) -> None:
        """Read nothing yet."""
        self._settings = settings

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the current metrics. Raise MachineError or ConfigError if the journal can't be read."""
        now = time.time()
        status = read_status(self._settings)
        documents = GaugeMetricFamily("scanmend_documents", "Documents by state", labels=["state"])
        for state in State:
            documents.add_metric([state.value], status.count(state))
        yield documents
        age = max(0.0, now - status.oldest) if status.oldest else 0.0
        yield GaugeMetricFamily(
            "scanmend_oldest_waiting_seconds", "Age of the oldest unfinished document", age
        )
        yield GaugeMetricFamily(
            "scanmend_unclaimed",
            "Files and folders that wait unclaimed in the inbox",
            sum(group.count for group in status.unclaimed),
        )
        yield GaugeMetricFamily(
            "scanmend_troubles", "Problems that /healthz reports", len(troubles(status, now))
        )


class MonitoringServer:
    """An HTTP server in a thread of its own, with one more thread for each request."""

    def __init__(self, settings: Settings, listen: str) -> None:
        """Start to serve at ``listen``: a path, or host:port, as in ``web.listen``. Raise ConfigError if that fails."""
        self._socket_path = listen if listen.startswith("/") else None
        handler = _handler_class(_routes(settings))
        try:
            self._server = self._bind(listen, handler)
        except OSError as error:
            message = f"{settings.file}: web.listen: {listen}: {error.strerror}"
            raise ConfigError(message) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self._thread.start()
        log.get("web").info("serving metrics and health", listen=listen)

    def _bind(self, listen: str, handler: type[BaseHTTPRequestHandler]) -> socketserver.BaseServer:
        if self._socket_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._socket_path)
            server = _UnixServer(self._socket_path, handler)
            os.chmod(self._socket_path, 0o660)
            return server
        host, _, port = listen.rpartition(":")
        return _TcpServer((host.strip("[]"), int(port)), handler)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SERVER_JOIN_SECONDS)
        if self._socket_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._socket_path)


Route = Callable[[], Response]


def _routes(settings: Settings) -> dict[str, Route]:
    status_collector = StatusCollector(settings)

    def health() -> Response:
        found = troubles(read_status(settings), time.time())
        return Response.text(503 if found else 200, "\n".join(found) or "ok")

    def scrape() -> Response:
        body = generate_latest(metrics.REGISTRY) + generate_latest(status_collector)
        return Response(200, CONTENT_TYPE_LATEST, body)

    return {"/healthz": health, "/metrics": scrape}


def _handler_class(routes: dict[str, Route]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_TIMEOUT_SECONDS

        def do_GET(self) -> None:
            route = routes.get(urllib.parse.urlsplit(self.path).path)
            if route is None:
                response = Response.text(404, f"not found; there is: {', '.join(routes)}")
            else:
                response = _respond(route)
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, *_: Any) -> None:
            """Log no requests."""

        def address_string(self) -> str:
            return "a client"  # a client of a Unix socket has no address

    return Handler


def _respond(route: Route) -> Response:
    """Return the route's response, or one that reports its error. Never raise."""
    try:
        return route()
    except ScanmendError as error:
        return Response.text(503, str(error))
    except Exception:  # noqa: BLE001 - an error boundary
        log.get("web").exception("a request failed; this is a bug")
        return Response.text(500, "a bug; the log has it")


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that go away; ``_respond`` has logged everything else."""


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that go away; ``_respond`` has logged everything else."""
