"""Record in the journal the files that are not claimed yet."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from scanmend.document import FactKey, FileSnapshot, State
from scanmend.durations import duration_text
from scanmend.errors import NeverCompleted, show
from scanmend.intake.events import Events
from scanmend.intake.lease import Leases
from scanmend.intake.work_queue import WorkQueue
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.store.reopening import Lesson, from_json
from scanmend.store.unclaimed import Unclaimed, as_json
from scanmend.telemetry import log

REFUSED = "refused"  # the outcome of a link, a device … in the inbox


class IntakeLog:
    """The journal's records of waiting files. Any thread may write; nearly all records come from the watcher."""

    def __init__(self, journal: Journal, leases: Leases, results: WorkQueue[int]) -> None:
        """Write to this journal. ``results`` takes the id of each document whose original must be put away."""
        self._journal = journal
        self._leases = leases
        self._results = results
        self._log = log.get("watch")

    def is_known(self, snapshot: FileSnapshot) -> bool:
        """Return whether this very file is in work, or is done and stays in the inbox."""
        return self._journal.in_hand(snapshot)

    def first_seen(self, path: bytes) -> float | None:
        """Return when a recorded waiting file was first seen, in seconds since the epoch; else None."""
        waiting = self._journal.waiting(path)
        return waiting.first_seen if waiting else None

    def record_waiting(self, snapshot: FileSnapshot, first_seen: float, reason: str) -> None:
        """Record that a file waits, or that its reason changed."""
        self._log.info("waiting", document=show(snapshot.path), reason=reason)
        self._journal.note_waiting(snapshot, first_seen, reason)

    def record_gone(self, path: bytes) -> None:
        """Record that a waiting file was taken away; do nothing if it has no record."""
        waiting = self._journal.waiting(path)
        if waiting:
            self._journal.move(waiting, State.GONE, "taken out of the inbox before it was complete")
            self._log.info("gone", document=waiting.name)

    def record_never_completed(self, snapshot: FileSnapshot, reason: str, patience: float) -> None:
        """Fail a file that stayed unfinished for ``patience`` seconds, unless another daemon has its lease."""
        with self._leases.claiming(snapshot.path) as holder:
            if holder:
                return
            document = self._journal.note_waiting(snapshot, time.time(), reason)
            message = f"{document.name}: never completed ({reason}) for {duration_text(patience)} (settle.patience)"
            error = NeverCompleted(message, "send it again")
            self._journal.move(document, State.PUTTING_AWAY, str(error), outcome=error.code)
            self._results.put(document.id)

    def record_refused(self, snapshot: FileSnapshot, reason: str) -> None:
        """Record something that is no regular file (a link, a device …) as failed, and leave it where it is."""
        if self._journal.in_hand(snapshot):  # recorded before a restart
            return
        document = self._journal.note_waiting(snapshot, time.time(), reason)
        message = f"{document.name}: {reason}"
        document = self._journal.move(document, State.PUTTING_AWAY, message, outcome=REFUSED)
        self._journal.move(document, State.FAILED, message, kept=True)
        self._log.warning("refused", document=document.name, reason=reason)

    def record_unclaimed(self, groups: Unclaimed) -> None:
        """Record what waits unclaimed, by reason, for `scanmend status`."""
        self._journal.facts.remember(Memory.UNCLAIMED, "", as_json(groups))

    def lessons(self) -> dict[str, Lesson]:
        """Return the lessons about scanners that open files again, by sub-folder."""
        kept = self._journal.facts.recall_all(Memory.REOPEN)
        return {folder: from_json(fact.value) for folder, fact in kept.items()}

    def record_lesson(self, folder: str, lesson: Lesson) -> None:
        """Keep the lesson of a sub-folder for later runs."""
        self._journal.facts.remember(Memory.REOPEN, folder, lesson.as_json())

    def record_inbox_away(self, reason: str) -> None:
        """Record that the inbox can't be trusted."""
        self._journal.facts.set(FactKey.INBOX, "away", reason)

    def record_inbox_back(self) -> None:
        """Record that the inbox can be trusted again."""
        self._journal.facts.clear(FactKey.INBOX)


@dataclass(frozen=True, slots=True)
class Intake:
    """The watcher's connection to the steps: its incoming events, the files to claim, its records.

    ``obstacle`` returns why the claim step takes no file now; "" if it does.
    """

    events: Events
    claims: WorkQueue[FileSnapshot]
    log: IntakeLog
    obstacle: Callable[[], str] = str
