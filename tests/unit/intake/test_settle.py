"""Test when a waiting file counts as settled, with an invented clock."""

from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.intake.events import InWorkElsewhere, NotReady, RetryOn
from scanmend.intake.settle import PatienceOver, PendingFile, Settled, Unsettled, settle

SETTINGS = SettleSettings(quiet=2.0, patience=3600.0, doubtful=120.0)
PATH = b"a.pdf"


def _pending(size: int = 10, closed: bool = False) -> PendingFile:
    """Return a file that was first seen at 100 s."""
    return PendingFile(FileSnapshot(PATH, size, 1, 1, closed), changed_at=100.0, first_seen=0.0)


def _not_ready(reason: str, retry_on: RetryOn = RetryOn.TIMER) -> NotReady:
    return NotReady(PATH, reason, retry_on)


def test_a_file_settles_after_the_quiet_period() -> None:
    file = _pending()

    assert settle(file, 100.0, SETTINGS) == Unsettled("still growing", 102.0)
    assert settle(file, 102.0, SETTINGS) == Settled()


def test_a_change_restarts_the_quiet_period() -> None:
    file = _pending()
    file.update(FileSnapshot(PATH, 20, 2, 1), 101.9)

    assert settle(file, 102.0, SETTINGS) == Unsettled("still growing", 103.9)


def test_an_mtime_in_the_future_or_past_does_not_matter() -> None:
    file = _pending()
    file.update(FileSnapshot(PATH, 10, 2**62, 1), 101.0)

    assert settle(file, 103.0, SETTINGS) == Settled()


def test_a_close_ends_the_wait() -> None:
    assert settle(_pending(closed=True), 100.0, SETTINGS) == Settled()


def test_a_close_does_not_count_for_a_later_version() -> None:
    file = _pending(closed=True)
    file.update(FileSnapshot(PATH, 20, 2, 1), 101.0)

    assert isinstance(settle(file, 101.0, SETTINGS), Unsettled)


def test_a_close_ends_the_wait_of_a_file_that_the_claim_step_sent_back() -> None:
    file = _pending()
    file.send_back(_not_ready("incomplete"), 102.0)
    file.update(FileSnapshot(PATH, 10, 1, 1, closed=True), 102.5)

    assert settle(file, 102.5, SETTINGS) == Settled()


def test_a_file_that_is_sent_back_waits_longer_each_time() -> None:
    file = _pending()
    waits = []
    now = 102.0
    for _ in range(8):
        file.send_back(_not_ready("incomplete: no %%EOF"), now)
        decision = settle(file, now, SETTINGS)
        assert isinstance(decision, Unsettled)
        assert decision.reason == "incomplete: no %%EOF"
        waits.append(decision.again_at - now)
        now = decision.again_at
        assert settle(file, now, SETTINGS) == Settled()

    assert waits == sorted(waits)
    assert waits[0] == 2.0
    assert waits[-1] == 60.0


def test_a_change_clears_the_problem() -> None:
    file = _pending()
    file.send_back(_not_ready("incomplete"), 200.0)
    file.update(FileSnapshot(PATH, 20, 2, 1), 201.0)

    assert settle(file, 203.0, SETTINGS) == Settled()


def test_a_file_fails_when_patience_ends() -> None:
    file = _pending()
    file.send_back(_not_ready("incomplete: no %%EOF"), 3699.0)

    assert isinstance(settle(file, 3699.5, SETTINGS), Unsettled)
    assert settle(file, 3700.0, SETTINGS) == PatienceOver("incomplete: no %%EOF")


def test_a_file_in_work_elsewhere_waits_beyond_the_end_of_patience() -> None:
    file = _pending()
    elsewhere = InWorkElsewhere(PATH, "in work by another", retry_within=150.0)
    now = 102.0
    for _ in range(30):
        file.send_back(elsewhere, now)
        decision = settle(file, now, SETTINGS)
        assert isinstance(decision, Unsettled)
        now = decision.again_at

    assert now > SETTINGS.patience
    assert file.in_work_elsewhere
    file.send_back(elsewhere, now)
    assert settle(file, now, SETTINGS) == Unsettled("in work by another", now + 150.0)


def test_an_empty_file_waits_until_the_end_of_patience() -> None:
    file = _pending(size=0, closed=True)

    assert isinstance(settle(file, 100.0, SETTINGS), Unsettled)
    assert isinstance(settle(file, 3000.0, SETTINGS), Unsettled)
    assert settle(file, 3700.0, SETTINGS) == PatienceOver("empty")


def test_a_file_with_an_odd_end_settles_after_a_longer_quiet_period() -> None:
    file = _pending(closed=True)
    file.send_back(_not_ready("incomplete: no %%EOF", RetryOn.QUIET), 100.1)

    assert settle(file, 101.0, SETTINGS) == Unsettled("incomplete: no %%EOF", 220.0)
    assert settle(file, 220.0, SETTINGS) == Settled()


def test_a_change_restarts_the_longer_quiet_period() -> None:
    file = _pending()
    file.send_back(_not_ready("incomplete: no %%EOF", RetryOn.QUIET), 102.0)
    file.update(FileSnapshot(PATH, 20, 2, 1), 200.0)

    assert settle(file, 202.0, SETTINGS) == Settled()  # the claim step checks its end again
    file.send_back(_not_ready("incomplete: no %%EOF", RetryOn.QUIET), 202.0)
    assert settle(file, 220.0, SETTINGS) == Unsettled("incomplete: no %%EOF", 320.0)


def test_a_version_that_was_tried_waits_for_a_change_or_the_end_of_patience() -> None:
    file = _pending()
    file.send_back(_not_ready("it does not open", RetryOn.CHANGE), 230.0)

    assert settle(file, 3000.0, SETTINGS) == Unsettled("it does not open", 3700.0)
    assert settle(file, 3700.0, SETTINGS) == PatienceOver("it does not open")
    file.update(FileSnapshot(PATH, 20, 2, 1), 3600.0)
    assert settle(file, 3602.0, SETTINGS) == Settled()


def test_patience_may_be_shorter_than_the_longer_quiet_period() -> None:
    file = _pending()
    file.send_back(_not_ready("incomplete: no %%EOF", RetryOn.QUIET), 102.0)
    short = SettleSettings(quiet=2.0, patience=60.0, doubtful=120.0)

    assert settle(file, 160.0, short) == PatienceOver("incomplete: no %%EOF")


def test_a_file_that_cant_be_read_waits_for_ever_and_is_tried_every_minute() -> None:
    file = _pending()
    for day in range(30):
        file.send_back(_not_ready("no rights", RetryOn.REACH), 100.0 + day * 86400)
    tried = file.answered_at

    assert settle(file, tried + 59.0, SETTINGS) == Unsettled("no rights", tried + 60.0)
    assert settle(file, tried + 60.0, SETTINGS) == Settled()
