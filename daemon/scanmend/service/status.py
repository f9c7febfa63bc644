"""Report the daemon's status from the journal alone, which works even if the daemon hangs or is dead."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scanmend.config.settings import Settings
from scanmend.document import ACTIVE, Document, Fact, FactKey, State
from scanmend.store import reopening, unclaimed
from scanmend.store.facts import Memory
from scanmend.store.lock import running
from scanmend.store.queries import JournalReader
from scanmend.store.unclaimed import Unclaimed, UnclaimedGroup

MAX_LISTED = 10  # documents that a report lists per state
UNCLAIMED_SECONDS = 300.0  # after which a file that waits unclaimed counts as trouble
OUTAGE_SECONDS = 300.0  # after which a share that is away, or a full disk, counts as trouble
NO_PROGRESS_SECONDS = 1800.0  # after which work without any progress counts as trouble


@dataclass(frozen=True, slots=True)
class Status:
    """The daemon's status at one moment.

    ``process``: the daemon's process id; None if none runs. The lists hold at most ``MAX_LISTED`` documents. Times are
    seconds since the epoch.
    """

    process: int | None
    counts: Mapping[State, int] = field(default_factory=dict)
    waiting: Sequence[Document] = ()  # unclaimed files that the journal has recorded
    in_work: Sequence[tuple[Document, int]] = ()  # with the number of finished pages
    failed: Sequence[Document] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    unclaimed: Unclaimed = ()  # what waits unclaimed in the inbox, as the daemon counted it last
    # sub-folder, percent-encoded -> seconds for which its PDFs and TIFFs are held, because its scanner opens files again
    holds: Mapping[str, float] = field(default_factory=dict)
    # when the unfinished document that waits longest was first seen; 0: none waits
    oldest: float = 0.0
    last_write: float = 0.0  # when the journal was last written

    def count(self, *states: State) -> int:
        """Return how many documents are in these states."""
        return sum(self.counts.get(state, 0) for state in states)


IN_WORK = (State.READING, State.PUBLISHING, State.PUTTING_AWAY)


def read_status(settings: Settings) -> Status:
    """Read the status from the journal in the state folder. Raise ConfigError or MachineError if it can't be read."""
    process = running(settings.folders.state)
    journal = JournalReader.open_beside(settings.folders.state)
    if journal is None:
        return Status(process)
    try:
        in_work = list(journal.in_state(*ACTIVE[1:], limit=MAX_LISTED))
        return Status(
            process,
            counts=journal.counts(),
            waiting=journal.latest(State.SETTLING, MAX_LISTED),
            in_work=[(d, sum(map(len, journal.pages.progress(d.id)))) for d in in_work],
            failed=journal.latest(State.FAILED, MAX_LISTED),
            facts=journal.facts.all(),
            holds=_holds(settings, journal),
            unclaimed=_unclaimed(journal),
            oldest=journal.waiting_since(),
            last_write=journal.last_write(),
        )
    finally:
        journal.close()


def _unclaimed(journal: JournalReader) -> Unclaimed:
    fact = journal.facts.recall(Memory.UNCLAIMED)
    return unclaimed.from_json(fact.value) if fact else ()


def _holds(settings: Settings, journal: JournalReader) -> dict[str, float]:
    """Return ``Status.holds``; empty if ``settle.reopen`` sets one duration for all folders."""
    if settings.settle.reopen is not None:
        return {}
    kept = journal.facts.recall_all(Memory.REOPEN).items()
    holds = {folder: reopening.from_json(fact.value).hold for folder, fact in kept}
    return {folder: hold for folder, hold in holds.items() if hold}


def troubles(status: Status, now: float) -> list[str]:
    """Return the problems for an administrator, one line each. ``now``: seconds since the epoch."""
    found = []
    if status.process is None:
        found.append("no daemon is running; start it: systemctl start scanmend, or scanmend run")
    for key in (FactKey.INBOX, FactKey.PUBLISH):
        fact = status.facts.get(key)
        if fact and now - fact.since > OUTAGE_SECONDS:
            found.append(f"{key} {fact.value} since {time_text(fact.since)}: {fact.reason}")
    found += [
        f"waits in the inbox: {unclaimed_text(group)}"
        for group in status.unclaimed
        if now - group.since > UNCLAIMED_SECONDS
    ]
    for document, _ in status.in_work:
        stuck = document.waits and document.state in (State.PUBLISHING, State.PUTTING_AWAY)
        if stuck and now - document.since > OUTAGE_SECONDS:
            found.append(f"{document.name} is {document.state}: {document.reason}")
    if status.in_work and status.process and now - status.last_write > NO_PROGRESS_SECONDS:
        document, _ = status.in_work[0]
        since = time_text(status.last_write)
        found.append(f"no progress since {since}, though {document.name} is in work")
    return found


def unclaimed_text(group: UnclaimedGroup) -> str:
    """Return a group of unclaimed files in words for people."""
    since = time_text(group.since)
    if group.count == 1:
        return f"{group.oldest}: {group.reason}, since {since}"
    return f"{group.count}: {group.reason}, since {since} (the oldest: {group.oldest})"


def summary(journal: JournalReader) -> str:
    """Return the daemon's status in one line, from its open journal."""
    status = Status(None, journal.counts())
    waiting = status.count(State.SETTLING, State.QUEUED)
    in_work, done = status.count(*IN_WORK), status.count(State.DONE)
    failed = status.count(State.FAILED)
    parts = [f"{waiting} waiting, {in_work} in work, {done} done, {failed} failed"]
    for key, fact in journal.facts.all().items():
        if key == FactKey.ENGINE:
            continue  # it never changes while the daemon runs
        text = f"{key} {fact.value}"
        parts.append(text if key == FactKey.MODEL else f"{text}: {fact.reason}")
    return "; ".join(parts)


def time_text(seconds: float) -> str:
    """Return a moment, in seconds since the epoch, as local time for people."""
    moment = datetime.datetime.fromtimestamp(seconds).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S")
