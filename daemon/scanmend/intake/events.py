"""The messages to the watcher: from the kernel's observer, from the claim step, and from the other steps."""

import enum
import queue
from dataclasses import dataclass


class RetryOn(enum.Enum):
    """The condition for which the watcher waits before it hands a file to the claim step again."""

    TIMER = "a pause that grows"
    QUIET = "settle.doubtful without a change"
    CHANGE = "a change of the file: this version was tried and does not open"
    CLOSE = "the end of its writer, for which it is looked at again and again"
    REACH = "a pause that grows, for ever: the file can't be read now, which is not its fault"


@dataclass(frozen=True, slots=True)
class Look:
    """Look at this path.

    ``closed``: its writer closed it, or it was renamed into place. ``written``: a program wrote to it, and has not closed
    it yet.
    """

    path: bytes
    closed: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True)
class FolderArrived:
    """A folder was made in the inbox, or renamed into it: look at all files below it."""

    path: bytes


@dataclass(frozen=True, slots=True)
class ScanNow:
    """Scan the whole inbox."""


@dataclass(frozen=True, slots=True)
class EventsLost:
    """Events of the kernel may have been lost: scan the whole inbox, and trust no close to be reported."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claim step took this file: stop waiting for it."""

    path: bytes


@dataclass(frozen=True, slots=True)
class NotReady:
    """The claim step can't take this file yet, for ``reason``."""

    path: bytes
    reason: str
    retry_on: RetryOn = RetryOn.TIMER


@dataclass(frozen=True, slots=True)
class InWorkElsewhere:
    """Another daemon works on this file.

    That daemon may die, so the watcher tries the file again after ``retry_within`` seconds at most, for ever.
    """

    path: bytes
    reason: str
    retry_within: float


@dataclass(frozen=True, slots=True)
class Unrelated:
    """The file of this path came back within a minute, but with another document than the one before."""

    path: bytes


WatcherEvent = (
    Look | FolderArrived | ScanNow | EventsLost | Claimed | NotReady | InWorkElsewhere | Unrelated
)
Events = queue.SimpleQueue[WatcherEvent]
