"""`scanmend process`: process files once, with the daemon's steps; the originals stay in place."""

import argparse
import os
import queue
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from scanmend.backends.ocr_engines import choose
from scanmend.cli import progress
from scanmend.cli.arguments import (
    Commands,
    add_command,
    add_profile,
    ensure_temp_folder,
    load_config,
)
from scanmend.config.profiles import load_profiles
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.correction.lexicon import shipped
from scanmend.document import ACTIVE, Document, State
from scanmend.errors import ConfigError, Damaged, ScanmendError, UsageError, show
from scanmend.intake.completeness import Incomplete, is_complete
from scanmend.intake.events import Events, InWorkElsewhere, NotReady
from scanmend.pipeline.context import Context
from scanmend.pipeline.folders import Roots
from scanmend.pipeline.pipeline import Pipeline, count_workers
from scanmend.store import naming
from scanmend.store.journal import Journal
from scanmend.telemetry import log

JOURNAL_POLL_SECONDS = 0.1  # between two looks into the journal
MAX_WORKERS = 8  # more would not pay off, as each worker must load its engine first
FINAL_STATES = (State.DONE, State.FAILED, State.GONE)


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "process", "process files once, without the daemon; the originals stay"
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a scan or a PDF")
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="where the results go (default: this folder)"
    )
    add_profile(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Process the files; return 0 if all are published, else the exit code of the last failure."""
    settings = load_config(options, or_shipped=True)
    level = "warning" if sys.stderr.isatty() else "info"  # a terminal shows a progress bar
    log.set_up(replace(settings.log, level=level))
    os.makedirs(options.out, exist_ok=True)
    ensure_temp_folder(options.out)
    context = _context(settings, options.profile)
    exit_code = 0
    names_by_folder: dict[str, list[str]] = defaultdict(list)
    for file in options.files:
        try:
            names_by_folder[_checked_folder(file)].append(os.path.basename(file))
        except ScanmendError as error:
            print(f"scanmend: {error}", file=sys.stderr)
            exit_code = error.exit_code
    for folder, names in names_by_folder.items():
        exit_code = (
            _process_folder(context, folder, names, os.path.abspath(options.out)) or exit_code
        )
    return exit_code


def _context(settings: Settings, profile: str | None) -> Context:
    """Return the context that all files of one call share.

    Raises ConfigError, EngineUnusable, or MachineError if the lexicon is missing.
    """
    profiles = load_profiles(settings)
    if profile and profile not in profiles:
        what = f"--profile {profile}: no such profile in {settings.profiles.directory}"
        raise ConfigError(what)
    if profile:
        for_all_files = replace(settings.profiles, default=profile, folders={})
        settings = replace(settings, profiles=for_all_files)
    shipped()  # without the lexicon every page would wait for it
    chosen = choose(settings)
    log.get("process").info("engine", engine=chosen.engine, reason=chosen.reason)
    return Context(settings, profiles, chosen.engine, one_shot=True)


def _checked_folder(file: str) -> str:
    """Return the folder of a file. Raises UsageError if there is no such file, Damaged if it is incomplete."""
    name = show(os.fsencode(file))
    if not os.path.isfile(file):
        raise UsageError(f"{name}: {'not a file' if os.path.exists(file) else 'no such file'}")
    with open(file, "rb") as opened:
        verdict = is_complete(opened, os.path.getsize(file))
    if isinstance(verdict, Incomplete):
        raise Damaged(f"{name}: incomplete: {verdict.why}", "scan or copy it again")
    return os.path.dirname(os.path.abspath(file))


def _process_folder(context: Context, folder: str, names: Sequence[str], out: str) -> int:
    """Process files of one folder, which serves as the inbox of a separate pipeline; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="scanmend-") as scratch:
        folders = FoldersSettings(
            inbox=folder,
            outbox=out,
            archive=os.path.join(scratch, "archive"),
            failed=os.path.join(scratch, "failed"),
            state=scratch,
        )
        os.mkdir(folders.archive)
        os.mkdir(folders.failed)
        settings = replace(
            context.settings,
            folders=folders,
            originals="keep",
            settle=replace(context.settings.settle, doubtful=0),
            watch=replace(context.settings.watch, shared=False),
        )
        return _run_pipeline(replace(context, settings=settings), names)


def _run_pipeline(context: Context, names: Sequence[str]) -> int:
    """Process the files of the inbox with these names; return the exit code."""
    settings = context.settings
    journal = Journal.open(settings.folders.state)
    events: Events = queue.SimpleQueue()
    pipeline = Pipeline(context, journal, Roots.of(settings.folders, lambda _: None), events)
    pipeline.start(min(count_workers(settings), MAX_WORKERS))
    try:
        for name in names:
            snapshot = pipeline.inbox.snapshot(os.fsencode(name))
            if snapshot:
                pipeline.intake.claims.put(replace(snapshot, waited=True))
        refusals = _wait(journal, len(names), events)
        documents = list(journal.in_state(*FINAL_STATES))
    except KeyboardInterrupt:
        pipeline.kill()
        raise
    finally:
        pipeline.close(0.0 if sys.exc_info()[0] else settings.grace)
        journal.close()
    return _report(documents, refusals)


def _wait(journal: Journal, expected: int, events: Events) -> list[str]:
    """Wait until all files and their attachments are finished; return the reasons for refused files."""
    refusals: list[str] = []
    started = time.monotonic()
    while True:
        refusals += _new_refusals(events)
        finished = list(journal.in_state(*FINAL_STATES))
        files = sum(document.part is None for document in finished)
        if sys.stderr.isatty():
            files_text = f"file {min(files + 1, expected)} of {expected}, " if expected > 1 else ""
            _draw_progress(journal, finished, files_text, time.monotonic() - started)
        # a file's attachments become documents at the moment when the file is finished
        if files + len(refusals) >= expected and not any(journal.in_state(*ACTIVE, limit=1)):
            progress.end()
            return refusals
        time.sleep(JOURNAL_POLL_SECONDS)


def _new_refusals(events: Events) -> list[str]:
    """Return the reasons for files that the claim step has refused since the last call."""
    reasons = []
    while not events.empty():
        event = events.get()
        if isinstance(event, NotReady | InWorkElsewhere):
            reasons.append(f"{show(event.path)}: {event.reason}")
    return reasons


def _draw_progress(
    journal: Journal, finished: Sequence[Document], files_text: str, seconds: float
) -> None:
    """Draw the progress bar, which counts pages; a document counts as one page until its pages are known."""
    active = list(journal.in_state(*ACTIVE))
    pages = sum(document.pages or 1 for document in [*active, *finished])
    finished_pages = sum(document.pages or 1 for document in finished)
    finished_pages += sum(len(journal.pages.progress(document.id)[1]) for document in active)
    left = progress.time_left(finished_pages, pages, seconds)
    page = min(finished_pages + 1, pages)
    progress.draw(finished_pages, pages, f"{files_text}page {page} of {pages}{left}")


def _report(documents: Sequence[Document], refusals: Sequence[str]) -> int:
    """Print the result of each document; return the exit code."""
    exit_code = Damaged.exit_code if refusals else 0
    for reason in refusals:
        print(f"scanmend: {reason}", file=sys.stderr)
    for document in sorted(documents, key=lambda d: d.id):
        if document.state == State.DONE:
            text = naming.result_path(
                b"", document.path, document.stem or "", naming.TEXT_EXTENSION
            )
            print(f"{document.name}: {text.decode()}")
        else:
            print(f"scanmend: {document.reason}", file=sys.stderr)
            exit_code = Damaged.exit_code
    return exit_code
