"""When is a file whole? A pure function of what was seen and of the monotonic clock.

Quiet is not complete: scanners pause between pages for longer than any quiet period. So the claim step
looks into a quiet file, and what it finds missing makes the file wait here, with growing pauses, until it
changes or the patience is at its end. A file whose end is merely odd is handed over after ``settle.doubtful``
of quiet; when it does not open then, it waits for a change.
"""

import enum
from dataclasses import dataclass

from scanmend.backoff import back_off
from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot


class Until(enum.Enum):
    """What a file that the claim step sent back waits for."""

    RETRY = "another look, after a pause that grows"
    QUIET = "settle.doubtful of quiet"
    CHANGE = "a change of the file; this version was tried and does not open"


@dataclass(slots=True)
class Track:
    """What is known of one file that is not claimed yet; moments by the monotonic clock."""

    seen: FileSnapshot
    changed_at: float  # the file was seen to change, or first seen
    first_seen: float  # wall clock, for people
    problem: str = ""  # why the claim step sent it back
    problem_at: float = 0.0
    problems: int = 0  # in a row, since the last change
    until: Until = Until.RETRY  # what it waits for, when it has a problem
    noted: str = ""  # the reason that the journal has
    due: float = 0.0  # when it is looked at next
    retry_within: float = (
        0.0  # another daemon has it: looked at again after this long at most, and for ever
    )
    claimed: bool = False  # handed to the claim step, answer awaited

    def update(self, seen: FileSnapshot, now: float) -> None:
        """The file as it is now; ``closed`` stays until it changes again."""
        if seen.identity != self.seen.identity:
            self.seen, self.changed_at, self.problem, self.problems = seen, now, "", 0
            self.retry_within = 0.0
        elif seen.closed and not self.seen.closed:
            self.seen, self.problem = seen, ""

    def send_back(
        self, why: str, now: float, retry_within: float = 0.0, until: Until = Until.RETRY
    ) -> None:
        """The claim step found it not ready, or with ``retry_within``, in work elsewhere."""
        self.claimed = False
        self.until = until
        self.retry_within = retry_within
        self.problem, self.problem_at = why, now
        self.problems += 1


@dataclass(frozen=True, slots=True)
class Quiet:
    """To be claimed."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """Look again at ``again_at`` (monotonic)."""

    why: str
    again_at: float


@dataclass(frozen=True, slots=True)
class NeverCompleted:
    """The patience is at its end."""

    why: str


def settle(track: Track, now: float, settings: SettleSettings) -> Quiet | NotYet | NeverCompleted:
    """Decide on one file. An mtime in the future is normal, so it is only compared, never reckoned with."""
    why = track.problem or ("empty" if track.seen.size == 0 else "")
    unchanged = now - track.changed_at
    if why and unchanged >= settings.patience and not track.retry_within:
        return NeverCompleted(why)
    if track.problem and track.until is Until.CHANGE:
        return NotYet(why, track.changed_at + settings.patience)
    if track.problem and track.until is Until.QUIET:
        again_at = track.changed_at + settings.doubtful
        return Quiet() if now >= again_at else NotYet(why, again_at)
    if track.problem:
        most = track.retry_within or 60.0
        again_at = track.problem_at + back_off(track.problems - 1, first=settings.quiet, most=most)
        return Quiet() if now >= again_at else NotYet(why, again_at)
    if track.seen.size == 0:
        return NotYet(why, now + back_off(int(unchanged / 10), first=settings.quiet))
    if track.seen.closed or unchanged >= settings.quiet:
        return Quiet()
    return NotYet("still growing", track.changed_at + settings.quiet)
