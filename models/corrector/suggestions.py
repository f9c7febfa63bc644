"""How much speaks for a word that the lexicon offers: fits the weights of scanmend's ``llm/suggest.py``.

    python suggestions.py --model ../corrector.gguf --fit pairs.jsonl [--skip N] [--check NAME=FILE ...]

Runs lines of OCR text through the model as the product does (llama.cpp, guided decoding), takes the likelihoods of
all offered words, and fits a logistic regression of whether the best offer brings the line nearer to the truth
rather than farther. Prints the weights, and how often what is proposed is right: on the lines of the fit and on others.
Needs scanmend itself. Fit on lines that the model was not trained on.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from scanmend.lexicon import shipped
from scanmend.llm import suggest
from scanmend.llm.decode import pieces
from scanmend.llm.guided import Guided, Request
from scanmend.llm.model import Wish, load

from data.noise import raw

AT_ONCE = 60  # lines
LINES = 3000
ROUNDS = 4000


@dataclass(frozen=True)
class Asked:
    """An unknown word that the model was asked about. ``gains``: characters nearer to the truth by each offer."""

    spot: suggest.Spot
    likely: Sequence[float]
    gains: Sequence[int]


class Listening(Guided):
    """Notes what is asked, and proposes nothing."""

    truths: Sequence[str] = ()

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self.asked: list[Asked] = []

    def _likely(
        self, lane: Any, spot: suggest.Spot, begin: int, start: int, end: int
    ) -> list[float]:
        likely = super()._likely(lane, spot, begin, start, end)
        head, tail = lane.answer.written[:start].decode(), lane.answer.written[end:].decode()
        truth = self.truths[lane.request.number]
        now = Levenshtein.distance(head + spot.word + tail, truth)
        gains = [now - Levenshtein.distance(head + c.text + tail, truth) for c in spot.candidates]
        self.asked.append(Asked(spot, likely, gains))
        return [0.0] + [-np.inf] * len(spot.candidates)


def asked(model: Any, pairs: Sequence[tuple[str, str]]) -> list[Asked]:
    """What the model says of every unknown word of these lines."""
    guided = Listening(model.context, model.curve, model.drafts, shipped())
    prompt = model.prompt("")
    shared = len(prompt.before_lines([]))
    model.context.clear()
    for start in range(0, len(pairs), AT_ONCE):
        part = pairs[start : start + AT_ONCE]
        guided.truths = [truth for _, truth in part]
        requests = [
            Request(n, ocr.encode(), prompt.of_line(model.context.tokenize(ocr.encode())))
            for n, (ocr, _) in enumerate(part)
            if len(pieces(ocr.encode(), model.most_bytes)) == 1
        ]
        guided.lines(shared, requests, lambda: False)
    return guided.asked


def fitted(found: Sequence[Asked], weights: dict[str, float]) -> dict[str, float]:
    """Weights by gradient ascent, from these on."""
    for _ in range(3):  # which offer is the best depends on them
        chosen = [(a, _best(a, weights)) for a in found]
        chosen = [(a, n) for a, n in chosen if a.gains[n]]
        rows = np.array([list(suggest.features(a.spot, n, a.likely).values()) for a, n in chosen])
        right = np.array([a.gains[n] > 0 for a, n in chosen])
        w: NDArray[Any] = np.array(list(weights.values()))
        pace = 0.5 / np.maximum(0.02, (rows**2).mean(axis=0))
        for _ in range(ROUNDS):
            w = w + pace * (rows.T @ (right - 1 / (1 + np.exp(-rows @ w))) / len(right) - 1e-4 * w)
        weights = dict(zip(weights, map(float, w), strict=True))
    return weights


def _odds(one: Asked, number: int, weights: dict[str, float]) -> float:
    given = suggest.features(one.spot, number, one.likely)
    return sum(weights[name] * value for name, value in given.items())


def _best(one: Asked, weights: dict[str, float]) -> int:
    return max(range(len(one.gains)), key=lambda n: _odds(one, n, weights))


def report(name: str, found: Sequence[Asked], weights: dict[str, float]) -> None:
    """How often the best offer is right, by the odds from which it is taken."""
    best = [(_odds(a, n, weights), a.gains[n]) for a in found for n in [_best(a, weights)]]
    print(
        f"{name}: {len(best)} unknown words with offers, {sum(max(a.gains) > 0 for a in found)} with a right one"
    )
    for least in (3.5, 3.0, 2.5, 2.0, suggest.LEAST, 1.5, 1.0):
        taken = [gain for odds, gain in best if odds >= least]
        print(
            f"  from {least}: nearer {sum(g > 0 for g in taken)}, as far {taken.count(0)}, farther {sum(g < 0 for g in taken)}"
        )


def main() -> None:
    """Fit and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fit", type=Path, required=True)
    parser.add_argument("--skip", type=int, default=0, help="rows that the model was trained on")
    parser.add_argument("--check", nargs="*", default=[], help="NAME=FILE of pairs to report on")
    options = parser.parse_args()
    model = load(Wish(str(options.model), gpu_layers=0, threads=1), lambda _: None)
    weights = dict(suggest.ODDS)
    fit = [p for p in list(raw(options.fit))[options.skip :] if _readable(p)]
    found = asked(model, random.Random(1).sample(fit, min(LINES, len(fit))))
    weights = fitted(found, weights)
    print({name: round(value, 2) for name, value in weights.items()})
    report("fit", found, weights)
    for name, _, file in (c.partition("=") for c in options.check):
        pairs = [p for p in raw(Path(file)) if _readable(p)]
        report(name, asked(model, pairs[:LINES]), weights)


def _readable(pair: tuple[str, str]) -> bool:
    """Not what nothing can be made of."""
    ocr, truth = pair
    return 3 < len(ocr) <= 200 and Levenshtein.distance(ocr, truth) < 0.5 * len(truth)


if __name__ == "__main__":
    main()
