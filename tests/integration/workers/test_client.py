"""One child process: real ones that crash, hang, flood, lie and eat memory."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from running import eventually
from scanmend.errors import ChildError, Died, MachineError, OutOfMemory, ProtocolError, TimedOut
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def child() -> Iterator[Child]:
    path = f"{ROOT / 'daemon'}:{ROOT / 'tests' / 'children'}"
    child = Child("echo", "echo", {**os.environ, "PYTHONPATH": path}, 2**28, Sandbox())
    yield child
    child.end()


def _ask(child: Child, what: str, seconds: float = 30, **more: object) -> dict[str, object]:
    return child.ask({"do": "run", "what": what, **more}, seconds)


def test_it_answers_also_names_that_are_not_utf8(child: Child) -> None:
    assert _ask(child, "echo", text="a\udcffb") == {"said": "a\udcffb"}


def test_progress_comes_before_the_reply(child: Child) -> None:
    seen: list[dict[str, object]] = []
    child.ask({"do": "run", "what": "progress"}, 30, seen.append)

    assert seen == [{"step": 0}, {"step": 1}, {"step": 2}]


@pytest.mark.parametrize(
    ("what", "error", "said"),
    [
        ("crash", Died, "SIGSEGV"),
        ("exit", Died, "the library says no"),
        ("lie", ProtocolError, "sent 5 bytes that are no reply"),
        ("bug", ChildError, "ValueError"),
        ("no-file", MachineError, "/nonexistent/scan"),
    ],
)
def test_a_failure_is_told_and_the_next_request_is_answered(
    child: Child, what: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        _ask(child, what)

    assert _ask(child, "echo", text="again") == {"said": "again"}


def test_a_hang_is_ended_even_when_it_ignores_sigterm(child: Child) -> None:
    with pytest.raises(TimedOut, match=r"no answer within 0\.5 s"):
        _ask(child, "hang", seconds=0.5)

    assert not child.alive


def test_memory_is_bounded(child: Child) -> None:
    with pytest.raises(OutOfMemory):
        _ask(child, "eat", bytes=2**30)

    assert _ask(child, "eat", bytes=1000) == {"size": 1000}


def test_it_is_known_how_much_memory_it_has(child: Child) -> None:
    assert child.memory() == 0
    _ask(child, "echo", text="hello")
    before = child.memory()
    assert 2**20 < before < 2**28
    _ask(child, "keep", bytes=2**26)
    assert child.memory() >= before + 2**26

    child.end()
    assert child.memory() == 0


def test_a_flood_on_stdout_harms_nobody(child: Child) -> None:
    assert _ask(child, "flood") == {"said": "after the flood"}


def test_one_that_dies_idle_is_replaced_silently(child: Child) -> None:
    _ask(child, "echo", text="")
    assert child.pid
    first = psutil.Process(child.pid)
    first.kill()
    eventually(lambda: not child.alive)

    assert _ask(child, "echo", text="new") == {"said": "new"}


def test_kill_from_another_thread_ends_the_wait(child: Child) -> None:
    child.start()
    killer = threading.Timer(0.3, child.kill)
    killer.start()
    try:
        with pytest.raises(Died, match="SIGKILL"):
            _ask(child, "hang", seconds=60)
    finally:
        killer.join()


def test_the_end_takes_the_grandchildren_along(child: Child) -> None:
    grandchild = psutil.Process(int(str(_ask(child, "grandchild")["pid"])))

    child.end()

    gone, _ = psutil.wait_procs([grandchild], timeout=10)
    assert gone or grandchild.status() == psutil.STATUS_ZOMBIE


def test_the_child_inherits_no_other_file(child: Child, tmp_path: Path) -> None:
    with open(tmp_path / "secret", "w") as file:
        os.set_inheritable(file.fileno(), True)
        child.start()
        assert child.pid
        open_files = [f.path for f in psutil.Process(child.pid).open_files()]

    assert str(tmp_path / "secret") not in open_files
