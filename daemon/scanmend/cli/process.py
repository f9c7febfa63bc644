"""`scanmend process`: the daemon's own steps, once, for files that are named; originals stay where they are."""

import os
import queue
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace

from scanmend.backends.ocr_engines import choose
from scanmend.cli import progress
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

_LOOK = 0.1  # seconds between two looks at the journal
_MAX_WORKERS = 8  # pages at the same time; each worker's process must load its engine first


def process(settings: Settings, files: list[str], out: str, profile: str | None) -> int:
    """Process the files; 0 when all are published, else the exit code of the first failure's class."""
    os.makedirs(out, exist_ok=True)
    if profile:
        settings = replace(
            settings, profiles=replace(settings.profiles, default=profile, folders={})
        )
    profiles = load_profiles(settings)
    if profile and profile not in profiles:
        raise ConfigError(f"--profile {profile}: no such profile in {settings.profiles.directory}")
    engine = choose(settings).engine
    shipped()  # without it every page would wait for it
    quiet = replace(
        settings, log=replace(settings.log, level="warning" if sys.stderr.isatty() else "info")
    )
    log.set_up(quiet.log)
    by_folder: dict[str, list[str]] = defaultdict(list)
    failed = 0
    for file in files:
        try:
            by_folder[_check(file)].append(os.path.basename(file))
        except ScanmendError as error:
            print(f"scanmend: {error}", file=sys.stderr)
            failed = error.exit_code
    for folder, names in by_folder.items():
        with tempfile.TemporaryDirectory(prefix="scanmend-") as scratch:
            folders = FoldersSettings(folder, os.path.abspath(out), os.path.join(scratch, "archive"),
                              os.path.join(scratch, "failed"), scratch)  # fmt: skip
            once = replace(
                settings,
                folders=folders,
                originals="keep",
                settle=replace(settings.settle, doubtful=0),
                watch=replace(settings.watch, shared=False),
            )
            context = Context(once, profiles, engine, one_shot=True)
            failed = _process_folder(context, names) or failed
    return failed


def _check(file: str) -> str:
    """The file's folder; an error that names the file when it can't be processed."""
    if not os.path.isfile(file):
        raise UsageError(
            f"{show(os.fsencode(file))}: {'not a file' if os.path.exists(file) else 'no such file'}"
        )
    with open(file, "rb") as opened:
        verdict = is_complete(opened, os.path.getsize(file))
    if isinstance(verdict, Incomplete):
        raise Damaged(f"{show(os.fsencode(file))}: not whole: {verdict.why}; scan or copy it again")
    return os.path.dirname(os.path.abspath(file))


def _process_folder(context: Context, names: list[str]) -> int:
    """Process files of one folder, which is the inbox of a pipeline of its own. Return the exit code."""
    settings = context.settings
    for name in ("archive", "failed"):
        os.mkdir(getattr(settings.folders, name))
    journal = Journal.open(settings.folders.state)
    events: Events = queue.SimpleQueue()
    pipeline = Pipeline(context, journal, Roots.of(settings.folders, lambda _: None), events)
    pipeline.start(min(count_workers(settings), _MAX_WORKERS))
    refused: list[str] = []
    try:
        for name in names:
            snapshot = pipeline.inbox.snapshot(os.fsencode(name))
            if snapshot:
                pipeline.intake.claims.put(replace(snapshot, waited=True))
        documents = _watch(journal, len(names), events, refused)
    except KeyboardInterrupt:
        pipeline.kill()
        raise
    finally:
        pipeline.close(0.0 if sys.exc_info()[0] else settings.grace)
        journal.close()
    return _report(documents, refused)


def _watch(journal: Journal, expected: int, events: Events, refused: list[str]) -> list[Document]:
    """Wait until every document and its attachments have their final state, with a progress bar on a terminal.

    Append to ``refused`` why the claim step did not take a file.
    """
    final = (State.DONE, State.FAILED, State.GONE)
    started = time.monotonic()
    while True:
        refused += _refusals(events)
        ended = list(journal.in_state(*final))
        if sys.stderr.isatty():
            _bar(journal, ended, expected, time.monotonic() - started)
        files = sum(document.part is None for document in ended)
        # attachments are queued at the moment when their file leaves the queue
        if files + len(refused) >= expected and not any(journal.in_state(*ACTIVE, limit=1)):
            progress.end()
            return list(journal.in_state(*final))
        time.sleep(_LOOK)


def _refusals(events: Events) -> list[str]:
    """Return the claim step's new answers that a file is not ready."""
    found = []
    while not events.empty():
        event = events.get()
        if isinstance(event, NotReady | InWorkElsewhere):
            found.append(f"{show(event.path)}: {event.reason}")
    return found


def _bar(journal: Journal, ended: list[Document], expected: int, seconds: float) -> None:
    active = list(journal.in_state(*ACTIVE))
    pages = sum(d.pages or 1 for d in [*active, *ended])
    done = sum(d.pages or 1 for d in ended) + sum(
        len(journal.pages.progress(d.id)[1]) for d in active
    )
    files = sum(document.part is None for document in ended)
    progress.bar(done, pages, f"{done}/{pages} pages, {files}/{expected} files, {seconds:.0f} s")


def _report(documents: list[Document], refused: list[str]) -> int:
    code = Damaged.exit_code if refused else 0
    for reason in refused:
        print(f"scanmend: {reason}", file=sys.stderr)
    for document in sorted(documents, key=lambda d: d.id):
        if document.state == State.DONE:
            text = naming.result_path(b"", document.path, document.stem or "", naming.TEXT)
            print(f"{document.name}: {os.fsdecode(text)}")
        else:
            print(f"scanmend: {document.reason}", file=sys.stderr)
            code = Damaged.exit_code
    return code
