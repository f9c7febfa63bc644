"""What is going on, read from the journal alone: it answers while the daemon hangs, or is dead."""

import dataclasses
import datetime
from dataclasses import dataclass
from typing import Any

from scanmend.config.settings import Settings
from scanmend.document import ACTIVE, Document, Fact, FactKey, State
from scanmend.store.lock import running
from scanmend.store.queries import JournalReader

_LISTED = 10
SHORT_WHILE = 300.0  # seconds that a share may be away, or a disk full, before it is trouble
LONG_WHILE = 1800.0  # seconds without any progress, though there is work


@dataclass(frozen=True, slots=True)
class Status:
    """The report; counts by state, the documents that a person may want to know of, and the facts."""

    process: int | None
    counts: dict[State, int]
    waiting: list[Document]
    working: list[tuple[Document, int]]  # with the pages that are done
    failed: list[Document]
    facts: dict[str, Fact]
    oldest: float = 0.0  # when the document that waits longest was first seen; 0: none waits
    moved: float = 0.0  # when anything was written into the journal


def troubles(status: Status, now: float) -> list[str]:
    """What an administrator must know, in one line each; empty when all is well. ``now`` since the epoch."""
    wrong = []
    if status.process is None:
        wrong.append("no daemon is running; start it: systemctl start scanmend, or scanmend run")
    for key in ("inbox", "publish"):
        if key in status.facts:
            fact = status.facts[key]
            if now - fact.since > SHORT_WHILE:
                wrong.append(f"{key} {fact.value} since {_when(fact.since)}: {fact.reason}")
    if status.working and status.process and now - status.moved > LONG_WHILE:
        name = status.working[0][0].name
        wrong.append(f"nothing has moved since {_when(status.moved)}, though {name} is in work")
    return wrong


def look(settings: Settings) -> Status:
    """Read the journal of this configuration's state folder."""
    process = running(settings.folders.state)
    journal = JournalReader.open_beside(settings.folders.state)
    if journal is None:
        return Status(process, {}, [], [], [], {})
    try:
        working = list(journal.in_state(*ACTIVE[1:], limit=_LISTED))
        return Status(
            process,
            journal.counts(),
            journal.latest(State.SETTLING, _LISTED),
            [(d, sum(map(len, journal.pages.progress(d.id)))) for d in working],
            journal.latest(State.FAILED, _LISTED),
            journal.facts.all(),
            journal.waiting_since(),
            journal.last_write(),
        )
    finally:
        journal.close()


def summary(journal: JournalReader) -> str:
    """One line of what is going on, from a journal that is open."""
    count = journal.counts()
    working = sum(count.get(s, 0) for s in (State.READING, State.PUBLISHING, State.PUTTING_AWAY))
    waiting = count.get(State.SETTLING, 0) + count.get(State.QUEUED, 0)
    parts = [
        f"{waiting} waiting, {working} in work, {count.get(State.DONE, 0)} done, {count.get(State.FAILED, 0)} failed"
    ]
    for key, fact in journal.facts.all().items():
        told = f"{key} {fact.value}"
        parts.append(told if key == FactKey.MODEL else f"{told}: {fact.reason}")
    return "; ".join(parts)


def as_text(status: Status, settings: Settings) -> str:
    """The report for a person."""
    count = {state: status.counts.get(state, 0) for state in State}
    working = count[State.READING] + count[State.PUBLISHING] + count[State.PUTTING_AWAY]
    out = [
        f"daemon    {f'running, process {status.process}' if status.process else 'not running'}",
        f"inbox     {settings.folders.inbox}",
        f"waiting   {count[State.SETTLING]} not complete yet, {count[State.QUEUED]} in line",
    ]
    out += [f"          {d.name}: {d.reason}, since {_when(d.first_seen)}" for d in status.waiting]
    out.append(f"in work   {working}")
    out += [
        f"          {d.name}: {d.state}, {done} of {d.pages or '?'} pages"
        + (f", {d.reason}" if d.waits else "")
        for d, done in status.working
    ]
    out.append(f"done      {count[State.DONE]}")
    out.append(f"failed    {count[State.FAILED]}")
    out += [f"          {_named(d)} ({_when(d.since)})" for d in status.failed]
    model = status.facts.get(FactKey.MODEL, Fact("not loaded", "", 0.0))
    out.append(
        f"model     {model.value}"
        + (f": {model.reason}" if model.reason else "")
        + (f", since {_when(model.since)}" if model.since else "")
    )
    for key, fact in status.facts.items():
        if key != FactKey.MODEL:
            out.append(f"{key:<9} {fact.value}: {fact.reason}, since {_when(fact.since)}")
    return "\n".join(out)


def as_json(status: Status) -> dict[str, Any]:
    """The report for a program."""
    return {
        "running": status.process is not None,
        "process": status.process,
        "counts": {state.value: status.counts.get(state, 0) for state in State},
        "waiting": [
            {"path": d.name, "reason": d.reason, "since": d.first_seen} for d in status.waiting
        ],
        "in_work": [
            {
                "path": d.name,
                "state": d.state,
                "pages": d.pages,
                "pages_done": done,
                "reason": d.reason,
            }
            for d, done in status.working
        ],
        "failed": [
            {"path": d.name, "reason": d.reason, "kind": d.outcome, "since": d.since}
            for d in status.failed
        ],
        "facts": {key: dataclasses.asdict(fact) for key, fact in status.facts.items()},
    }


def _named(document: Document) -> str:
    """The reason, which most often names the file itself."""
    base = document.name.rsplit("/", 1)[-1]
    return (
        document.reason
        if document.reason.startswith((document.name, base))
        else f"{document.name}: {document.reason}"
    )


def _when(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
