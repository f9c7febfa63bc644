"""Compute how unlikely an engine reads one text where another was printed: the noisy channel.

The costs of single misreadings are data: ``models/channel.json``, which
``models/corrector/fit_channel.py`` counts on pairs of lines as read and as printed.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from scanmend.correction.confusions import CONFUSED_RUNS
from scanmend.errors import MachineError
from scanmend.resources import shipped_file

Nats: TypeAlias = float
"""A negative natural logarithm of a probability."""

CHANNEL_FORMAT = "scanmend channel 1"  # of the file, which names it
CHANNEL_FILE = "models/channel.json"
MAX_PIECE = 2  # characters; a misreading turns a piece of at most so many into another one
UNSEEN_COST: Nats = 9.5  # of a character that was never counted as misread in this way
CONFUSED_RUN_COST: Nats = 7.0  # at most, of a run that published lists of confusions name
CACHED_COSTS = 200_000

_INFINITY = math.inf
_NO_COSTS: Mapping[str, Nats] = {}


@dataclass(frozen=True, slots=True)
class BeginningCosts:
    """What a printed beginning costs against each beginning of a word as read, both in lower case."""

    read: str
    printed: str
    row: tuple[Nats, ...]
    """Entry n: the cost of reading the first n characters of ``read`` where ``printed`` stood."""
    row_before: tuple[Nats, ...] | None
    """The same without the last printed character; None if nothing is printed."""


class Channel:
    """The costs of misreadings, by printed piece and read piece, in lower case."""

    def __init__(self, costs: Mapping[str, Mapping[str, Nats]]) -> None:
        """Take the costs, and add the runs that published lists name."""
        self._costs = {printed: dict(row) for printed, row in costs.items()}
        for pair in CONFUSED_RUNS:
            if max(map(len, pair)) <= MAX_PIECE:
                for printed, read in (pair, pair[::-1]):
                    row = self._costs.setdefault(printed, {})
                    row[read] = min(row.get(read, _INFINITY), CONFUSED_RUN_COST)
        self.cost = functools.lru_cache(CACHED_COSTS)(self._cheapest)

    def _cheapest(self, read: str, printed: str) -> Nats:
        """Return the cost of reading ``read`` where ``printed`` stood, in whatever case.

        It is the lowest sum over all divisions of both texts into pieces. What was read as printed
        costs nothing.
        """
        return self.extended(self.beginning(read), printed).row[-1]

    def beginning(self, read: str) -> BeginningCosts:
        """Return the costs against the word ``read`` before anything is printed."""
        read = read.lower()
        row = tuple(UNSEEN_COST * length for length in range(len(read) + 1))
        return BeginningCosts(read, "", row, None)

    def extended(self, beginning: BeginningCosts, printed: str) -> BeginningCosts:
        """Return the costs with these characters printed behind the beginning."""
        read, text, row, before = (
            beginning.read,
            beginning.printed,
            beginning.row,
            beginning.row_before,
        )
        for character in printed.lower():
            row, before = self._next_row(read, text[-1:] + character, row, before), row
            text += character
        return BeginningCosts(read, text, row, before)

    def _next_row(
        self, read: str, pair: str, row: tuple[Nats, ...], before: tuple[Nats, ...] | None
    ) -> tuple[Nats, ...]:
        """Return the row behind ``row``, the row behind ``before``; ``pair``: the last two printed characters."""
        printed = pair[-1]
        one = self._costs.get(printed, _NO_COSTS)
        two = self._costs.get(pair) if before is not None else None
        found = [row[0] + one.get("", UNSEEN_COST)]
        for n, character in enumerate(read, 1):
            same = 0.0 if character == printed else one.get(character, UNSEEN_COST)
            best = min(
                found[-1] + UNSEEN_COST, row[n] + one.get("", UNSEEN_COST), row[n - 1] + same
            )
            two_read = read[n - 2 : n] if n > 1 else ""
            if two_read in one and two_read:
                best = min(best, row[n - 2] + one[two_read])
            if two is not None and before is not None:
                if character in two:
                    best = min(best, before[n - 1] + two[character])
                if two_read in two and two_read:
                    best = min(best, before[n - 2] + two[two_read])
            found.append(best)
        return tuple(found)


def parsed(data: bytes) -> Channel:
    """Return the channel in the content of a file. Raises ValueError when it is malformed."""
    try:
        content = json.loads(data)
        if content["format"] != CHANNEL_FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {CHANNEL_FORMAT!r}")
        return Channel({piece: _costs(row) for piece, row in content["costs"].items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a channel file: {type(error).__name__}: {error}") from error


def _costs(row: dict[str, Any]) -> dict[str, Nats]:
    return {read: _nats(cost) for read, cost in row.items()}


def _nats(value: object) -> Nats:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no cost")
    return float(value)


def load(path: Path) -> Channel:
    """Return the channel in a file. Raises MachineError when it is missing or damaged."""
    try:
        return parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise MachineError(f"{path}: {reason}", "install scanmend again") from error


@functools.cache
def shipped() -> Channel:
    """Return the channel that ships with scanmend. Raises MachineError as ``load`` does."""
    return load(shipped_file(CHANNEL_FILE))
