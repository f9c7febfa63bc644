"""Quiet, and not yet, by an invented clock."""

from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.intake.settle import NeverCompleted, NotYet, Quiet, Track, Until, settle

SETTINGS = SettleSettings(quiet=2.0, patience=3600.0, doubtful=120.0)


def _track(size: int = 10, closed: bool = False) -> Track:
    return Track(FileSnapshot(b"a.pdf", size, 1, 1, closed), changed_at=100.0, first_seen=0.0)


def test_quiet_after_the_quiet_period() -> None:
    track = _track()

    assert settle(track, 100.0, SETTINGS) == NotYet("still growing", 102.0)
    assert settle(track, 102.0, SETTINGS) == Quiet()


def test_a_change_begins_it_anew() -> None:
    track = _track()
    track.update(FileSnapshot(b"a.pdf", 20, 2, 1), 101.9)

    assert settle(track, 102.0, SETTINGS) == NotYet("still growing", 103.9)


def test_an_mtime_in_the_future_or_past_is_nothing_special() -> None:
    track = _track()
    track.update(FileSnapshot(b"a.pdf", 10, 2**62, 1), 101.0)

    assert settle(track, 103.0, SETTINGS) == Quiet()


def test_a_close_ends_the_wait() -> None:
    assert settle(_track(closed=True), 100.0, SETTINGS) == Quiet()


def test_a_close_counts_for_what_was_closed_only() -> None:
    track = _track(closed=True)
    track.update(FileSnapshot(b"a.pdf", 20, 2, 1), 101.0)

    assert isinstance(settle(track, 101.0, SETTINGS), NotYet)


def test_what_came_back_waits_longer_each_time() -> None:
    track = _track()
    waits = []
    now = 102.0
    for _ in range(8):
        track.send_back("incomplete: no %%EOF", now)
        decision = settle(track, now, SETTINGS)
        assert isinstance(decision, NotYet)
        assert decision.why == "incomplete: no %%EOF"
        waits.append(decision.again_at - now)
        now = decision.again_at
        assert settle(track, now, SETTINGS) == Quiet()

    assert waits == sorted(waits)
    assert waits[0] == 2.0
    assert waits[-1] == 60.0


def test_a_change_forgives() -> None:
    track = _track()
    track.send_back("incomplete", 200.0)
    track.update(FileSnapshot(b"a.pdf", 20, 2, 1), 201.0)

    assert settle(track, 203.0, SETTINGS) == Quiet()


def test_patience_ends() -> None:
    track = _track()
    track.send_back("incomplete: no %%EOF", 3699.0)

    assert isinstance(settle(track, 3699.5, SETTINGS), NotYet)
    assert settle(track, 3700.0, SETTINGS) == NeverCompleted("incomplete: no %%EOF")


def test_an_empty_file_is_waited_for_to_the_end() -> None:
    track = _track(size=0, closed=True)

    assert isinstance(settle(track, 100.0, SETTINGS), NotYet)
    assert isinstance(settle(track, 3000.0, SETTINGS), NotYet)
    assert settle(track, 3700.0, SETTINGS) == NeverCompleted("empty")


def test_an_odd_end_is_handed_over_after_its_quiet() -> None:
    track = _track(closed=True)
    track.send_back("incomplete: no %%EOF", 100.1, until=Until.QUIET)

    assert settle(track, 101.0, SETTINGS) == NotYet("incomplete: no %%EOF", 220.0)
    assert settle(track, 220.0, SETTINGS) == Quiet()


def test_a_change_begins_that_quiet_anew() -> None:
    track = _track()
    track.send_back("incomplete: no %%EOF", 102.0, until=Until.QUIET)
    track.update(FileSnapshot(b"a.pdf", 20, 2, 1), 200.0)

    assert settle(track, 202.0, SETTINGS) == Quiet()  # the claim looks at its end again
    track.send_back("incomplete: no %%EOF", 202.0, until=Until.QUIET)
    assert settle(track, 220.0, SETTINGS) == NotYet("incomplete: no %%EOF", 320.0)


def test_what_was_tried_waits_for_a_change_or_the_end_of_patience() -> None:
    track = _track()
    track.send_back("it does not open", 230.0, until=Until.CHANGE)

    assert settle(track, 3000.0, SETTINGS) == NotYet("it does not open", 3700.0)
    assert settle(track, 3700.0, SETTINGS) == NeverCompleted("it does not open")
    track.update(FileSnapshot(b"a.pdf", 20, 2, 1), 3600.0)
    assert settle(track, 3602.0, SETTINGS) == Quiet()


def test_patience_may_be_shorter() -> None:
    track = _track()
    track.send_back("incomplete: no %%EOF", 102.0, until=Until.QUIET)
    short = SettleSettings(quiet=2.0, patience=60.0, doubtful=120.0)

    assert settle(track, 160.0, short) == NeverCompleted("incomplete: no %%EOF")
