"""Turn the kernel's file events (inotify) into events of the watcher. No other module imports watchdog."""

import contextlib
import logging
import os
import warnings

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from scanmend.intake.events import Events, EventsLost, FolderArrived, Look, WatcherEvent

RENAME_PAIRING_SECONDS = 0.02
# that an observer may take to end; then its thread, a daemon thread, is left behind
STOP_SECONDS = 5.0
_RELEVANT = {"created", "modified", "closed", "moved"}

Observer = InotifyObserver


def shorten_rename_pairing() -> None:
    """Make watchdog wait 20 ms, not half a second, for the second event of a rename.

    Watchdog holds back all later events meanwhile. So with its half second, each original that was moved to the archive
    delayed the next scan. The watcher can use an unpaired event just as well. Watchdog has no argument for this; the
    class attribute is its documented default, and a test fails when a new version stops reading it.
    """
    InotifyMoveEventGrouper.delay = RENAME_PAIRING_SECONDS


def observe(root: bytes, events: Events) -> Observer:
    """Start and return an observer of the folder and all below it. Raise OSError when a kernel limit forbids it."""
    shorten_rename_pairing()
    # watchdog gives all folders that it may not watch the number -1, and warns of each one after the first
    warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
    # with full events, a rename from outside into the inbox is reported as a rename
    observer = InotifyObserver(generate_full_events=True)
    try:
        observer.schedule(_Handler(root, events), root, recursive=True)  # type: ignore[arg-type]
        observer.start()
    except OSError:
        stop(observer)
        raise
    return observer


def is_alive(observer: Observer) -> bool:
    """Return whether the observer and its emitters, which are threads of their own, still run."""
    return observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)


def count_watches() -> int:
    """Return how many folders the kernel watches for this process: watchdog hides which it could not watch."""
    count = 0
    for name in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{name}", "rb") as file:
            count += file.read().count(b"inotify wd:")
    return count


def stop(observer: Observer) -> None:
    """Stop the observer, whether or not it was started."""
    if observer.is_alive():
        observer.stop()
        observer.join(STOP_SECONDS)
    else:
        observer.on_thread_stop()


class _Handler(FileSystemEventHandler):
    """Turns watchdog's events into the watcher's. Never raises, or watchdog's thread would end."""

    def __init__(self, root: bytes, events: Events) -> None:
        self._prefix = root.rstrip(b"/") + b"/"
        self._events = events

    def dispatch(self, event: FileSystemEvent) -> None:
        if event.event_type not in _RELEVANT:
            return
        moved = event.event_type == "moved"
        for path in (event.src_path, event.dest_path) if moved else (event.src_path,):
            raw = os.fsencode(path)
            if raw.startswith(self._prefix):
                arrived = moved and path == event.dest_path
                self._events.put(_translated(raw[len(self._prefix) :], event, arrived=arrived))


def _translated(path: bytes, event: FileSystemEvent, *, arrived: bool) -> WatcherEvent:
    if event.is_directory and event.event_type in ("created", "moved"):
        return FolderArrived(path)
    is_file = not event.is_directory
    closed = is_file and (arrived or event.event_type == "closed")
    return Look(path, closed=closed, written=is_file and event.event_type == "modified")


class OverflowListener(logging.Handler):
    """Asks for a scan when the kernel's queue overflowed, which watchdog reports only in its log."""

    def __init__(self, events: Events) -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Ask for a scan if the log entry is about lost events."""
        if "lost" in record.getMessage() or "overflow" in record.getMessage().lower():
            self._events.put(EventsLost())
