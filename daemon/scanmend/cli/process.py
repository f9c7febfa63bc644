"""`scanmend process`: process files once, with the daemon's steps; the originals stay in place."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import FrameType

from scanmend.backends.ocr_engines import choose
from scanmend.cli.arguments import (
    Commands,
    add_command,
    add_profile,
    ensure_temp_folder,
    load_config,
)
from scanmend.cli.process_run import run_pipeline
from scanmend.config.profiles import load_profiles
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.correction.lexicon import shipped
from scanmend.errors import (
    ConfigError,
    Damaged,
    FolderGone,
    PathUnusable,
    ScanmendError,
    UsageError,
    machine_error,
    show,
)
from scanmend.intake.completeness import Incomplete, is_complete
from scanmend.pipeline.context import Context
from scanmend.store import atomic
from scanmend.telemetry import log

SIGNAL_EXIT = 128  # plus the signal's number: the exit code after a signal, as in a shell


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
    _make_out(options.out)
    ensure_temp_folder(options.out)
    context = _context(settings, options.profile)
    exit_code = 0
    # a name twice is one file
    names_by_folder: dict[str, dict[str, None]] = defaultdict(dict)
    for file in options.files:
        try:
            folder, name = os.path.split(_checked(file))
            names_by_folder[folder][name] = None
        except ScanmendError as error:
            print(f"scanmend: {error}", file=sys.stderr)
            exit_code = error.exit_code
    with _ended_by(signal.SIGTERM):
        for folder, names in names_by_folder.items():
            out = os.path.abspath(options.out)
            exit_code = _process_folder(context, folder, list(names), out) or exit_code
    return exit_code


def _make_out(out: str) -> None:
    """Make the folder of the results. Raises UsageError if it is none, MachineError if it can't be written."""
    name = f"--out {show(os.fsencode(out))}"
    try:
        os.makedirs(out, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{name}: not a folder") from None
    except OSError as error:
        raise machine_error(error, f"{name} can't be made") from None
    if reason := atomic.why_unwritable(out):
        raise FolderGone(f"{name} can't be written: {reason}", "choose another folder")


@contextlib.contextmanager
def _ended_by(number: signal.Signals) -> Iterator[None]:
    """Let a signal end the block like Ctrl-C, so that children end and temporary files are removed."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(SIGNAL_EXIT + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, end)
    try:
        yield
    finally:
        signal.signal(number, before)


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


def _checked(file: str) -> str:
    """Return the absolute path of a file, or of the file that a link leads to.

    Raises UsageError if there is no such file, PathUnusable if it can't be read, Damaged if it is incomplete.
    """
    name = show(os.fsencode(file))
    if not os.path.isfile(file):
        raise UsageError(f"{name}: {'not a file' if os.path.exists(file) else 'no such file'}")
    try:
        with open(file, "rb") as opened:
            verdict = is_complete(opened, os.path.getsize(file))
    except OSError as error:
        what = f"{name}: can't be read: {error.strerror}"
        raise PathUnusable(what, "let this user read it") from None
    if isinstance(verdict, Incomplete):
        raise Damaged(f"{name}: incomplete: {verdict.why}", "scan or copy it again")
    return os.path.realpath(file) if os.path.islink(file) else os.path.abspath(file)


def _process_folder(context: Context, folder: str, names: Sequence[str], out: str) -> int:
    """Process files of one folder, which serves as the inbox of a separate pipeline; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="scanmend-", ignore_cleanup_errors=True) as scratch:
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
        return run_pipeline(replace(context, settings=settings), names)
