"""How much speaks for a word that the lexicon offers: fits the weights of scanmend's ``llm/weigh.py``.

    python suggestions.py --model ../corrector.gguf --fit held.jsonl ... [--check NAME=FILE ...]

Runs lines of OCR text through the model as the product does (llama.cpp, guided decoding), takes the likelihoods of
all offered words, and fits logistic regressions of whether the best offer brings the line nearer to the truth rather
than farther: for unknown words and for known ones, with what the engine doubted and without. Prints the weights, and how
often what is proposed is right: on a fifth of the lines that was held back, and on other files.
Needs scanmend itself. Fit on lines of text that neither the model nor the lexicon has seen: what ``data.guides`` held
back, read by the engine.
"""

import argparse
import json
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from scanmend.correction.lexicon import shipped
from scanmend.llm import ranking, suggestions
from scanmend.llm.decode import pieces
from scanmend.llm.guided import Guided
from scanmend.llm.loader import load
from scanmend.llm.requests import Request
from scanmend.llm.rescoring import Offers, Place, questioned
from scanmend.page import CharAlternatives
from scanmend.workers.protocol import LoadRequest

from data.noise import raw

PAGE = 12  # lines, where their file tells no pages
ROUNDS = 4000
NEARLY = -3.0  # odds, by the weights so far
KINDS = {
    name: getattr(ranking, name) for name in ("ODDS", "KNOWN_ODDS", "SEEN_ODDS", "KNOWN_SEEN_ODDS")
}


@dataclass(frozen=True)
class Line:
    """A line as an engine read it. ``doubts`` None: it did not tell."""

    ocr: str
    truth: str
    doubts: Sequence[CharAlternatives] | None = None


@dataclass(frozen=True)
class Asked:
    """A word that the model was asked about. ``gains``: characters nearer to the truth by each offer."""

    spot: ranking.SuspectWord
    likely: Sequence[float]
    gains: Sequence[int]


class Listening(Offers):
    """Notes what is asked, and proposes nothing."""

    truths: Sequence[str] = ()

    def __init__(self, *what: Any) -> None:
        super().__init__(*what)
        self.asked: list[Asked] = []

    def _likely(self, places: Sequence[Place]) -> list[list[float]]:
        found = super()._likely(places)
        self.asked += [
            Asked(p.spot, one, self._gains(p)) for p, one in zip(places, found, strict=True)
        ]
        return [[0.0] + [-np.inf] * len(place.spot.candidates) for place in places]

    def _gains(self, place: Place) -> list[int]:
        written, spot = place.line.answer.written, place.spot
        head, tail = written[: place.start].decode(), written[place.end :].decode()
        truth = self.truths[place.line.request.number]
        now = Levenshtein.distance(head + spot.word + tail, truth)
        return [now - Levenshtein.distance(head + c.text + tail, truth) for c in spot.candidates]


def asked(model: Any, pages: Sequence[Sequence[Line]]) -> list[Asked]:
    """What the model says of every word of these lines that may be another."""
    offers = Listening(model.context, shipped())
    guided = Guided(model.context, model.curve, model.drafts, offers)
    prompt = model.prompt("")
    shared = len(prompt.before_lines([]))
    model.context.clear()
    for page in pages:
        offers.truths = [line.truth for line in page]
        texts = [line.ocr.encode() for line in page]
        requests = [
            Request(n, text, prompt.of_line(model.context.tokenize(text)), line.doubts)
            for n, (text, line) in enumerate(zip(texts, page, strict=True))
            if len(pieces(text, model.most_bytes)) == 1
        ]
        requests = questioned(requests, shipped(), lambda: False)
        guided.lines(shared, deque(requests), lambda: False)
    return offers.asked


