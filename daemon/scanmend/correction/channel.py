"""Compute how unlikely an engine reads one text where another was printed: the noisy channel.

The costs of single misreadings are data: ``models/channel.json``, which
``models/corrector/fit_channel.py`` counts on pairs of lines as read and as printed.
"""

import functools
import json
import math
from collections.abc import Mapping
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


class Channel:
    """The costs of misreadings, by printed piece and read piece, in lower case."""

    def __init__(self, costs: Mapping[str, Mapping[str, Nats]]) -> None:
        """Take the costs, and add the runs that published lists name."""
        self._costs = {
            (printed, read): cost for printed, row in costs.items() for read, cost in row.items()
        }
        for pair in CONFUSED_RUNS:
            if max(map(len, pair)) <= MAX_PIECE:
                for piece in (pair, pair[::-1]):
                    cost = self._costs.get(piece, _INFINITY)
                    self._costs[piece] = min(cost, CONFUSED_RUN_COST)
        self.cost = functools.lru_cache(CACHED_COSTS)(self._cheapest)

    def _cheapest(self, read: str, printed: str) -> Nats:
        """Return the cost of reading ``read`` where ``printed`` stood, in whatever case.

        It is the lowest sum over all divisions of both texts into pieces. What was read as printed
        costs nothing.
        """
        read, printed = read.lower(), printed.lower()
        best = [[_INFINITY] * (len(read) + 1) for _ in range(len(printed) + 1)]
        best[0][0] = 0.0
        for i in range(len(printed) + 1):
            for j in range(len(read) + 1):
                here = best[i][j]
                if here == _INFINITY:
                    continue
                for di, dj, cost in self._steps(printed[i : i + 2], read[j : j + 2]):
                    best[i + di][j + dj] = min(best[i + di][j + dj], here + cost)
        return best[-1][-1]

    def _steps(self, printed: str, read: str) -> list[tuple[int, int, Nats]]:
        """Return the possible next pieces: their lengths as printed and as read, and their cost.

        ``printed`` and ``read`` hold the next two characters of each text, fewer at its end.
        """
        costs = self._costs
        steps: list[tuple[int, int, Nats]] = []
        if read:
            steps.append((0, 1, UNSEEN_COST))
        if not printed:
            return steps
        first = printed[0]
        steps.append((1, 0, costs.get((first, ""), UNSEEN_COST)))
        if read:
            same = read[0] == first
            steps.append((1, 1, 0.0 if same else costs.get((first, read[0]), UNSEEN_COST)))
        if len(read) > 1 and (first, read) in costs:
            steps.append((1, 2, costs[first, read]))
        if len(printed) > 1:
            if read and (printed, read[0]) in costs:
                steps.append((2, 1, costs[printed, read[0]]))
            if len(read) > 1 and (printed, read) in costs:
                steps.append((2, 2, costs[printed, read]))
        return steps


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
