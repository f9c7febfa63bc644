"""Test when a failed model is tried again, with an invented clock."""

from pathlib import Path

import pytest

from scanmend.backends import llm_failures
from scanmend.backends.llm_failures import BACK_OFF_SECONDS, MAX_CRASHES, ModelFailures
from scanmend.errors import ModelUnavailable


class Clock:
    """A monotonic clock that the test sets."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(llm_failures, "time", clock)
    return clock


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    return str(path)


def _blocked(failures: ModelFailures, file: str) -> bool:
    try:
        failures.check(file)
    except ModelUnavailable:
        return True
    return False


def test_retry_delays_grow_and_start_over_after_a_success(clock: Clock, file: str) -> None:
    failures = ModelFailures()
    for pause in (*BACK_OFF_SECONDS, BACK_OFF_SECONDS[-1]):
        assert failures.failed("no memory", file) == "no memory"
        assert _blocked(failures, file)
        clock.now += pause
        assert not _blocked(failures, file)
    failures.forget()
    assert not failures.any

    failures.failed("no memory", file)
    clock.now += BACK_OFF_SECONDS[0]
    assert not failures.backing_off


def test_a_changed_model_file_is_tried_at_once(clock: Clock, file: str) -> None:
    failures = ModelFailures()
    failures.failed("damaged", file)
    assert _blocked(failures, file)

    Path(file).write_bytes(b"GGUF and more")
    assert not _blocked(failures, file)
    assert failures.backing_off  # as for a download


@pytest.mark.parametrize("crashed", [True, False])
def test_a_dead_process_is_replaced_at_once_except_after_its_third_death(
    clock: Clock, file: str, crashed: bool
) -> None:
    failures = ModelFailures()
    for _ in range(MAX_CRASHES - 1):
        assert failures.lost("SIGKILL", file, crashed=crashed) == "SIGKILL"
        assert not _blocked(failures, file)
    reason = failures.lost("SIGKILL", file, crashed=crashed)

    assert "3 times in a row: SIGKILL" in reason
    assert ("until it or the configuration changes" in reason) == crashed
    clock.now += 10 * BACK_OFF_SECONDS[-1]
    assert _blocked(failures, file) == crashed
