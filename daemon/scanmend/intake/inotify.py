"""watchdog, the one door to it: the kernel's events as hints for the watcher."""

import contextlib
import logging
import os
import queue
from collections.abc import Callable
from dataclasses import dataclass

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from scanmend.intake.settle import Until

# It waits this long for the other half of a rename, and holds up all that comes after it; its half a second
# delayed the next scan each time that an original was moved to the archive. The halves do as well for us.
InotifyMoveEventGrouper.delay = 0.02

Observer = InotifyObserver

_FILES = {"created", "modified", "closed", "moved"}


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this path of the inbox; ``kind``: look, closed, folder, scan, unsettled or claimed."""

    path: bytes
    kind: str  # look, closed, folder, scan, unsettled, claimed
    why: str = ""
    retry_within: float = 0.0  # seconds; of one that another daemon has
    until: Until = Until.RETRY


def observe(root: bytes, put: Callable[[Hint], None]) -> Observer:
    """A running observer of the folder and all below; OSError when the kernel's limits don't allow it."""
    observer = InotifyObserver(
        generate_full_events=True
    )  # so that a rename into the inbox is told as one
    try:
        observer.schedule(_Handler(root, put), root, recursive=True)  # type: ignore[arg-type]
        observer.start()
    except OSError:
        end(observer)
        raise
    return observer


def alive(observer: Observer) -> bool:
    """Whether the observer and its emitters, which are threads of their own, still run."""
    return observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)


def watches() -> int:
    """How many folders the kernel watches for this process: watchdog says nothing of those that it could not have."""
    count = 0
    for name in os.listdir("/proc/self/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/self/fdinfo/{name}", "rb") as file:
            count += file.read().count(b"inotify wd:")
    return count


def end(observer: Observer) -> None:
    """Stop it, whether it has been started or not."""
    if observer.is_alive():
        observer.stop()
        observer.join(5)
    else:
        observer.on_thread_stop()


class _Handler(FileSystemEventHandler):
    """Turns events into hints; never raises, or watchdog's thread would end."""

    def __init__(self, root: bytes, put: Callable[[Hint], None]) -> None:
        self._prefix = root.rstrip(b"/") + b"/"
        self._put = put

    def dispatch(self, event: FileSystemEvent) -> None:
        if event.event_type not in _FILES:
            return
        moved = event.event_type == "moved"
        for path in (event.src_path, event.dest_path) if moved else (event.src_path,):
            raw = os.fsencode(path)
            if raw.startswith(self._prefix):
                arrived = moved and path == event.dest_path
                self._put(Hint(raw[len(self._prefix) :], self._kind(event, arrived)))

    def _kind(self, event: FileSystemEvent, arrived: bool) -> str:
        if event.is_directory:
            return "folder" if event.event_type in ("created", "moved") else "look"
        return "closed" if arrived or event.event_type == "closed" else "look"


class OverflowListener(logging.Handler):
    """watchdog only logs that the kernel's queue overflowed: then the folder is scanned."""

    def __init__(self, hints: "queue.SimpleQueue[Hint]") -> None:
        super().__init__(logging.WARNING)
        self._hints = hints

    def emit(self, record: logging.LogRecord) -> None:
        if "lost" in record.getMessage() or "overflow" in record.getMessage().lower():
            self._hints.put(Hint(b"", "scan"))
