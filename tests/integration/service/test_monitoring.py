"""What monitoring sees: /metrics, /healthz, `scanmend status --check`."""

import http.client
import json
import os
import socket
import time
from pathlib import Path

import pytest

from running import tree
from samples import encoded, numbered, put
from scanmend.document import Document, Fact
from scanmend.pipeline.daemon import NICENESS
from scanmend.service.status import LONG_WHILE, SHORT_WHILE, Status, troubles

LLM = "llm: {model: auto, auto_download: false}"


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_metrics_and_health_on_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with tree(tmp_path / "home", f"{LLM}\nweb: {{listen: {path}}}") as made:
        process = made.start()
        put(made.inbox, "book.pdf", encoded("pdf", numbered(2)))
        made.published("book")
        put(made.inbox, "bad.png", b"no scan")
        made.failure("bad.png")
        made.eventually(lambda: made.status()["counts"]["failed"] == 1)  # a moment later

        assert _get(_Unix(path), "/healthz") == (200, "ok\n")
        status, said = _get(_Unix(path), "/metrics")
        assert status == 200
        assert 'scanmend_pages_total{step="read"} 2.0' in said
        assert 'scanmend_pages_total{step="correct"} 2.0' in said
        assert 'scanmend_documents{state="done"} 1.0' in said
        assert 'scanmend_documents{state="failed"} 1.0' in said
        assert "scanmend_troubles 0.0" in said
        assert _get(_Unix(path), "/")[0] == 404
        assert path.stat().st_mode & 0o007 == 0  # for the group alone
        assert made.stop(process) == 0
        assert not path.exists()


def test_metrics_on_a_port_of_this_machine(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tree(tmp_path, f"{LLM}\nweb: {{listen: '127.0.0.1:{port}'}}") as made:
        made.start()

        assert _get(http.client.HTTPConnection("127.0.0.1", port), "/healthz")[0] == 200
        other = socket.create_connection(
            ("127.0.0.1", port)
        )  # says nothing, and keeps nobody waiting
        assert _get(http.client.HTTPConnection("127.0.0.1", port), "/metrics")[0] == 200
        other.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "example.org:80", "9464", "relative.sock"])
def test_only_this_machine_is_told(tmp_path: Path, listen: str) -> None:
    with tree(tmp_path, f"web: {{listen: '{listen}'}}") as made:
        done = made.command("check-config", check=False)

        assert done.returncode == 3
        assert "web.listen" in done.stderr
        assert "127.0.0.1:PORT" in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with tree(tmp_path, f"web: {{listen: '{listen}'}}") as made:
            done = made.command("run", check=False)

            assert done.returncode == 3
            assert f"web.listen: {listen}: Address already in use" in done.stderr


def test_status_check_for_monitoring(tmp_path: Path) -> None:
    with tree(tmp_path, LLM) as made:
        down = made.command("status", "--check", check=False)
        assert down.returncode == 1
        assert "no daemon is running" in down.stdout
        made.start()
        assert made.command("status", "--check").stdout == "ok\n"
        assert json.loads(made.command("status", "--json").stdout)["troubles"] == []


def test_who_asks_comes_first(tmp_path: Path) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    for more, niceness in ((0, mine or NICENESS), (9, min(19, mine + 9))):
        with tree(tmp_path / str(more), LLM) as made:
            process = made.start(before=("nice", "-n", str(more)))  # 9: somebody's choice
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == niceness


def _status(**changes: object) -> Status:
    values: dict[str, object] = {
        "process": os.getpid(), "counts": {}, "waiting": [], "working": [], "failed": [], "facts": {}, "moved": time.time()
    }  # fmt: skip
    return Status(**{**values, **changes})  # type: ignore[arg-type]


def test_what_is_trouble_and_what_is_not_yet() -> None:
    now = time.time()
    away = {"inbox": Fact("away", "the share is gone", now - SHORT_WHILE - 1)}
    document = Document.__new__(Document)

    assert troubles(_status(), now) == []
    assert "the share is gone" in troubles(_status(facts=away), now)[0]
    assert troubles(_status(facts=away), now - 60) == []
    assert troubles(_status(facts={"model": Fact("failed", "", 0.0)}), now) == []  # documents go on
    assert troubles(_status(moved=now - LONG_WHILE - 1), now) == []  # nothing to do
    object.__setattr__(document, "path", b"book.pdf")
    stuck = _status(working=[(document, 0)], moved=now - LONG_WHILE - 1)
    assert "though book.pdf is in work" in troubles(stuck, now)[0]