def pages(file: Path) -> list[list[Line]]:
    """The readable lines of a file of pairs, page by page: as ``render --pages`` notes them."""
    if file.suffix != ".jsonl":
        lines = [Line(*pair) for pair in raw(file) if _readable(*pair)]
        return [lines[n : n + PAGE] for n in range(0, len(lines), PAGE)]
    found: dict[int, list[Line]] = {}
    for row in file.read_text(encoding="utf-8").splitlines():
        ocr, truth, page, doubts = json.loads(row)
        if _readable(ocr, truth):
            told = None if doubts is None else msgspec.convert(doubts, list[CharAlternatives])
            found.setdefault(page, []).append(Line(ocr, truth, told))
    return list(found.values())


def untold(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """As of an engine that does not tell what it doubted."""
    return [[Line(line.ocr, line.truth) for line in page] for page in pages]


def fitted(found: Sequence[Asked], weights: dict[str, float]) -> dict[str, float]:
    """Weights by gradient ascent, from these on."""
    for _ in range(3):  # which offer is the best depends on them
        chosen = [(a, _best(a, weights)) for a in found]
        chosen = [(a, n) for a, n in chosen if a.gains[n]]
        rows = np.array([_row(a, n, weights) for a, n in chosen])
        right = np.array([a.gains[n] > 0 for a, n in chosen])
        w: NDArray[Any] = np.array(list(weights.values()))
        pace = 0.5 / np.maximum(0.02, (rows**2).mean(axis=0))
        for _ in range(ROUNDS):
            w = w + pace * (rows.T @ (right - 1 / (1 + np.exp(-rows @ w))) / len(right) - 1e-4 * w)
        weights = dict(zip(weights, map(float, w), strict=True))
    return weights


def _row(one: Asked, number: int, weights: dict[str, float]) -> list[float]:
    given = ranking.features(one.spot, number, one.likely)
    return [given[name] for name in weights]


def _odds(one: Asked, number: int, weights: dict[str, float]) -> float:
    return float(np.dot(_row(one, number, weights), list(weights.values())))


def _best(one: Asked, weights: dict[str, float]) -> int:
    return max(range(len(one.gains)), key=lambda n: _odds(one, n, weights))


def report(name: str, found: Sequence[Asked], weights: dict[str, float]) -> None:
    """How often the best offer is right, by the odds from which it is taken."""
    best = [(_odds(a, n, weights), a.gains[n]) for a in found for n in [_best(a, weights)]]
    print(f"{name}: {len(best)} words with offers, {sum(max(a.gains) > 0 for a in found)} with a right one")  # fmt: skip
    for least in (3.0, 2.5, 2.0, 1.5, 1.0, 0.5):
        taken = [gain for odds, gain in best if odds >= least]
        print(f"  from {least}: nearer {sum(g > 0 for g in taken)}, as far {taken.count(0)}, farther {sum(g < 0 for g in taken)}")  # fmt: skip


def main() -> None:
    """Fit and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", nargs="*", default=[], help="NAME=FILE of pairs to report on")
    options = parser.parse_args()
    model = load(LoadRequest(os.fsencode(options.model), gpu_layers=0, threads=1), lambda _: None)
    suggestions.least = lambda _: NEARLY  # more are asked about than are proposed
    suggestions.BEHIND = -2 * NEARLY
    read = [page for file in options.fit for page in pages(file)]
    found = asked(model, read) + asked(model, untold(read))
    named = (check.partition("=") for check in options.check)
    checks = {name: asked(model, pages(Path(file))) for name, _, file in named}
    for name, start in KINDS.items():
        mine = [a for a in found if ranking.weights(a.spot) is start]
        weights = fitted(mine[len(mine) // 5 :], start)
        report(f"{name}, a fifth held back", mine[: len(mine) // 5], weights)
        weights = fitted(mine, start)
        print(name, {name: round(value, 2) for name, value in weights.items()})
        for other, others in checks.items():
            report(f"{name}, {other}", [a for a in others if ranking.weights(a.spot) is start], weights)  # fmt: skip


def _readable(ocr: str, truth: str) -> bool:
    """Not what nothing can be made of."""
    return 3 < len(ocr) <= 200 and Levenshtein.distance(ocr, truth) < 0.3 * len(truth)


if __name__ == "__main__":
    main()
