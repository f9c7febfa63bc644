"""Fit the regressions that weigh a language model's judgements, and write them to ``models/judge.json``.

    python fit_judge.py DOCUMENTS --models MODEL.gguf:12:0 OTHER.gguf:6:5 --out ../judge.json

DOCUMENTS is ``overproof-train.jsonl.gz``. Of each model's file, the numbers say how many documents it judges, and the first one; it
takes every twelfth. The program judges them as the product does, beside the built-in corrector, and fits a conditional logit
(McFadden 1974) for each kind of word: the choice among {as read, replacements} is the one that brings the line nearest to the truth. An L2
penalty pulls towards the coefficients in ``models/judge.json``, since the documents are few. The thresholds stay.

It needs scanmend itself.
"""

import argparse
import datetime
import gzip
import itertools
import json
import math
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from scanmend.backends.gguf_files import builtin
from scanmend.llm.judge import odds
from scanmend.llm.judge.combined_proposal import wishes_of
from scanmend.llm.judge.judged_page import JudgedPage
from scanmend.llm.judge.page_judgement import PageToJudge, judge_words
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.loader import LoadedCorrector, LoadedModel, load, load_corrector
from scanmend.llm.page_proposal import propose_page
from scanmend.workers.protocol import LoadRequest

EVERY = 12  # documents
SECONDS = 3600.0  # for the corrector's part of a page
# features that the regressions may weigh beside those in the file
FURTHER_FEATURES = ("unknown_replacement", "model_word", "corrector_wish")
PENALTY = (
    0.3  # of a coefficient's squared distance from the old one, times the feature's mean square
)
STEPS = 400
STEP_SIZE = (
    0.03  # of Adam (Kingma and Ba 2015), for each feature divided by the root of its mean square
)
MIN_SCALE = 0.05
DIGITS = 3  # decimals of a coefficient

Coefficients = Mapping[str, float]


@dataclass(frozen=True)
class Example:
    """A judged word: the features of its allowed replacements (replacements, features), and the right choice.

    ``choice``: 0 for the word as read, n for replacement n - 1.
    """

    rows: NDArray[Any]
    choice: int


def documents(file: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the documents whose lines correspond: as read, and as printed."""
    with gzip.open(file, "rt", encoding="utf-8") as rows:
        for row in rows:
            entry = json.loads(row)
            read, printed = (
                entry[part]["transcription_unit"].split("\n")
                for part in ("ocr_hypothesis", "ground_truth")
            )
            if len(read) == len(printed):
                yield read, printed


def judged(model: LoadedModel, corrector: LoadedCorrector, lines: Sequence[str]) -> JudgedPage:
    """Return the model's judgements of a page, and of the corrector's wishes for it."""
    wanted = range(len(lines))
    wishes = wishes_of(lines, propose_page(corrector, lines, wanted, SECONDS), wanted)
    page = PageToJudge(lines, wanted)
    return judge_words(TextScorer(model.context), model.languages, page, lambda: False, wishes)


def examples(
    lines: Sequence[str],
    truths: Sequence[str],
    page: JudgedPage,
    names: Mapping[odds.JudgedKind, list[str]],
) -> Iterator[tuple[odds.JudgedKind, Example]]:
    """Yield the examples of a page with their kind. ``names``: of the features, by kind."""
    judge = odds.PageJudge(lines, page.language, page.scored)
    for scored, features in judge.features():
        if not features:
            continue
        word, line = scored.word, lines[scored.word.line]
        truth = truths[word.line]
        before = Levenshtein.distance(line, truth)
        gains = [0]
        for number in features:
            text = scored.replacements[number].text
            gains.append(
                before - Levenshtein.distance(line[: word.start] + text + line[word.end :], truth)
            )
        kind = odds.judged_kind(word)
        rows = [[float(of_one[name]) for name in names[kind]] for of_one in features.values()]
        yield kind, Example(np.array(rows), gains.index(max(gains)))


def fitted(found: Sequence[Example], start: NDArray[Any]) -> NDArray[Any]:
    """Return the coefficients of the greatest penalised likelihood, by Adam from ``start``."""
    rows = np.vstack([one.rows for one in found])
    scale = np.maximum(MIN_SCALE, np.sqrt((rows**2).mean(axis=0)))
    weights, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, STEPS + 1):
        gradient = 2 * PENALTY * (weights - start) * scale**2
        for one in found:
            utilities = np.concatenate([[0.0], one.rows @ weights])
            shares = np.exp(utilities - utilities.max())
            shares /= shares.sum()
            chosen = one.rows[one.choice - 1] if one.choice else 0.0
            gradient -= (chosen - shares[1:] @ one.rows) / len(found)
        scaled = gradient / scale
        mean = 0.9 * mean + 0.1 * scaled
        square = 0.99 * square + 0.01 * scaled**2
        moved = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
        weights = weights - STEP_SIZE * moved / scale
    return weights


def loss(found: Sequence[Example], weights: NDArray[Any]) -> float:
    """Return the mean negative log-likelihood (nats) of the right choices."""
    total = 0.0
    for one in found:
        utilities = np.concatenate([[0.0], one.rows @ weights])
        total += math.log(np.exp(utilities - utilities.max()).sum()) + utilities.max()
        total -= utilities[one.choice]
    return total / len(found)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--models", nargs="+", required=True, metavar="FILE:COUNT:FIRST")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    old = odds.shipped_regressions()
    names = {
        kind: list(dict.fromkeys([*of.coefficients, *FURTHER_FEATURES])) for kind, of in old.items()
    }
    found: dict[odds.JudgedKind, list[Example]] = {kind: [] for kind in old}
    corrector = load_corrector(LoadRequest(os.fsencode(builtin()), gpu_layers=0, threads=1))
    for described in options.models:
        path, count, first = described.rsplit(":", 2)
        model = load(LoadRequest(os.fsencode(path), gpu_layers=0, threads=1), lambda _: None)
        chosen = itertools.islice(documents(options.documents), int(first), None, EVERY)
        for number, (lines, truths) in enumerate(itertools.islice(chosen, int(count))):
            page = judged(model, corrector, lines)
            for kind, example in examples(lines, truths, page, names):
                found[kind].append(example)
            print(f"{path}: document {number + 1} of {count}", flush=True)
    regressions: dict[str, Any] = {}
    for kind, regression in old.items():
        start = np.array([regression.coefficients.get(name, 0.0) for name in names[kind]])
        weights = fitted(found[kind], start)
        before, after = loss(found[kind], start), loss(found[kind], weights)
        print(f"{kind}: {len(found[kind])} words, loss {before:.4f} -> {after:.4f}")
        rounded = (round(float(w), DIGITS) for w in weights)
        regressions[kind] = {
            "threshold": regression.threshold,
            "coefficients": dict(zip(names[kind], rounded, strict=True)),
        }
    provenance = {
        "program": "models/corrector/fit_judge.py",
        "command": shlex.join(["python", *sys.argv]),
        "fitted": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "set": f"{sum(map(len, found.values()))} words of {options.documents.name}",
        "notes": [],
    }
    content = {"format": odds.JUDGE_FORMAT, "provenance": provenance, "regressions": regressions}
    options.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
