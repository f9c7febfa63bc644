"""List the names in the inbox, with as few requests to a share as possible.

A scan returns every new name. Names are in order if their files are claimed, or are done and kept; of these, each scan
returns only a part, so that 100,000 of them cost a share 200 requests a second and not 100,000 at once. A long scan is
spread over half of the interval between two scans, at most ``MAX_SPREAD_SECONDS``.
"""

import fnmatch
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence

# names that are no documents, in lower case: hidden and temporary files, unfinished downloads, locks, files that systems
# leave in folders, and folders where systems and NAS devices keep deleted files and snapshots
ALWAYS_IGNORED = (
    *(".*", "~*", "*.tmp", "*.swp", "*.lock"),
    *("*.part", "*.partial", "*.filepart", "*.crdownload", "*.download", "*.opdownload"),
    *("*.aria2", "*.!ut"),
    *("thumbs.db", "desktop.ini", "@eadir"),
    *("#recycle", "@recycle", "$recycle.bin", "recycler", "network trash folder"),
    *("@recently-snapshot", "#snapshot", "temporary items"),
    *("system volume information", "lost+found"),
)
SLICE_ENTRIES = 500  # directory entries after which a scan lets the watcher do its other work
RECHECKS_PER_SECOND = 200.0  # of names in order
MAX_SPREAD_SECONDS = 2.5  # over which one scan is spread
MAX_SLICE_PAUSE_SECONDS = 0.05  # after one slice


class SliceEnd:
    """The end of a slice in a scan, after which the watcher does its other work."""


SLICE_END = SliceEnd()


class Scanner:
    """Lists the names below one folder. Belongs to one thread."""

    def __init__(self, root: bytes, on_unreadable: Callable[[bytes, OSError], None]) -> None:
        """List below ``root``. ``on_unreadable`` is called with each folder that can't be listed, and its error."""
        self._root = root
        self._on_unreadable = on_unreadable
        self._in_order: set[bytes] = set()
        self._scans = 0
        self._slices = 0  # of the last full scan
        self._folders_listed = 0
        self._unlisted: list[
            bytes
        ] = []  # folders that the last full scan could not list to their end
        self.folders = 0  # listed by the last full scan, the root included
        self.pause = 0.0  # seconds to wait after a slice
        self.ignore(())

    def ignore(self, patterns: Sequence[str]) -> None:
        """Ignore names that match these patterns (as in fnmatch), besides those in ``ALWAYS_IGNORED``."""
        every = (*ALWAYS_IGNORED, *(pattern.lower() for pattern in patterns))
        self._matches_ignored = re.compile("|".join(map(fnmatch.translate, every))).match

    def ignored(self, path: bytes) -> bool:
        """Return whether a name on the path is ignored."""
        return any(self._matches_ignored(part) for part in os.fsdecode(path).lower().split("/"))

    def mark_in_order(self, path: bytes) -> None:
        """Remember that this path is in order, so that only some scans return it."""
        self._in_order.add(path)

    def forget(self, path: bytes) -> None:
        """Forget a path that is gone, or whose file waits."""
        self._in_order.discard(path)

    def scan(self, interval: float, *, hurry: bool) -> Iterator[bytes | SliceEnd]:
        """Yield the paths of the whole inbox that need a look, and SLICE_END after each slice.

        ``interval``: seconds until the next scan. ``hurry``: don't spread this scan over time.
        """
        self._scans += 1
        rounds = 1 + int(len(self._in_order) / (RECHECKS_PER_SECOND * interval))
        spread = min(interval / 2, MAX_SPREAD_SECONDS)
        at_once = hurry or not self._slices
        self.pause = 0.0 if at_once else min(MAX_SLICE_PAUSE_SECONDS, spread / self._slices)
        still_there: set[bytes] = set()
        slices, self._unlisted = 0, []
        for path in self.walk(b""):
            if isinstance(path, SliceEnd):
                slices += 1
                yield path
                continue
            if path not in self._in_order or (zlib.crc32(path) + self._scans) % rounds == 0:
                yield path
            if path in self._in_order:
                still_there.add(path)
        self._slices = slices
        self.folders = self._folders_listed
        if self._unlisted:
            still_there.update(filter(self._is_below_unlisted, self._in_order - still_there))
        self._in_order &= still_there

    def _is_below_unlisted(self, path: bytes) -> bool:
        """Return whether the path may exist in a folder that could not be listed."""
        return any(not folder or path.startswith(folder + b"/") for folder in self._unlisted)

    def walk(self, folder: bytes) -> Iterator[bytes | SliceEnd]:
        """Yield every path below ``folder`` that is neither a folder nor ignored, and SLICE_END after each slice."""
        entries = 0
        folders = [folder]
        self._folders_listed = 0
        while folders:
            parent = folders.pop()
            absolute = os.path.join(self._root, parent) if parent else self._root
            try:
                with os.scandir(absolute) as found:
                    self._folders_listed += 1
                    for entry in found:
                        path = os.path.join(parent, entry.name)
                        if path in self._in_order:
                            yield path
                        elif not self._matches_ignored(os.fsdecode(entry.name).lower()):
                            if entry.is_dir(follow_symlinks=False):
                                folders.append(path)
                            else:
                                yield path
                        entries += 1
                        if entries % SLICE_ENTRIES == 0:
                            yield SLICE_END
            except OSError as error:
                self._unlisted.append(parent)
                self._on_unreadable(parent, error)
