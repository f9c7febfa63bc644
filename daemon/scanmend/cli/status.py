"""`scanmend status`: show what is waiting, in work and failed, and why. It works while the daemon hangs or is dead."""

import argparse
import dataclasses
import json
import time
import urllib.parse
from typing import Any

from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.document import Document, Fact, FactKey, State
from scanmend.durations import duration_text
from scanmend.errors import show
from scanmend.service.status import (
    IN_WORK,
    Status,
    read_status,
    time_text,
    troubles,
    unclaimed_text,
)

_INDENT = " " * 10


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "status", "show what is waiting, in work and failed, and the model's state"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument(
        "--check",
        action="store_true",
        help="for monitoring: print what is wrong, and exit with 1 if anything is",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the status; with --check, return 1 if something is wrong."""
    settings = load_config(options)
    status = read_status(settings)
    now = time.time()
    found = troubles(status, now)
    if options.json:
        print(json.dumps({**as_json(status), "troubles": found}, indent=1))
    elif options.check:
        print("\n".join(found) or "ok")
    else:
        print(as_text(status, settings.folders.inbox, now))
    return 1 if options.check and found else 0


def as_text(status: Status, inbox: str, now: float) -> str:
    """Return the status for people, with some lines for each state. ``now``: seconds since the epoch."""
    lines = [
        _line("daemon", f"running, process {status.process}" if status.process else "not running"),
        _line("inbox", inbox),
        _line(
            "waiting",
            f"{status.count(State.SETTLING)} incomplete, {status.count(State.QUEUED)} queued",
        ),
    ]
    for document in status.waiting:
        since = time_text(document.first_seen)
        waited = duration_text(max(0.0, now - document.first_seen))
        lines.append(f"{_INDENT}{document.name}: {document.reason}, since {since} ({waited})")
    if status.unclaimed:
        lines.append(_line("unclaimed", sum(group.count for group in status.unclaimed)))
        lines += [f"{_INDENT}{unclaimed_text(group)}" for group in status.unclaimed]
    for folder, hold in status.holds.items():
        name = show(urllib.parse.unquote_to_bytes(folder)) or "."
        why = (
            f"{duration_text(hold)} after each close; its scanner opens files again (settle.reopen)"
        )
        lines.append(_line("held", f"PDFs and TIFFs in {name}: {why}"))
    lines.append(_line("in work", status.count(*IN_WORK)))
    for document, finished in status.in_work:
        pages = f"{finished} of {document.pages or '?'} pages"
        wait = f", {document.reason}" if document.waits else ""
        lines.append(f"{_INDENT}{document.name}: {document.state}, {pages}{wait}")
    lines.append(_line("done", status.count(State.DONE)))
    lines.append(_line("failed", status.count(State.FAILED)))
    lines += [f"{_INDENT}{_reason(d)} ({time_text(d.since)})" for d in status.failed]
    facts: dict[str, Fact] = {FactKey.MODEL: Fact("not loaded", "", 0.0), **status.facts}
    lines += [_line(key, _fact_text(fact)) for key, fact in facts.items()]
    return "\n".join(lines)


def _line(label: str, value: object) -> str:
    return f"{label:<9} {value}"


def _reason(document: Document) -> str:
    """Return the reason of a failure, preceded by the document's name unless the reason begins with it."""
    base = document.name.rsplit("/", 1)[-1]
    if document.reason.startswith((document.name, base)):
        return document.reason
    return f"{document.name}: {document.reason}"


def _fact_text(fact: Fact) -> str:
    reason = f": {fact.reason}" if fact.reason else ""
    since = f", since {time_text(fact.since)}" if fact.since else ""
    return f"{fact.value}{reason}{since}"


def as_json(status: Status) -> dict[str, Any]:
    """Return the status for programs. The keys are part of the contract."""
    return {
        "running": status.process is not None,
        "process": status.process,
        "counts": {state.value: status.count(state) for state in State},
        "waiting": [
            {"path": d.name, "reason": d.reason, "since": d.first_seen} for d in status.waiting
        ],
        "held": {
            show(urllib.parse.unquote_to_bytes(folder)): hold
            for folder, hold in status.holds.items()
        },
        "unclaimed": [dataclasses.asdict(group) for group in status.unclaimed],
        "in_work": [
            {
                "path": d.name,
                "state": d.state,
                "pages": d.pages,
                "pages_done": finished,
                "reason": d.reason,
            }
            for d, finished in status.in_work
        ],
        "failed": [
            {"path": d.name, "reason": d.reason, "kind": d.outcome, "since": d.since}
            for d in status.failed
        ],
        "facts": {key: dataclasses.asdict(fact) for key, fact in status.facts.items()},
    }
