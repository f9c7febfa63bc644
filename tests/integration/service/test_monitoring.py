"""Test the monitoring of a running daemon: /metrics, /healthz and `scanmend status --check`."""

import http.client
import json
import os
import socket
from pathlib import Path

import pytest

from running import NO_MODEL, new_tree
from samples import encoded, numbered, put
from scanmend.pipeline.daemon import NICENESS

LLM = f"llm: {{{NO_MODEL}}}"


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

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


def test_metrics_and_health_are_served_on_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with new_tree(tmp_path / "home", f"{LLM}\nweb: {{listen: {path}}}") as tree:
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(2)))
        tree.published("book")
        put(tree.inbox, "bad.png", b"no scan")
        tree.failure("bad.png")
        tree.eventually(lambda: tree.status()["counts"]["failed"] == 1)

        assert _get(_UnixConnection(path), "/healthz") == (200, "ok\n")
        status, body = _get(_UnixConnection(path), "/metrics")
        assert status == 200
        assert 'scanmend_pages_total{step="read"} 2.0' in body
        assert 'scanmend_pages_total{step="correct"} 2.0' in body
        assert 'scanmend_documents{state="done"} 1.0' in body
        assert 'scanmend_documents{state="failed"} 1.0' in body
        assert "scanmend_troubles 0.0" in body
        assert _get(_UnixConnection(path), "/")[0] == 404
        assert path.stat().st_mode & 0o007 == 0  # only the group may connect
        assert tree.stop(process) == 0
        assert not path.exists()


def test_metrics_are_served_on_a_port_of_this_machine(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with new_tree(tmp_path, f"{LLM}\nweb: {{listen: '127.0.0.1:{port}'}}") as tree:
        tree.start()

        assert _get(http.client.HTTPConnection("127.0.0.1", port), "/healthz")[0] == 200
        silent = socket.create_connection(
            ("127.0.0.1", port)
        )  # a silent client, which must not block others
        assert _get(http.client.HTTPConnection("127.0.0.1", port), "/metrics")[0] == 200
        silent.close()


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "example.org:80", "9464", "relative.sock"])
def test_only_addresses_of_this_machine_are_allowed(tmp_path: Path, listen: str) -> None:
    with new_tree(tmp_path, f"web: {{listen: '{listen}'}}") as tree:
        done = tree.command("check-config", check=False)

        assert done.returncode == 3
        assert "web.listen" in done.stderr
        assert "127.0.0.1:PORT" in done.stderr


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with new_tree(tmp_path, f"web: {{listen: '{listen}'}}") as tree:
            done = tree.command("run", check=False)

            assert done.returncode == 3
            assert f"web.listen: {listen}: Address already in use" in done.stderr


def test_status_check_tells_trouble_by_its_exit_code(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM) as tree:
        down = tree.command("status", "--check", check=False)
        assert down.returncode == 1
        assert "no daemon is running" in down.stdout
        tree.start()
        assert tree.command("status", "--check").stdout == "ok\n"
        printed = json.loads(tree.command("status", "--json").stdout)
        assert printed == tree.status()
        assert printed["troubles"] == []


def test_the_daemon_runs_at_a_lower_priority(tmp_path: Path) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    for more, niceness in ((0, mine or NICENESS), (9, min(19, mine + 9))):
        with new_tree(tmp_path / str(more), LLM) as tree:
            # a priority that the user has chosen, such as 9, is kept
            process = tree.start(before=("nice", "-n", str(more)))
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == niceness
