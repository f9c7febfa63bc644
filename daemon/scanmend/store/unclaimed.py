"""Count what waits unclaimed in the inbox, by reason: the watcher records it, `scanmend status` reads it."""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from scanmend.errors import show

# groups of one reason: some reasons name a page or a program, and the record must stay small
MAX_GROUPS = 50
OTHER_REASONS = "other reasons"


@dataclass(frozen=True, slots=True)
class UnclaimedFile:
    """One file or folder that waits.

    ``since``: when it changed last, or was first found to be out of reach, in seconds since the epoch.
    """

    path: bytes
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class UnclaimedGroup:
    """The files that wait for one reason. ``oldest``: the path, for people, of the one that waits longest.

    ``since``: of that file, as in ``UnclaimedFile``.
    """

    reason: str
    count: int
    since: float
    oldest: str

    def tells_the_same(self, other: "UnclaimedGroup") -> bool:
        """Return whether people would see no difference: moments that differ by less than a second are the same."""
        same = dataclasses.replace(self, since=other.since) == other
        return same and abs(self.since - other.since) < 1


Unclaimed = tuple[UnclaimedGroup, ...]


def grouped(files: Iterable[UnclaimedFile]) -> Unclaimed:
    """Return the waiting files by reason, the group that waits longest first."""
    counts: dict[str, int] = {}
    oldest: dict[str, UnclaimedFile] = {}
    for file in files:
        known = file.reason in counts or len(counts) < MAX_GROUPS
        reason = file.reason if known else OTHER_REASONS
        counts[reason] = counts.get(reason, 0) + 1
        if reason not in oldest or file.since < oldest[reason].since:
            oldest[reason] = file
    groups = [
        UnclaimedGroup(reason, count, oldest[reason].since, show(oldest[reason].path))
        for reason, count in counts.items()
    ]
    return tuple(sorted(groups, key=lambda group: group.since))


def tells_the_same(a: Unclaimed, b: Unclaimed) -> bool:
    """Return whether people would see no difference between two counts."""
    return len(a) == len(b) and all(x.tells_the_same(y) for x, y in zip(a, b, strict=True))


def as_json(groups: Unclaimed) -> str:
    """Return the groups as JSON, for the journal."""
    return json.dumps([dataclasses.astuple(group) for group in groups])


def from_json(text: str) -> Unclaimed:
    """Return the groups in the journal's JSON."""
    return tuple(UnclaimedGroup(*group) for group in json.loads(text))
