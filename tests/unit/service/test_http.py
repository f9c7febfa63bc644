"""Test the monitoring server: an unknown path reads no journal, and a failure gets an answer."""

import http.client
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scanmend.config.settings import FoldersSettings, Settings
from scanmend.service import http as monitoring
from scanmend.service.http import MonitoringServer
from scanmend.service.status import Status


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    settings = Settings(folders=replace(FoldersSettings(), state="/nonexistent"))
    server = MonitoringServer(settings, f"127.0.0.1:{number}")
    yield number
    server.close()


def _get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_without_a_journal_the_metrics_are_still_served(port: int) -> None:
    status, body = _get(port, "/metrics?name=x")

    assert status == 200
    assert 'scanmend_documents{state="done"} 0.0' in body
    assert "scanmend_troubles 1.0" in body
    assert "# HELP scanmend_pages_total" in body


def test_without_a_daemon_the_health_check_fails(port: int) -> None:
    status, body = _get(port, "/healthz")

    assert status == 503
    assert "no daemon is running" in body


def test_a_failure_gets_an_answer_and_an_unknown_path_reads_no_journal(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Settings) -> Status:
        raise ValueError("a bug")

    monkeypatch.setattr(monitoring, "read_status", fail)

    assert _get(port, "/") == (404, "not found; there is: /healthz, /metrics\n")
    assert _get(port, "/healthz") == (500, "a bug; the log has it\n")
    assert _get(port, "/metrics")[0] == 500


def test_a_journal_that_cant_be_opened_is_not_reported_as_a_bug(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no database" * 1000)
    path = str(tmp_path / "monitoring.sock")
    server = MonitoringServer(
        Settings(folders=replace(FoldersSettings(), state=str(tmp_path))), path
    )
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = client.makefile("rb").read().decode()
    finally:
        server.close()

    assert "503 Service Unavailable" in answer
    assert "the journal can't be read" in answer


def test_the_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "monitoring.sock"
    server = MonitoringServer(Settings(), str(path))
    assert path.stat().st_mode & 0o777 == 0o660

    server.close()

    assert not path.exists()
