"""Score texts against the character alternatives that an OCR engine saw.

The engine gives, for each time step, the probabilities of the characters that may be there. A
text's probability is the sum over all paths through the steps that spell it (connectionist temporal
classification, Graves et al. 2006). All logarithms are natural.
"""

import heapq
import math
from collections.abc import Iterable, Sequence

from scanmend.page import CharAlternatives

UNSEEN_PROBABILITY = 1e-4  # assumed for a character that the engine does not list at a step
MIN_LOG_RATIO, MAX_LOG_RATIO = -10.0, 6.0  # natural logarithms; ratios are clipped to this range
BEAM_WIDTH = 40  # texts that ``readings`` follows at each step
BEAM_SHARE = 1e-4  # lowest probability that ``readings`` follows, as a share of the best text's
MAX_STEPS = 160  # characters and alternatives that are scored together: time grows with the square
_MIN_PROBABILITY = 1e-99  # floor before a logarithm is taken

# for each time step, the probability of each character; "" stands for no character
Steps = Sequence[dict[str, float]]


def log_likelihood_ratios(
    alternatives: Sequence[CharAlternatives],
    start: int,
    end: int,
    read: str,
    others: Iterable[str],
) -> list[float]:
    """Return the log-likelihood ratio, in nats, of each of ``others`` to ``read[start:end]``.

    ``read`` is the whole line as read. Ratios are clipped to [MIN_LOG_RATIO, MAX_LOG_RATIO]; all
    are MIN_LOG_RATIO where the engine saw no alternatives, or too many to score.
    """
    steps = _steps(alternatives, start, end, read)
    if steps is None:
        return [MIN_LOG_RATIO for _ in others]
    as_read = _log_probability(steps, read[start:end])
    ratios = (_log_probability(steps, other) - as_read for other in others)
    return [min(MAX_LOG_RATIO, max(MIN_LOG_RATIO, ratio)) for ratio in ratios]


def readings(
    alternatives: Sequence[CharAlternatives], start: int, end: int, read: str
) -> list[str]:
    """Return the other texts that may stand at ``read[start:end]``, most probable first."""
    steps = _steps(alternatives, start, end, read)
    if steps is None:
        return []
    beam = {"": 1.0}
    for step in steps:
        extended: dict[str, float] = {}
        for text, probability in beam.items():
            for character, factor in step.items():
                longer = text + character
                extended[longer] = extended.get(longer, 0.0) + probability * factor
        floor = BEAM_SHARE * max(extended.values())
        best = heapq.nlargest(BEAM_WIDTH, extended, key=extended.__getitem__)
        beam = {text: extended[text] for text in best if extended[text] >= floor}
    return [text for text in beam if text != read[start:end]]


def _steps(
    alternatives: Sequence[CharAlternatives], start: int, end: int, read: str
) -> Steps | None:
    """Return the steps of ``read[start:end]``; None where there is nothing, or too much, to score."""
    inside = [a for a in alternatives if start <= a.at < end or (a.at == end and a.between)]
    if not inside or end - start + len(inside) > MAX_STEPS:
        return None
    steps = []
    for offset in range(start, end + 1):
        between = [a.saw for a in inside if a.at == offset and a.between]
        if start < offset < end and read[offset] == read[offset - 1] and not between:
            between = [{"": 1.0}]  # without a blank, CTC merges equal neighbours into one character
        steps += between
        if offset < end:
            saw = next((a.saw for a in inside if a.at == offset and not a.between), None)
            steps.append(saw or {read[offset]: 1.0})
    return steps


def _log_probability(steps: Steps, text: str) -> float:
    """Return the natural logarithm of a text's probability, at least ``_MIN_PROBABILITY``."""
    return math.log(max(_probability(steps, text), _MIN_PROBABILITY))


def _probability(steps: Steps, text: str) -> float:
    """Return the probability of a text: the CTC forward algorithm."""
    states = [""]  # blank, character, blank, …
    for character in text:
        states += (character, "")
    # between two different characters the blank may be skipped
    may_skip = [n > 2 and n % 2 == 1 and states[n] != states[n - 2] for n in range(len(states))]
    forward = [1.0, *([0.0] * (len(states) - 1))]
    for number, step in enumerate(steps):
        if number:
            forward = _advance(forward, may_skip)
        elif text:
            forward[1] = 1.0
        forward = [
            p and p * step.get(c, UNSEEN_PROBABILITY) for p, c in zip(forward, states, strict=True)
        ]
    return forward[-1] + (forward[-2] if text else 0.0)


def _advance(forward: list[float], may_skip: list[bool]) -> list[float]:
    """Return the probability of each state after one move: stay, advance, or skip a blank."""
    return [
        stay + (forward[n - 1] if n else 0.0) + (forward[n - 2] if may_skip[n] else 0.0)
        for n, stay in enumerate(forward)
    ]
