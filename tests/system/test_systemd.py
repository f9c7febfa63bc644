"""Test the service under a real systemd, in a container that the test boots."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from container import ROOT, Container, booted, impossible
from samples import encoded, numbered

PROGRAM = str(Path(sys.executable).parent / "scanmend")
STATE = "var/lib/scanmend"
WHY_NOT = impossible()

pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Boot a machine and install the service as an administrator would, with a watchdog of 10 s."""
    with booted(tmp_path_factory.mktemp("machine")) as made:
        made.run(PROGRAM, "install-service", "--no-start")
        config = made.root / "etc/scanmend/scanmend.yaml"
        text = config.read_text().replace("auto_download: true", "auto_download: false")
        config.write_text(
            text.replace("workers: auto", "workers: 1").replace("quiet: 2s", "quiet: 300ms")
        )
        impatient = made.root / "etc/systemd/system/scanmend.service.d/test.conf"
        impatient.parent.mkdir()
        # the service has its own /tmp, and can't see a source tree there
        seen = f"BindReadOnlyPaths={ROOT} {sys.prefix}\n" if str(ROOT).startswith("/tmp/") else ""
        impatient.write_text(f"[Service]\nWatchdogSec=10s\n{seen}")
        made.run("systemctl", "daemon-reload")
        yield made


@pytest.fixture
def service(machine: Container) -> Container:
    """Return the machine with the service started."""
    machine.run("systemctl", "restart", "scanmend")
    return machine


def _eventually(condition: Callable[[], object], machine: Container, limit: float = 180) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            said = machine.run("journalctl", "-u", "scanmend", "-n", "60", "--no-pager").stdout
            pytest.fail(f"not within {limit} s; the journal:\n{said}")
        time.sleep(0.1)


def _show(machine: Container, name: str) -> str:
    return machine.run("systemctl", "show", "scanmend", "-p", name, "--value").stdout.strip()


def _drop(machine: Container, name: str, pages: int = 1) -> None:
    kind = name.rsplit(".", 1)[1]
    (machine.root / STATE / "inbox" / name).write_bytes(encoded(kind, numbered(pages)))


def _published(machine: Container, stem: str) -> dict[str, Any]:
    path = machine.root / STATE / "outbox" / f"{stem}.json"
    _eventually(path.exists, machine)
    sidecar: dict[str, Any] = json.loads(path.read_text())
    assert not list(path.parent.glob(f"{stem}-*.json"))  # published exactly once
    return sidecar


def _is_active(machine: Container) -> bool:
    return _show(machine, "ActiveState") == "active" and _show(machine, "SubState") == "running"


def _children(machine: Container, word: str) -> list[str]:
    return machine.run("pgrep", "-f", word, check=False).stdout.split()


def test_the_service_starts_and_publishes(service: Container) -> None:
    assert _is_active(service)
    assert "0 in work" in _show(service, "StatusText") or "done" in _show(service, "StatusText")
    _drop(service, "first.png")

    sidecar = _published(service, "first")

    assert sidecar["pages"][0]["lines"][0]["text"] == "Page 1 of the harbour book"
    said = service.run("journalctl", "-u", "scanmend", "--no-pager").stdout
    assert (
        "not confined" not in said
    )  # the sandbox of the children works inside that of the service
    owner = (service.root / STATE / "outbox/first.json").stat()
    assert owner.st_uid != 0
    _eventually(lambda: not (service.root / STATE / "inbox/first.png").exists(), service)
    _eventually(lambda: re.search(r"[1-9]\d* done", _show(service, "StatusText")), service)


def test_entries_of_the_systemd_journal_have_fields(service: Container) -> None:
    _drop(service, "fields.png")
    _published(service, "fields")

    def entries_of() -> list[dict[str, str]]:
        command = ("journalctl", "-u", "scanmend", "DOCUMENT=fields.png", "-o", "json")
        return [json.loads(line) for line in service.run(*command).stdout.splitlines()]

    _eventually(lambda: "publish" in {e["STAGE"] for e in entries_of()}, service)
    entries = entries_of()

    assert {e["STAGE"] for e in entries} >= {"claim", "read", "publish"}
    assert any(e.get("PAGE") == "1" for e in entries)
    assert any(e["MESSAGE"].startswith("published document=fields.png") for e in entries)
    assert {e["PRIORITY"] for e in entries} == {"6"}


