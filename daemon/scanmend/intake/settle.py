"""Decide when a waiting file may be claimed: a pure function of what the watcher saw and of the monotonic clock.

A quiet file need not be complete: scanners pause between pages for longer than any quiet period. So the claim step
looks into a quiet file. A file that it sends back waits here, with growing pauses, until it changes or
``settle.patience`` is over. A file whose end merely looks odd is handed over after ``settle.doubtful`` without a
change; if it does not open then, it waits for a change.
"""

from dataclasses import dataclass

from scanmend.backoff import back_off
from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.intake.events import InWorkElsewhere, NotReady, RetryOn

LONGEST_PAUSE = 60.0  # seconds between two looks at a file that the claim step sent back
EMPTY_STEP = (
    10.0  # seconds of waiting after which the pause between two looks at an empty file doubles
)


@dataclass(slots=True)
class PendingFile:
    """What the watcher knows of one file that is not claimed yet. Times are monotonic, but for ``first_seen``."""

    snapshot: FileSnapshot
    changed_at: float  # the last change that the watcher saw, or the first look
    first_seen: float  # seconds since the epoch, for people
    problem: NotReady | InWorkElsewhere | None = None  # the claim step's last answer
    problem_at: float = 0.0
    problems: int = 0  # answers in a row since the last change
    recorded_reason: str = ""  # the reason that the journal has; empty: it has none
    look_at: float = 0.0  # the next look that is scheduled
    in_claim: bool = False  # the claim step has it and has not answered

    @property
    def in_work_elsewhere(self) -> bool:
        """Return whether another daemon works on this file."""
        return isinstance(self.problem, InWorkElsewhere)

    def update(self, snapshot: FileSnapshot, now: float) -> None:
        """Take note of how the file is now. ``closed`` holds until the file changes again."""
        if snapshot.identity != self.snapshot.identity:
            self.snapshot, self.changed_at = snapshot, now
            self.problem, self.problems = None, 0
        elif snapshot.closed and not self.snapshot.closed:
            self.snapshot, self.problem = snapshot, None

    def send_back(self, answer: NotReady | InWorkElsewhere, now: float) -> None:
        """Take note that the claim step did not take the file."""
        self.in_claim = False
        self.problem, self.problem_at = answer, now
        self.problems += 1


@dataclass(frozen=True, slots=True)
class Settled:
    """The file may be claimed."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The file must wait, for ``reason``; decide again at ``again_at`` (monotonic)."""

    reason: str
    again_at: float


@dataclass(frozen=True, slots=True)
class PatienceOver:
    """The file waited for ``settle.patience`` without a change; ``reason`` is why it could not be claimed."""

    reason: str


def settle(
    file: PendingFile, now: float, settings: SettleSettings
) -> Settled | Unsettled | PatienceOver:
    """Decide on one file. mtimes are only compared for equality: a share's clock may be ahead of ours."""
    unchanged = now - file.changed_at
    match file.problem:
        case InWorkElsewhere(reason=reason, retry_within=longest):
            return _after_pause(file, reason, now, first=settings.quiet, longest=longest)
        case NotReady(reason=reason) if unchanged >= settings.patience:
            return PatienceOver(reason)
        case NotReady(reason=reason, retry_on=RetryOn.CHANGE):
            return Unsettled(reason, file.changed_at + settings.patience)
        case NotReady(reason=reason, retry_on=RetryOn.QUIET):
            again_at = file.changed_at + settings.doubtful
            return Settled() if now >= again_at else Unsettled(reason, again_at)
        case NotReady(reason=reason):
            return _after_pause(file, reason, now, first=settings.quiet, longest=LONGEST_PAUSE)
    if file.snapshot.size == 0:
        if unchanged >= settings.patience:
            return PatienceOver("empty")
        return Unsettled("empty", now + back_off(int(unchanged / EMPTY_STEP), settings.quiet))
    if file.snapshot.closed or unchanged >= settings.quiet:
        return Settled()
    return Unsettled("still growing", file.changed_at + settings.quiet)


def _after_pause(
    file: PendingFile, reason: str, now: float, *, first: float, longest: float
) -> Settled | Unsettled:
    again_at = file.problem_at + back_off(file.problems - 1, first, longest)
    return Settled() if now >= again_at else Unsettled(reason, again_at)
