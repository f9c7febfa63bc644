"""Fit the regressions that judge a candidate for a suspect word, and write them to ``models/ranking.json``.

    python fit_ranking.py --model ../corrector.gguf --fit held.jsonl ... [--check NAME=FILE ...] [--out ../ranking.json]

The program runs lines of OCR text through the model as the product does (llama.cpp, guided decoding), takes the log-likelihoods
of all candidates, and fits a logistic regression for each kind of word (``scanmend.llm.ranking.WordKind``): does the best
candidate bring the line nearer to the truth, or farther? It prints how often a proposal is right, on a fifth of the lines that is
held back and on the files to check. It does not change the thresholds: choose them by that report.

It needs scanmend itself. Fit on lines that neither the model nor the lexicon has seen: the paragraphs that ``data.guides`` holds
back, read by the engine.
"""

import argparse
import datetime
import json
import os
import shlex
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from scanmend.correction.lexicon import shipped
from scanmend.llm import ranking
from scanmend.llm.guided_decoding import GuidedDecoder
from scanmend.llm.line_pieces import pieces
from scanmend.llm.line_request import LineRequest
from scanmend.llm.loader import LoadedCorrector, load_corrector
from scanmend.llm.rescoring import Rescorer, WrittenWord, with_suspects
from scanmend.llm.suspect_search import Pruning
from scanmend.llm.suspect_word import SuspectWord
from scanmend.page import CharAlternatives
from scanmend.workers.protocol import LoadRequest

from data.noise import raw

PAGE_LINES = 12  # on a page, in files without pages
FIT_ROUNDS = 3  # several, since the coefficients decide which candidate is the best
GRADIENT_STEPS = 4000
STEP_SIZE = 0.5  # for each feature, divided by its mean square
MIN_MEAN_SQUARE = 0.02
DECAY = 1e-4  # L2 decay of the coefficients in each step
HELD_BACK = 5  # one word in five
DIGITS = 2  # decimals of a coefficient
REPORTED_LOG_ODDS = (3.0, 2.5, 2.0, 1.5, 1.0, 0.5)  # nats
# more candidates than the product proposes, so that the regressions see them too
FIT_PRUNING = Pruning(model_reorders=6.0, threshold=-3.0)

Coefficients = Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """A line as an engine read it. ``alternatives`` is None if the engine reports none."""

    ocr: str
    truth: str
    alternatives: Sequence[CharAlternatives] | None = None


@dataclass(frozen=True)
class Example:
    """A suspect word that the model scored. ``gains`` are the characters by which each candidate is nearer to the truth."""

    suspect: SuspectWord
    log_likelihoods: Sequence[float]
    gains: Sequence[int]


