"""Run the steps on the files of one folder for `scanmend process`, and end when nothing goes on."""

import contextlib
import os
import queue
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from scanmend.backends.llm_state import ModelState
from scanmend.cli import progress
from scanmend.document import ACTIVE, Document, FactKey, State
from scanmend.errors import Damaged, FolderGone, MachineError, by_code, show
from scanmend.intake.events import Events, InWorkElsewhere, NotReady
from scanmend.pipeline.context import Context
from scanmend.pipeline.folders import Roots
from scanmend.pipeline.pipeline import Pipeline, count_workers
from scanmend.store import naming
from scanmend.store.journal import Journal

JOURNAL_POLL_SECONDS = 0.1  # between two looks into the journal
MAX_WORKERS = 8  # more would not pay off, as each worker must load its engine first
STALL_SECONDS = 10.0  # without any success while work fails, after which the command ends
FINAL_STATES = (State.DONE, State.FAILED, State.GONE)


def run_pipeline(context: Context, names: Sequence[str]) -> int:
    """Process the files of the inbox with these names; return the exit code.

    Raises MachineError when nothing goes on, because this machine can't do it.
    """
    settings = context.settings
    journal = Journal.open(settings.folders.state)
    events: Events = queue.SimpleQueue()
    roots = Roots.of(settings.folders, lambda _: None)
    for root in roots:
        root.check()  # it remembers the file system, so that one that is unmounted later is missed
    pipeline = Pipeline(context, journal, roots, events)
    pipeline.start(min(count_workers(settings), MAX_WORKERS))
    run = _OneShotRun(pipeline, journal, events, len(names))
    try:
        for name in names:
            snapshot = pipeline.inbox.snapshot(os.fsencode(name))
            if snapshot:
                pipeline.intake.claims.put(replace(snapshot, waited=True))
            else:
                run.refusals.append(f"{show(os.fsencode(name))}: gone")
        stall = run.wait()
        documents = list(journal.in_state(*FINAL_STATES, *(ACTIVE if stall else ())))
    except BaseException:
        pipeline.kill()
        raise
    else:
        if stall:
            pipeline.kill()
    finally:
        hurry = bool(sys.exc_info()[0]) or run.is_stalled
        pipeline.close(0.0 if hurry else settings.grace)
        journal.close()
    exit_code = _report(documents, run.refusals, settings.folders.inbox)
    if stall:
        raise stall
    return exit_code


class _OneShotRun:
    """The wait for all files of one folder, and the reasons for those that were refused."""

    def __init__(self, pipeline: Pipeline, journal: Journal, events: Events, expected: int) -> None:
        self.refusals: list[str] = []
        self.is_stalled = False
        self._pipeline = pipeline
        self._journal = journal
        self._events = events
        self._expected = expected

    def wait(self) -> MachineError | None:
        """Wait until all files and their attachments are finished. Return why nothing goes on, if that comes first."""
        started = time.monotonic()
        while True:
            self.refusals += _new_refusals(self._events)
            finished = list(self._journal.in_state(*FINAL_STATES))
            files = sum(document.part is None for document in finished)
            if sys.stderr.isatty():
                number, expected = min(files + 1, self._expected), self._expected
                files_text = f"file {number} of {expected}, " if expected > 1 else ""
                _draw_progress(self._journal, finished, files_text, time.monotonic() - started)
            # a file's attachments become documents at the moment when the file is finished
            is_over = files + len(self.refusals) >= self._expected
            if is_over and not any(self._journal.in_state(*ACTIVE, limit=1)):
                progress.end()
                return None
            if stall := self._stall():
                progress.end()
                self.is_stalled = True
                return stall
            time.sleep(JOURNAL_POLL_SECONDS)

    def _stall(self) -> MachineError | None:
        """Return why nothing goes on any more; None while something does, such as the download of a model."""
        dead = [*self._pipeline.dead_threads(), *self._pipeline.liveness.overdue()]
        if dead:
            return MachineError(f"a thread ended or hangs: {', '.join(dead)}", "see the log")
        failure = self._pipeline.stalled(STALL_SECONDS)
        if failure is None:
            return None
        model = self._journal.facts.all().get(FactKey.MODEL)
        if model and model.value == ModelState.DOWNLOADING:
            return None
        error = failure.error
        return error if isinstance(error, MachineError) else MachineError(failure.reason, "a bug")


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


def _report(documents: Sequence[Document], refusals: Sequence[str], folder: str) -> int:
    """Print the result of each document; return the exit code. ``folder``: that of the files."""
    exit_code = Damaged.exit_code if refusals else 0
    for reason in refusals:
        print(f"scanmend: {reason}", file=sys.stderr)
    for document in sorted(documents, key=lambda d: d.id):
        if document.state in ACTIVE:
            print(f"scanmend: {document.name}: not finished", file=sys.stderr)
        elif document.state == State.DONE:
            text = naming.result_path(
                b"", document.path, document.stem or "", naming.TEXT_EXTENSION
            )
            with contextlib.suppress(BrokenPipeError):  # nobody reads it; the other files go on
                print(f"{document.name}: {text.decode()}")
        elif document.state == State.GONE and not os.path.isdir(folder):
            print(f"scanmend: {document.name}: its folder {folder} is gone", file=sys.stderr)
            exit_code = FolderGone.exit_code
        else:
            print(f"scanmend: {document.reason}", file=sys.stderr)
            is_machines = isinstance(by_code(document.outcome, ""), MachineError)
            exit_code = (MachineError if is_machines else Damaged).exit_code
    return exit_code
