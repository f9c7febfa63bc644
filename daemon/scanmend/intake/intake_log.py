"""The journal's records of files that are not claimed yet, as the watcher writes them."""

import time
from dataclasses import dataclass

from scanmend.config.parsers import duration_text
from scanmend.document import FactKey, FileSnapshot, State
from scanmend.errors import NeverCompleted, show
from scanmend.intake.events import Events
from scanmend.intake.lease import Leases
from scanmend.intake.work_queue import WorkQueue
from scanmend.store.journal import Journal
from scanmend.telemetry import log

REFUSED = "refused"  # outcome of something in the inbox that is no regular file


class IntakeLog:
    """The records of waiting files. Any thread may write, but the watcher writes nearly all."""

    def __init__(self, journal: Journal, leases: Leases, results: WorkQueue[int]) -> None:
        """``results`` takes the id of each document whose original is to be put away."""
        self._journal = journal
        self._leases = leases
        self._results = results
        self._log = log.get("watch")

    def is_known(self, snapshot: FileSnapshot) -> bool:
        """Return whether this very file is in work, or was done and stays in the inbox."""
        return self._journal.in_hand(snapshot)

    def first_seen(self, path: bytes) -> float | None:
        """Return when a waiting file was first seen (seconds since the epoch), also before a restart."""
        waiting = self._journal.waiting(path)
        return waiting.first_seen if waiting else None

    def record_waiting(self, snapshot: FileSnapshot, first_seen: float, reason: str) -> None:
        """Record that a file waits, or that its reason changed."""
        self._log.info("waiting", document=show(snapshot.path), reason=reason)
        self._journal.note_waiting(snapshot, first_seen, reason)

    def record_gone(self, path: bytes) -> None:
        """Record that a waiting file is not there any more."""
        waiting = self._journal.waiting(path)
        if waiting:
            self._journal.move(waiting, State.GONE, "taken out of the inbox before it was complete")
            self._log.info("gone", document=waiting.name)

    def record_never_completed(self, snapshot: FileSnapshot, reason: str, patience: float) -> None:
        """Fail a file that stayed unfinished for ``patience`` seconds, unless another daemon was first."""
        with self._leases.claiming(snapshot.path) as holder:
            if holder:
                return
            document = self._journal.note_waiting(snapshot, time.time(), reason)
            what = f"{document.name}: never completed ({reason}) for {duration_text(patience)} (settle.patience)"
            error = NeverCompleted(what, "send it again")
            self._journal.move(document, State.PUTTING_AWAY, str(error), outcome=error.code)
            self._results.put(document.id)

    def record_refused(self, snapshot: FileSnapshot, reason: str) -> None:
        """Record that this is no regular file (a link, a device …). It is left where it is."""
        if self._journal.in_hand(snapshot):  # recorded before a restart
            return
        document = self._journal.note_waiting(snapshot, time.time(), reason)
        said = f"{document.name}: {reason}"
        document = self._journal.move(document, State.PUTTING_AWAY, said, outcome=REFUSED)
        self._journal.move(document, State.FAILED, said, kept=True)
        self._log.warning("refused", document=document.name, reason=reason)

    def record_inbox_away(self, reason: str) -> None:
        """Record that the inbox can't be trusted."""
        self._journal.facts.set(FactKey.INBOX, "away", reason)

    def record_inbox_back(self) -> None:
        """Record that the inbox can be trusted again."""
        self._journal.facts.clear(FactKey.INBOX)


@dataclass(frozen=True, slots=True)
class Intake:
    """What connects the watcher with the steps: its events, the files that it hands on, its records."""

    events: Events
    claims: WorkQueue[FileSnapshot]
    log: IntakeLog