class RecordingRescorer(Rescorer):
    """A rescorer that records the scores and replaces nothing."""

    truths: Sequence[str] = ()

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.examples: list[Example] = []

    def _log_likelihoods(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        found = super()._log_likelihoods(words)
        for word, scores in zip(words, found, strict=True):
            self.examples.append(Example(word.suspect, scores, self._gains(word)))
        return [[0.0] + [-np.inf] * len(word.suspect.candidates) for word in words]

    def _gains(self, word: WrittenWord) -> list[int]:
        written, suspect = word.line.answer.written, word.suspect
        head, tail = written[: word.start].decode(), written[word.end :].decode()
        truth = self.truths[word.line.request.number]
        now = Levenshtein.distance(head + suspect.word + tail, truth)
        texts = (candidate.text for candidate in suspect.candidates)
        return [now - Levenshtein.distance(head + text + tail, truth) for text in texts]


def scored(model: LoadedCorrector, pages: Iterable[Sequence[Line]]) -> list[Example]:
    """Return every suspect word of the pages with the model's scores."""
    context = model.context
    rescorer = RecordingRescorer(context, shipped())
    decoder = GuidedDecoder(context, rescorer)
    context.clear()
    for page in pages:
        rescorer.truths = [line.truth for line in page]
        texts = [line.ocr.encode() for line in page]
        requests = [
            LineRequest(n, text, [*context.tokenize(text), *model.line_end], line.alternatives)
            for n, (text, line) in enumerate(zip(texts, page, strict=True))
            if len(pieces(text, model.max_line_bytes)) == 1
        ]
        requests = with_suspects(requests, shipped(), lambda: False, FIT_PRUNING)
        decoder.decode_lines(deque(requests), lambda: False)
    return rescorer.examples


def pages_of(file: Path) -> list[list[Line]]:
    """Return the correctable lines of a file of pairs, grouped by the pages that ``render --pages`` noted."""
    if file.suffix != ".jsonl":
        lines = [Line(*pair) for pair in raw(file) if _readable(*pair)]
        return [lines[n : n + PAGE_LINES] for n in range(0, len(lines), PAGE_LINES)]
    found: dict[int, list[Line]] = {}
    for row in file.read_text(encoding="utf-8").splitlines():
        ocr, truth, page, told = json.loads(row)
        if _readable(ocr, truth):
            alternatives = None if told is None else msgspec.convert(told, list[CharAlternatives])
            found.setdefault(page, []).append(Line(ocr, truth, alternatives))
    return list(found.values())


def _readable(ocr: str, truth: str) -> bool:
    """Return whether a line was read well enough for a correction."""
    return 3 < len(ocr) <= 200 and Levenshtein.distance(ocr, truth) < 0.3 * len(truth)


def without_alternatives(pages: Iterable[Sequence[Line]]) -> list[list[Line]]:
    """Return the pages as an engine without alternatives would read them."""
    return [[Line(line.ocr, line.truth) for line in page] for page in pages]


# the fit --------------------------------------------------------------------------------------------


def fitted(examples: Sequence[Example], start: Coefficients) -> Coefficients:
    """Return the coefficients after gradient ascent of the log-likelihood from ``start``; ``start`` without examples."""
    coefficients = start
    for _ in range(FIT_ROUNDS):
        best = [(e, _best(e, coefficients)) for e in examples]
        best = [(e, n) for e, n in best if e.gains[n]]
        if not best:
            break
        rows = np.array([_row(e, n, coefficients) for e, n in best])
        right = np.array([e.gains[n] > 0 for e, n in best])
        w: NDArray[Any] = np.array(list(coefficients.values()))
        step = STEP_SIZE / np.maximum(MIN_MEAN_SQUARE, (rows**2).mean(axis=0))
        for _ in range(GRADIENT_STEPS):
            residuals = right - 1 / (1 + np.exp(-rows @ w))
            w = w + step * (rows.T @ residuals / len(right) - DECAY * w)
        coefficients = dict(zip(coefficients, map(float, w), strict=True))
    return coefficients


def _row(one: Example, number: int, coefficients: Coefficients) -> list[float]:
    values = ranking.features(one.suspect, number, one.log_likelihoods)
    return [values[name] for name in coefficients]


def _log_odds(one: Example, number: int, coefficients: Coefficients) -> float:
    return float(np.dot(_row(one, number, coefficients), list(coefficients.values())))


def _best(one: Example, coefficients: Coefficients) -> int:
    return max(range(len(one.gains)), key=lambda n: _log_odds(one, n, coefficients))


def report(name: str, examples: Sequence[Example], coefficients: Coefficients) -> None:
    """Print how often the best candidate is right, for several thresholds of the log-odds."""
    best = []
    for one in examples:
        n = _best(one, coefficients)
        best.append((_log_odds(one, n, coefficients), one.gains[n]))
    correctable = sum(max(e.gains) > 0 for e in examples)
    print(f"{name}: {len(best)} words with candidates, {correctable} with a right one")
    for least in REPORTED_LOG_ODDS:
        gains = [gain for log_odds, gain in best if log_odds >= least]
        nearer, farther = sum(g > 0 for g in gains), sum(g < 0 for g in gains)
        print(f"  from {least}: nearer {nearer}, as far {gains.count(0)}, farther {farther}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fit", type=Path, nargs="+", required=True)
    parser.add_argument("--check", nargs="*", default=[], help="NAME=FILE of pairs to report on")
    parser.add_argument("--out", type=Path, help="the ranking file to write")
    options = parser.parse_args()
    model = load_corrector(LoadRequest(os.fsencode(options.model), gpu_layers=0, threads=1))
    read = [page for file in options.fit for page in pages_of(file)]
    examples = scored(model, read) + scored(model, without_alternatives(read))
    named = (check.partition("=") for check in options.check)
    checks = {name: scored(model, pages_of(Path(file))) for name, _, file in named}
    found = {}
    for kind, old in ranking.regressions().items():
        mine = [e for e in examples if ranking.kind_of(e.suspect) is kind]
        held_back = len(mine) // HELD_BACK
        without = fitted(mine[held_back:], old.coefficients)
        report(f"{kind}, one in {HELD_BACK} held back", mine[:held_back], without)
        coefficients = fitted(mine, old.coefficients)
        rounded = {name: round(value, DIGITS) for name, value in coefficients.items()}
        print(kind, rounded)
        for name, others in checks.items():
            of_kind = [e for e in others if ranking.kind_of(e.suspect) is kind]
            report(f"{kind}, {name}", of_kind, coefficients)
        found[kind] = ranking.Regression(old.threshold, rounded)
    if options.out:
        write(options.out, found, len(read), sum(map(len, read)))


def write(
    out: Path, regressions: Mapping[ranking.WordKind, ranking.Regression], pages: int, lines: int
) -> None:
    """Write the ranking file with its provenance."""
    content = {
        "format": ranking.FORMAT,
        "provenance": {
            "program": "models/corrector/fit_ranking.py",
            "command": shlex.join(["python", *sys.argv]),
            "fitted": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "set": f"{lines} lines on {pages} pages",
            "notes": [],
        },
        "regressions": {
            kind: {"threshold": one.threshold, "coefficients": dict(one.coefficients)}
            for kind, one in regressions.items()
        },
    }
    out.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
