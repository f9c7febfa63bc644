"""Make an intake for tests of the watcher, with real queues and with lists in place of the journal."""

import queue

from scanmend.document import FileSnapshot
from scanmend.intake.intake_log import Intake, IntakeLog
from scanmend.intake.work_queue import WorkQueue
from scanmend.store.reopening import Lesson
from scanmend.store.unclaimed import Unclaimed


class RecordedLog(IntakeLog):
    """An intake log that keeps its records in lists and dictionaries."""

    def __init__(self) -> None:
        """Start with no known file."""
        self.known: set[tuple[bytes, tuple[int, int, int]]] = set()
        self.lookups = 0  # number of calls of is_known
        self.waiting: dict[bytes, str] = {}  # path -> reason
        self.gone: list[bytes] = []
        self.never_completed: list[bytes] = []
        self.refused: list[tuple[bytes, str]] = []
        self.unclaimed: Unclaimed = ()
        self.kept_lessons: dict[str, Lesson] = {}
        self.away: list[str | None] = []  # reason of each outage; None: the inbox is back

    def is_known(self, snapshot: FileSnapshot) -> bool:
        self.lookups += 1
        return (snapshot.path, snapshot.identity) in self.known

    def first_seen(self, path: bytes) -> float | None:
        return None

    def record_waiting(self, snapshot: FileSnapshot, first_seen: float, reason: str) -> None:
        self.waiting[snapshot.path] = reason

    def record_gone(self, path: bytes) -> None:
        self.gone.append(path)

    def record_never_completed(self, snapshot: FileSnapshot, reason: str, patience: float) -> None:
        self.never_completed.append(snapshot.path)
        self.known.add((snapshot.path, snapshot.identity))

    def record_refused(self, snapshot: FileSnapshot, reason: str) -> None:
        self.refused.append((snapshot.path, reason))

    def record_unclaimed(self, groups: Unclaimed) -> None:
        self.unclaimed = groups

    def lessons(self) -> dict[str, Lesson]:
        return self.kept_lessons

    def record_lesson(self, folder: str, lesson: Lesson) -> None:
        self.kept_lessons = {**self.kept_lessons, folder: lesson}

    def record_inbox_away(self, reason: str) -> None:
        self.away.append(reason)

    def record_inbox_back(self) -> None:
        self.away.append(None)


def new_intake(log: IntakeLog) -> Intake:
    """Return an intake with empty queues and this log."""
    return Intake(queue.SimpleQueue(), WorkQueue(), log)


def take_all(intake: Intake) -> list[FileSnapshot]:
    """Take all files that wait for the claim step."""
    return [intake.claims.get(0) for _ in range(len(intake.claims))]