def test_the_daemon_has_one_capability_and_its_children_have_none(service: Container) -> None:
    _drop(service, "capable.pdf", pages=4)
    _eventually(lambda: _children(service, "scanmend.ocr"), service)
    for process, expected in (
        (_show(service, "MainPID"), 1 << 28),  # CAP_LEASE
        (_children(service, "scanmend.ocr")[0], 0),
    ):
        status = service.run("cat", f"/proc/{process}/status").stdout
        found = re.search(r"CapEff:\s+([0-9a-f]+)", status)
        assert found
        assert int(found[1], 16) == expected
    _published(service, "capable")


def test_a_file_that_a_program_of_another_user_writes_waits(service: Container) -> None:
    """Let a program of root hold the file; the daemon runs as another user, with CAP_LEASE."""
    held = f"/{STATE}/inbox/held.png"
    hold = f"(exec 3>>{held}; exec sleep 4321) >/dev/null 2>&1 & until [ -e {held} ]; do sleep 0.1; done"
    service.run("sh", "-c", hold)
    (service.root / held[1:]).write_bytes(encoded("png"))
    command = (PROGRAM, "--config", "/etc/scanmend/scanmend.yaml", "status")
    waits = "held.png: still open for writing by another program, since"
    _eventually(lambda: waits in service.run(*command, check=False).stdout, service)

    service.run("pkill", "-f", "sleep 4321")

    _published(service, "held")


@pytest.mark.parametrize("victim", ["main", "children"])
def test_a_kill_9_loses_nothing(service: Container, victim: str) -> None:
    stem = f"killed-{victim}"
    _drop(service, f"{stem}.pdf", pages=4)
    _eventually(lambda: _children(service, "scanmend.ocr"), service)
    if victim == "main":
        service.run("kill", "-9", _show(service, "MainPID"))
    else:
        service.run("kill", "-9", *_children(service, "scanmend.ocr"), check=False)

    assert _published(service, stem)["source"]["pages"] == 4
    assert _is_active(service)


def test_the_watchdog_restarts_a_daemon_that_hangs(service: Container) -> None:
    _eventually(lambda: _is_active(service), service)
    first = _show(service, "MainPID")
    service.run("kill", "-STOP", first)

    _eventually(lambda: _is_active(service) and _show(service, "MainPID") != first, service)
    _drop(service, "recovered.png")
    _published(service, "recovered")


def test_a_reload_applies_the_changed_configuration(service: Container) -> None:
    config = service.root / "etc/scanmend/scanmend.yaml"
    text = config.read_text()
    first = _show(service, "MainPID")
    try:
        config.write_text(text.replace("level: info", "level: debug"))
        service.run("systemctl", "reload", "scanmend")
        said = ["journalctl", "-u", "scanmend", "--since", "-60s", "-o", "cat"]
        _eventually(lambda: "configuration read again" in service.run(*said).stdout, service)
    finally:
        config.write_text(text)
    assert _show(service, "MainPID") == first


def test_a_document_is_finished_after_a_stop_in_the_middle_and_a_start(service: Container) -> None:
    _drop(service, "stopped.pdf", pages=6)
    _eventually(lambda: _children(service, "scanmend.ocr"), service)

    service.run("systemctl", "stop", "scanmend")
    assert _show(service, "Result") == "success"
    assert not _children(service, "scanmend.ocr")
    service.run("systemctl", "start", "scanmend")

    assert _published(service, "stopped")["source"]["pages"] == 6


def test_a_document_is_finished_after_a_reboot_in_the_middle(service: Container) -> None:
    _drop(service, "reboot.pdf", pages=4)
    _eventually(lambda: _children(service, "scanmend.ocr"), service)

    service.reboot()

    assert _published(service, "reboot")["source"]["pages"] == 4


def test_the_service_is_hardened(service: Container) -> None:
    said = service.run(
        "systemd-analyze", "security", "--no-pager", "scanmend.service", check=False
    ).stdout
    match = re.search(r"Overall exposure level for scanmend.service: ([\d.]+)", said)

    assert match, said
    assert float(match[1]) <= 2.0, said


def test_z_uninstalling_keeps_the_documents(machine: Container) -> None:
    removed = machine.run(PROGRAM, "uninstall-service").stdout
    assert "remove /etc/systemd/system/scanmend.service" in removed
    assert "kept:" in removed
    assert not (machine.root / "etc/systemd/system/scanmend.service").exists()
    assert (machine.root / STATE / "inbox").is_dir()
    machine.run(PROGRAM, "install-service", "--no-start")  # install it again for the other tests
    assert (machine.root / "etc/systemd/system/scanmend.service").exists()
