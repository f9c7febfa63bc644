"""Listing the inbox: every name of it, but no more questions to a share than are needed.

Names that are new are to be looked at now. Of those that were found in order before (in hand, or done and kept)
each listing picks a part, so that 100,000 of them cost a share 200 questions a second and not 100,000 at once.
A long listing is spread over half of the interval between two.
"""

import fnmatch
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence

IGNORED = (".*", "~*", "*.part", "*.tmp", "*.crdownload", "thumbs.db", "desktop.ini", "@eadir")
SLICE = 500  # directory entries after which others have their turn
AGAIN = 200.0  # familiar names a second that are looked at again
SPREAD = 2.5  # seconds over which a listing is spread at most
LONGEST = 0.05  # seconds after one slice: the files that are waited for have their turn as well


class Listing:
    """The names below one folder. Belongs to one thread."""

    def __init__(self, root: bytes, unreadable: Callable[[bytes, OSError], None]) -> None:
        """``unreadable`` is told of folders that can't be listed."""
        self._root = root
        self._unreadable = unreadable
        self._familiar: set[bytes] = set()
        self._number = 0
        self._slices = 0  # of the last full listing
        self._entered = 0
        self._failed = False  # a folder could not be listed to its end
        self.folders = 0  # at the last full listing, this one included
        self.pause = 0.0  # seconds to wait after a slice
        self.ignore(())

    def ignore(self, patterns: Sequence[str]) -> None:
        """Pass these names over, beside those that are nobody's documents."""
        every = (*IGNORED, *(pattern.lower() for pattern in patterns))
        self._passed_over = re.compile("|".join(map(fnmatch.translate, every))).match

    def ignored(self, path: bytes) -> bool:
        """Whether a part of the path is on the list."""
        return any(self._passed_over(part) for part in os.fsdecode(path).lower().split("/"))

    def note(self, path: bytes) -> None:
        """This one is in order; looking at it again can wait."""
        self._familiar.add(path)

    def forget(self, path: bytes) -> None:
        """This one is not there any more, or is to be watched."""
        self._familiar.discard(path)

    def all(self, interval: float, hurry: bool) -> Iterator[bytes | None]:
        """Paths to look at, of the whole inbox; None after each slice. ``interval``: seconds until the next time."""
        self._number += 1
        rounds = 1 + int(len(self._familiar) / (AGAIN * interval))
        spread = min(interval / 2, SPREAD)
        self.pause = 0.0 if hurry or not self._slices else min(LONGEST, spread / self._slices)
        there: set[bytes] = set()
        slices, self._failed = 0, False
        for path in self.below(b""):
            if path is None:
                slices += 1
                yield None
                continue
            if path not in self._familiar or (zlib.crc32(path) + self._number) % rounds == 0:
                yield path
            if path in self._familiar:
                there.add(path)
        self._slices = slices
        if not self._failed:
            self._familiar &= there
            self.folders = self._entered

    def below(self, folder: bytes) -> Iterator[bytes | None]:
        """Every path below ``folder`` that is no folder and not ignored; None after each slice."""
        count = 0
        folders = [folder]
        self._entered = 0
        while folders:
            parent = folders.pop()
            self._entered += 1
            try:
                with os.scandir(
                    os.path.join(self._root, parent) if parent else self._root
                ) as found:
                    for entry in found:
                        path = os.path.join(parent, entry.name)
                        if path in self._familiar:
                            yield path
                        elif not self._passed_over(os.fsdecode(entry.name).lower()):
                            if entry.is_dir(follow_symlinks=False):
                                folders.append(path)
                            else:
                                yield path
                        count += 1
                        if count % SLICE == 0:
                            yield None
            except OSError as error:
                self._failed = True
                self._unreadable(parent, error)
