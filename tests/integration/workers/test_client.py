"""Test the client with real child processes that crash, hang, flood stdout, lie and exhaust their memory."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from children.echo import Outcome, Run, Unknown
from running import eventually
from scanmend.errors import ChildError, Died, MachineError, OutOfMemory, ProtocolError, TimedOut
from scanmend.workers.client import Child
from scanmend.workers.protocol import Progress, Said
from scanmend.workers.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def child() -> Iterator[Child]:
    path = f"{ROOT / 'daemon'}:{ROOT / 'tests' / 'children'}"
    child = Child("echo", "echo", {**os.environ, "PYTHONPATH": path}, 2**28, Sandbox())
    yield child
    child.end()


def _ask(child: Child, act: str, text: str = "", number: int = 0, seconds: float = 30) -> Outcome:
    return child.ask(Run(act, text, number), seconds)


def test_a_request_is_answered(child: Child) -> None:
    assert _ask(child, "echo", "äöü \u202e", 2**40) == Outcome("äöü \u202e", 2**40)


def test_a_lone_surrogate_becomes_a_question_mark(child: Child) -> None:
    assert _ask(child, "echo", "a\udcffb") == Outcome("a?b")


def test_progress_comes_before_the_reply(child: Child) -> None:
    seen: list[Progress] = []
    child.ask(Run("progress"), 30, seen.append)

    assert seen == [Said("0"), Said("1"), Said("2")]


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        ("crash", Died, "SIGSEGV"),
        ("exit", Died, "the library says no"),
        ("lie", ProtocolError, "a message of 5 bytes is not what the protocol allows"),
        ("send too much", ProtocolError, "half a message"),
        ("bug", ChildError, "ValueError"),
        ("no file", MachineError, "/nonexistent/scan"),
    ],
)
def test_a_failure_is_reported_and_the_next_request_is_answered(
    child: Child, act: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        _ask(child, act)

    assert _ask(child, "echo", "again") == Outcome("again")


def test_a_request_that_the_child_does_not_know_is_a_protocol_error(child: Child) -> None:
    with pytest.raises(ProtocolError, match="Invalid value 'unknown'"):
        child.ask(Unknown(), 30)

    assert _ask(child, "echo", "again") == Outcome("again")


def test_a_second_reply_is_not_taken_for_the_answer_to_the_next_request(child: Child) -> None:
    assert _ask(child, "answer twice") == Outcome("too early")
    first = child.pid
    eventually(lambda: child._running and child._running.connection.poll())

    assert _ask(child, "echo", "again") == Outcome("again")
    assert child.pid != first


def test_a_hang_is_ended_even_when_it_ignores_sigterm(child: Child) -> None:
    with pytest.raises(TimedOut, match=r"no answer within 500 ms"):
        _ask(child, "hang", seconds=0.5)

    assert not child.alive


def test_a_child_that_exceeds_its_memory_limit_fails(child: Child) -> None:
    with pytest.raises(OutOfMemory):
        _ask(child, "eat", number=2**30)

    assert _ask(child, "eat", number=1000) == Outcome(number=1000)


def test_the_memory_of_a_child_is_measured(child: Child) -> None:
    assert child.memory() == 0
    _ask(child, "echo", "hello")
    before = child.memory()
    assert 2**20 < before < 2**28
    _ask(child, "keep", number=2**26)
    assert child.memory() >= before + 2**26

    child.end()
    assert child.memory() == 0


def test_a_flood_on_stdout_does_no_harm(child: Child) -> None:
    assert _ask(child, "flood") == Outcome("after the flood")


def test_a_child_that_died_idle_is_replaced_silently(child: Child) -> None:
    _ask(child, "echo")
    assert child.pid
    first = psutil.Process(child.pid)
    first.kill()
    eventually(lambda: not child.alive)

    assert _ask(child, "echo", "new") == Outcome("new")


def test_kill_from_another_thread_ends_the_wait(child: Child) -> None:
    child.start()
    killer = threading.Timer(0.3, child.kill)
    killer.start()
    try:
        with pytest.raises(Died, match="SIGKILL"):
            _ask(child, "hang", seconds=60)
    finally:
        killer.join()


def test_ending_a_child_ends_its_own_children_too(child: Child) -> None:
    grandchild = psutil.Process(_ask(child, "grandchild").number)

    child.end()

    gone, _ = psutil.wait_procs([grandchild], timeout=10)
    assert gone or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_child_inherits_no_other_file(child: Child, tmp_path: Path) -> None:
    with open(tmp_path / "secret", "w") as file:
        os.set_inheritable(file.fileno(), True)
        child.start()
        assert child.pid
        open_files = [f.path for f in psutil.Process(child.pid).open_files()]

    assert str(tmp_path / "secret") not in open_files
