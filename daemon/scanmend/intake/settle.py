"""Decide when a waiting file may be claimed: a pure function of the watcher's observations and the monotonic clock.

A quiet file need not be complete: scanners pause between pages for longer than any quiet period. So the claim step
looks into a quiet file. If it sends the file back, the file waits with growing pauses until it changes or
``settle.patience`` is over. A file whose end only looks odd is claimed after ``settle.doubtful`` seconds without a
change; if it does not open then, it waits for a change. A file that can't be read at all waits for ever: its rights or
the share are at fault.
"""

from dataclasses import dataclass

from scanmend.backoff import back_off
from scanmend.config.settings import SettleSettings
from scanmend.document import FileSnapshot
from scanmend.durations import duration_text
from scanmend.intake.events import InWorkElsewhere, NotReady, RetryOn

MAX_PAUSE_SECONDS = 60.0  # between two tries to claim a file
MAX_OPEN_PAUSE_SECONDS = 10.0  # between two looks whether a program still holds a file open
# of waiting, after which the pause between two looks at an empty file doubles
EMPTY_DOUBLING_SECONDS = 10.0


@dataclass(slots=True)
class PendingFile:
    """One file that waits to be claimed. Times are monotonic seconds, except for ``first_seen``."""

    snapshot: FileSnapshot
    changed_at: float  # the last change that the watcher saw, or the first look
    first_seen: float  # seconds since the epoch, for people
    # the claim step's last answer since the last change
    answer: NotReady | InWorkElsewhere | None = None
    answered_at: float = 0.0
    answers: int = 0  # how often it answered since the last change
    reason: str = ""  # why it waits, by the last decision
    recorded_reason: str = ""  # in the journal; empty: the journal has no record
    next_look_at: float = 0.0  # as scheduled
    in_claim: bool = False  # the claim step has it and has not answered
    unclosed: bool = False  # a program wrote to it, and no event told that it closed it
    closed_at: float = 0.0  # the last close that an event told
    hold: float = 0.0  # seconds after its last change or close, for which it is held
    is_resting: bool = False  # it would be taken if it were not held
    pause: tuple[float, int] | None = (
        None  # how long it rested before the last change, and its size then
    )
    gaps: tuple[float, ...] = ()  # of the pauses after which it grew
    # seconds after which its name came back, and the size that it had; None: it was not there before
    came_back_after: float | None = None
    size_before: int = 0

    @property
    def in_work_elsewhere(self) -> bool:
        """Return whether another daemon works on this file."""
        return isinstance(self.answer, InWorkElsewhere)

    @property
    def is_held_open(self) -> bool:
        """Return whether a program held this file open for writing when the claim step looked."""
        return isinstance(self.answer, NotReady) and self.answer.retry_on is RetryOn.CLOSE

    @property
    def last_activity(self) -> float:
        """Return when the file last changed or was closed."""
        return max(self.changed_at, self.closed_at)

    def note_event(self, now: float, *, closed: bool, written: bool) -> None:
        """Note that a program wrote to the file or closed it."""
        if closed or written:
            self.unclosed = written and not closed
        if closed:
            self.closed_at = now
            self.end_pause()

    def end_pause(self) -> None:
        """Count the last pause as a gap if the file grew after it: its writer has closed it, or it is taken."""
        if self.pause and self.snapshot.size > self.pause[1]:
            self.gaps = (*self.gaps, self.pause[0])
        self.pause = None

    def update(self, snapshot: FileSnapshot, now: float) -> None:
        """Replace the snapshot if the file changed, or if its writer closed it."""
        if snapshot.identity != self.snapshot.identity:
            if self.is_resting:
                self.pause, self.is_resting = (now - self.last_activity, self.snapshot.size), False
            self.snapshot, self.changed_at = snapshot, now
            self.answer, self.answers = None, 0
        elif snapshot.closed and (not self.snapshot.closed or self.is_held_open):
            self.snapshot, self.answer = snapshot, None

    def send_back(self, answer: NotReady | InWorkElsewhere, now: float) -> None:
        """Note that the claim step did not claim the file."""
        self.in_claim = False
        self.answer, self.answered_at = answer, now
        self.answers += 1


@dataclass(frozen=True, slots=True)
class Settled:
    """The file may be claimed."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The file must wait, for ``reason``. Decide again at ``again_at`` (monotonic seconds).

    ``is_held``: it waits only for its hold.
    """

    reason: str
    again_at: float
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class PatienceOver:
    """The file did not change for ``settle.patience`` seconds. ``reason``: why it could not be claimed."""

    reason: str


def settle(
    file: PendingFile, now: float, settings: SettleSettings
) -> Settled | Unsettled | PatienceOver:
    """Decide about one file at ``now``. Compare mtimes for equality only: a share's clock may be ahead of ours."""
    unchanged = now - file.changed_at
    match file.answer:
        case InWorkElsewhere(reason=reason, retry_within=longest):
            return _after_pause(file, reason, now, first=settings.quiet, longest=longest)
        case NotReady(reason=reason, retry_on=RetryOn.CLOSE):
            longest = MAX_OPEN_PAUSE_SECONDS
            return _after_pause(file, reason, now, first=settings.quiet, longest=longest)
        case NotReady(reason=reason, retry_on=RetryOn.REACH):
            return _after_pause(file, reason, now, first=settings.quiet, longest=MAX_PAUSE_SECONDS)
        case NotReady(reason=reason) if unchanged >= settings.patience:
            return PatienceOver(reason)
        case NotReady(reason=reason, retry_on=RetryOn.CHANGE):
            return Unsettled(reason, file.changed_at + settings.patience)
        case NotReady(reason=reason, retry_on=RetryOn.QUIET):
            again_at = file.changed_at + settings.doubtful
            return Settled() if now >= again_at else Unsettled(reason, again_at)
        case NotReady(reason=reason):
            return _after_pause(file, reason, now, first=settings.quiet, longest=MAX_PAUSE_SECONDS)
    if file.snapshot.size == 0:
        if unchanged >= settings.patience:
            return PatienceOver("empty")
        doublings = int(unchanged / EMPTY_DOUBLING_SECONDS)
        return Unsettled("empty", now + back_off(doublings, settings.quiet))
    if file.snapshot.closed or unchanged >= settings.quiet:
        held_until = file.last_activity + file.hold
        if now < held_until:
            held = duration_text(file.hold)
            reason = f"held for {held}, in case its scanner opens it again (settle.reopen)"
            return Unsettled(reason, held_until, is_held=True)
        return Settled()
    return Unsettled("still growing", file.changed_at + settings.quiet)


def _after_pause(
    file: PendingFile, reason: str, now: float, *, first: float, longest: float
) -> Settled | Unsettled:
    again_at = file.answered_at + back_off(file.answers - 1, first, longest)
    return Settled() if now >= again_at else Unsettled(reason, again_at)
