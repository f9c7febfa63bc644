"""Test the delivery of one event to a program and to a web address: each failure is returned in words."""

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scanmend.config.settings import HooksSettings
from scanmend.service.receivers import Event, receivers_of

MESSAGE = {"event": Event.FAILED, "document": "a.pdf", "sha256": None}


def _deliver_to_program(*command: str, seconds: float = 30.0, stopping: bool = False) -> str | None:
    (receiver,) = receivers_of(HooksSettings(on_failure=command, timeout=seconds))
    return receiver.deliver(MESSAGE, lambda: stopping)


def _deliver_to_address(address: str) -> str | None:
    (receiver,) = receivers_of(HooksSettings(webhook=address))
    assert receiver.events == frozenset(Event)
    return receiver.deliver(MESSAGE, lambda: False)


def test_a_program_gets_the_message_in_its_environment() -> None:
    check = (
        'test "$SCANMEND_EVENT $SCANMEND_DOCUMENT" = "failed a.pdf" -a -z "${SCANMEND_SHA256+x}"'
    )

    assert _deliver_to_program("/bin/sh", "-c", check) is None
    assert _deliver_to_program("/bin/sh", "-c", "exit 3") == "/bin/sh: exit code 3"
    assert _deliver_to_program("/nowhere/x") == "/nowhere/x: No such file or directory"


@pytest.mark.parametrize("stopping", [True, False])
def test_a_program_is_ended_with_its_children(stopping: bool) -> None:
    began = time.monotonic()

    failure = _deliver_to_program("/bin/sh", "-c", "sleep 60", seconds=0.1, stopping=stopping)

    assert failure == "/bin/sh: not done within 100 ms; it was ended"
    assert time.monotonic() - began < 30


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a server that takes messages at /hook only."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200 if self.path == "/hook" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_gets_the_message(address: str) -> None:
    assert _deliver_to_address(f"{address}/hook") is None
    assert _deliver_to_address(f"{address}/other") == f"{address}/other: answered 404"


def test_an_address_that_does_not_answer_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"

    failure = _deliver_to_address(address)

    assert failure is not None
    assert "refused" in failure
