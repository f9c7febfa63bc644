"""What was learnt of a sub-folder whose scanner closes its file after each page and opens it again.

The watcher learns and applies it, the journal keeps it over restarts, `scanmend status` shows it.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Self

MAX_GAPS = 5  # that a lesson remembers
# The scanner's pauses vary, so a file is held for longer than the longest gap that was seen.
HOLD_PER_GAP, HOLD_MARGIN_SECONDS = 1.5, 1.0
MAX_HOLD_SECONDS = 90.0
# files in a row that were held in vain, after which a lesson is forgotten: many scans have a single page
MAX_MISSES = 10
# after a scan that had nothing to do with the one before of its name, in which the sub-folder teaches nothing
UNRELATED_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """The lesson of one sub-folder.

    ``gaps``: seconds from a file's close to its next opening, the latest last. ``misses``: files in a row that were held
    in vain. ``unrelated_at``: when a scan of an earlier one's name turned out to be another document (seconds since the
    epoch; 0: never); then holding would only let the next scan overwrite it.
    """

    gaps: tuple[float, ...] = ()
    misses: int = 0
    unrelated_at: float = 0.0

    @property
    def hold(self) -> float:
        """Return for how many seconds a file is held after its close; 0: it is not held."""
        if not self.gaps:
            return 0.0
        return min(MAX_HOLD_SECONDS, round(max(self.gaps) * HOLD_PER_GAP + HOLD_MARGIN_SECONDS, 1))

    def confirmed(self, gap: float, now: float) -> Self:
        """Return the lesson after a file was opened again ``gap`` seconds after its close. ``now``: as ``unrelated_at``."""
        if self.unrelated_at and 0 <= now - self.unrelated_at < UNRELATED_SECONDS:
            return self
        return dataclasses.replace(self, gaps=(*self.gaps, round(gap, 3))[-MAX_GAPS:], misses=0)

    def missed(self) -> Self:
        """Return the lesson after a file was held in vain."""
        if self.misses + 1 >= MAX_MISSES:
            return dataclasses.replace(self, gaps=(), misses=0)
        return dataclasses.replace(self, misses=self.misses + 1)

    def refuted(self, now: float) -> Self:
        """Return the lesson after a name came back with another document."""
        return dataclasses.replace(self, gaps=(), misses=0, unrelated_at=now)

    def as_json(self) -> str:
        """Return the lesson as JSON, for the journal."""
        return json.dumps(dataclasses.asdict(self))


def from_json(text: str) -> Lesson:
    """Return the lesson in the journal's JSON."""
    values = json.loads(text)
    return Lesson(tuple(values["gaps"]), values["misses"], values["unrelated_at"])
