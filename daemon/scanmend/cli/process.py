"""`scanmend process`: the daemon's own steps, once, for files that are named; originals stay where they are."""

import os
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace

from scanmend.backends.ocr_engines import choose
from scanmend.cli import progress
from scanmend.config.profiles import Profile, load_profiles
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.correction.lexicon import shipped
from scanmend.document import ACTIVE, Document, State
from scanmend.errors import ConfigError, Damaged, ScanmendError, UsageError, show
from scanmend.intake.completeness import Doubtful, Incomplete, is_complete
from scanmend.intake.inbox import Inbox
from scanmend.pipeline.pipeline import Pipeline, workers
from scanmend.store import naming
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts
from scanmend.telemetry import log

_LOOK = 0.1  # seconds between two looks at the journal


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
            once = replace(settings, folders=folders, originals="keep",
                           settle=replace(settings.settle, doubtful=0))  # fmt: skip
            failed = _process_folder(once, profiles, engine, names) or failed
    return failed


def _check(file: str) -> str:
    """The file's folder; an error that names the file when it can't be processed."""
    if not os.path.isfile(file):
        raise UsageError(
            f"{show(os.fsencode(file))}: {'not a file' if os.path.exists(file) else 'no such file'}"
        )
    with open(file, "rb") as opened:
        verdict = is_complete(opened, os.path.getsize(file))
    if isinstance(verdict, Incomplete) and not isinstance(verdict, Doubtful):
        raise Damaged(f"{show(os.fsencode(file))}: not whole: {verdict.why}; scan or copy it again")
    return os.path.dirname(os.path.abspath(file))


def _process_folder(
    settings: Settings, profiles: dict[str, Profile], engine: str, names: list[str]
) -> int:
    for name in ("archive", "failed"):
        os.mkdir(getattr(settings.folders, name))
    journal = Journal.open(settings.folders.state)
    roots = {
        n: Root(getattr(settings.folders, n), None)
        for n in ("inbox", "outbox", "archive", "failed")
    }
    inbox = Inbox(roots["inbox"], Parts(settings.folders.state))
    line = Pipeline(settings, profiles, journal, engine, roots, lambda _: None)
    line.publish.keep_failed = True
    line.read.again = None
    refused: list[str] = []
    line.claim.unsettled = lambda seen, why, *_: refused.append(f"{show(seen.path)}: {why}")
    line.start(min(workers(settings), 8))
    try:
        for name in names:
            seen = inbox.seen(os.fsencode(name))
            if seen:
                line.claim.submit(replace(seen, waited=True))
        documents = _watch(journal, len(names), refused)
    except KeyboardInterrupt:
        line.kill()
        raise
    finally:
        line.close(0.0 if sys.exc_info()[0] else settings.grace)
        journal.close()
    return _report(documents, refused)


def _watch(journal: Journal, expected: int, refused: list[str]) -> list[Document]:
    """Wait until every document and its attachments have their final state, with a progress bar on a terminal."""
    final = (State.DONE, State.FAILED, State.GONE)
    started = time.monotonic()
    while True:
        ended = list(journal.in_state(*final))
        if sys.stderr.isatty():
            _bar(journal, ended, expected, time.monotonic() - started)
        files = sum(document.part is None for document in ended)
        # attachments enter the line at the moment when their file leaves it
        if files + len(refused) >= expected and not any(journal.in_state(*ACTIVE, limit=1)):
            progress.end()
            return list(journal.in_state(*final))
        time.sleep(_LOOK)


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
