"""Hold files for scanners that close their file after each page and open it again (``settle.reopen``).

A name that comes back within a minute of being taken teaches how long its sub-folder's scanner pauses. Later PDFs and TIFFs
of this sub-folder are held for that long after each close, so that such a scan gives one result.
"""

import os
import time
import urllib.parse
from dataclasses import dataclass

from scanmend.durations import duration_text
from scanmend.intake.intake_log import IntakeLog
from scanmend.intake.settle import PendingFile
from scanmend.store.reopening import Lesson
from scanmend.telemetry import log

COMES_BACK_SECONDS = 60.0  # after a file was taken, in which its name teaches
MAX_FOLDERS = 1_000  # that have a lesson; beyond these, none is learnt
_EXTENSIONS = (b".pdf", b".tif", b".tiff")


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file that was taken ``at``; ``closed_at``: its last change or close before that. Monotonic seconds."""

    at: float
    closed_at: float
    size: int


class Reopening:
    """The lessons of all sub-folders. Belongs to the watcher's thread."""

    def __init__(self, intake_log: IntakeLog) -> None:
        """Read nothing yet. ``intake_log`` keeps the lessons."""
        self._intake_log = intake_log
        self._lessons: dict[str, Lesson] | None = None
        self._taken: dict[bytes, _Taken] = {}
        self._log = log.get("watch")

    def hold(self, path: bytes, configured: float | None) -> float:
        """Return for how many seconds this file is held after its close. ``configured``: None for auto."""
        if not path.lower().endswith(_EXTENSIONS):
            return 0.0
        return self._lesson(path).hold if configured is None else configured

    def begin(self, file: PendingFile, now: float) -> None:
        """Note in a new file that its name was taken a short while ago, if it was."""
        taken = self._taken.pop(file.snapshot.path, None)
        if taken and now - taken.at <= COMES_BACK_SECONDS:
            file.came_back_after, file.size_before = now - taken.closed_at, taken.size

    def take(self, file: PendingFile, now: float, configured: float | None) -> None:
        """Learn from a file that was taken."""
        path = file.snapshot.path
        if not path.lower().endswith(_EXTENSIONS):
            return
        if configured is not None:
            return
        self._remember(path, _Taken(now, file.last_activity, file.snapshot.size))
        lesson = self._lesson(path)
        file.end_pause()
        gaps = list(file.gaps)
        # a program that only touches the file, such as a virus scanner, does not make it grow
        if file.came_back_after is not None and file.snapshot.size > file.size_before:
            gaps.insert(0, file.came_back_after)
        for gap in gaps:
            lesson = lesson.confirmed(min(gap, COMES_BACK_SECONDS), time.time())
        if not gaps and file.hold:
            lesson = lesson.missed()
        self._keep(path, lesson)

    def _remember(self, path: bytes, taken: _Taken) -> None:
        """Remember a file that was taken, and forget those of more than a minute ago; they are in order of time."""
        self._taken.pop(path, None)
        self._taken[path] = taken
        while taken.at - self._taken[oldest := next(iter(self._taken))].at > COMES_BACK_SECONDS:
            del self._taken[oldest]

    def refute(self, path: bytes) -> None:
        """Forget the lesson of a sub-folder in which a name came back with another document."""
        self._keep(path, self._lesson(path).refuted(time.time()))

    def _lesson(self, path: bytes) -> Lesson:
        if self._lessons is None:
            self._lessons = self._intake_log.lessons()
        return self._lessons.get(_folder(path), Lesson())

    def _keep(self, path: bytes, lesson: Lesson) -> None:
        """Store a lesson that has changed, and say so if files are held for another time now."""
        before, folder = self._lesson(path), _folder(path)
        lessons = self._lessons
        if lesson == before or lessons is None:
            return
        if folder not in lessons and len(lessons) >= MAX_FOLDERS:
            return
        self._intake_log.record_lesson(folder, lesson)
        lessons[folder] = lesson
        if lesson.hold != before.hold:
            held = f"held for {duration_text(lesson.hold)}" if lesson.hold else "not held any more"
            self._log.info("scans are " + held, folder=folder or ".", reason="settle.reopen: auto")


def _folder(path: bytes) -> str:
    """Return the sub-folder of a path, percent-encoded: a key for the journal."""
    return urllib.parse.quote_from_bytes(os.path.dirname(path))
