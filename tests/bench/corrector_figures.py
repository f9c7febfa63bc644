"""What a correction did to a set, in figures: pure functions of what was read, published and true.

White space is made single spaces before anything is counted: a gap between a table's columns is no error. Where
``fold`` is set (truths in capitals), case is not counted either. The match error is that of the competition
HIPE-OCRepair: lower-cased, what is no word character a space, (S + D + I) / (H + S + D + I).
"""

import bisect
import collections
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from scanmend.correction.gate import apply
from scanmend.page import Edit

BINS = (0.0, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1.01)  # of the engine's confidence in a line
STEPS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)  # of the model's margin
ROUNDS = 1000  # of the bootstrap
MODEL_RULE = (
    "ocr-plausible"  # by which the gate lets an edit of the model pass; others are repairs by rule
)

_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Judged:
    """One line with its truth, as read and as published. ``edits``: the gate's, accepted and rejected."""

    ocr: str
    published: str
    truth: str
    confidence: float | None = None
    edits: tuple[Edit, ...] = ()
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One document: its lines that have a truth, and its pages whole (as read, as published, truth)."""

    name: str
    lines: tuple[Judged, ...]
    pages: tuple[tuple[str, str, str], ...] = ()
    fold: bool = False
    seconds: float = 0.0
    characters: int = 0


def plain(text: str, fold: bool = False) -> str:
    """As it is counted."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text.casefold() if fold else text


def bare(text: str) -> str:
    """As the match error sees it."""
    return _NO_WORD.sub(" ", unicodedata.normalize("NFC", text).lower()).strip()


def match_errors(truth: str, text: str) -> tuple[int, int]:
    """Errors, and errors with hits: the match error is their quotient."""
    truth, text = bare(truth), bare(text)
    counts = collections.Counter(o.tag for o in Levenshtein.editops(text, truth))
    hits = len(truth) - counts["replace"] - counts["insert"]
    errors = counts.total()
    return errors, errors + hits


def changed_digits(line: Judged) -> bool:
    """Whether a digit changed but by a named rule of the gate."""
    repaired = apply(line.ocr, [e for e in line.edits if e.rule != MODEL_RULE])
    return _digits(repaired) != _digits(line.published)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isnumeric())


def gain(line: Judged, edit: Edit, fold: bool = False) -> int:
    """By how many characters this edit alone would bring the line nearer to the truth."""
    start, end = edit.start, edit.start + len(edit.before)
    changed = line.ocr[:start] + edit.after + line.ocr[end:]
    truth = plain(line.truth, fold)
    before = Levenshtein.distance(plain(line.ocr, fold), truth)
    return before - Levenshtein.distance(plain(changed, fold), truth)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All figures of a set."""
    lines = [(line, o.fold) for o in outcomes for line in o.lines]
    documents = [_document(o) for o in outcomes]
    sums: collections.Counter[str] = sum(documents, collections.Counter())
    if not sums["characters"]:
        return {"documents": len(outcomes), "lines": 0}
    low, high = interval([(d["before"], d["after"]) for d in documents])
    return {
        "documents": len(outcomes),
        "lines": len(lines),
        "characters": sums["characters"],
        "cer": [_part(sums["before"], sums["characters"]), _part(sums["after"], sums["characters"])],
        "reduction": _reduction(sums["before"], sums["after"]),
        "interval": [low, high],
        "wer": [_part(sums["words_before"], sums["words"]), _part(sums["words_after"], sums["words"])],
        "match": [_part(sums["match_before"], sums["match_before_of"]), _part(sums["match_after"], sums["match_after_of"])],
        "match_reduction": _reduction(sums["match_before"], sums["match_after"]),
        "preference": preference([(d["before"], d["after"]) for d in documents]),
        "match_preference": preference([(d["match_before"], d["match_after"]) for d in documents]),
        "documents_worse": sum(d["after"] > d["before"] for d in documents),
        **_lines(lines),
        **_pages(outcomes),
        "rules": rules(outcomes),
        "confidence": by_confidence(lines),
        "seconds_of_2000": _part(2000 * sum(o.seconds for o in outcomes), sum(o.characters for o in outcomes)),
    }  # fmt: skip


def _document(outcome: Outcome) -> collections.Counter[str]:
    """The counts of one document."""
    found: collections.Counter[str] = collections.Counter()
    for line in outcome.lines:
        ocr, published, truth = (
            plain(t, outcome.fold) for t in (line.ocr, line.published, line.truth)
        )
        found["before"] += Levenshtein.distance(ocr, truth)
        found["after"] += Levenshtein.distance(published, truth)
        found["characters"] += len(truth)
        found["words_before"] += Levenshtein.distance(ocr.split(), truth.split())
        found["words_after"] += Levenshtein.distance(published.split(), truth.split())
        found["words"] += len(truth.split())
    truth = "\n".join(line.truth for line in outcome.lines)
    for name, texts in (
        ("match_before", [line.ocr for line in outcome.lines]),
        ("match_after", [line.published for line in outcome.lines]),
    ):
        found[name], found[name + "_of"] = match_errors(truth, "\n".join(texts))
    return found


def _lines(lines: Sequence[tuple[Judged, bool]]) -> dict[str, Any]:
    """Lines better, worse, the same; clean ones touched; digits."""
    counts: collections.Counter[str] = collections.Counter()
    shares: list[float] = []
    for line, fold in lines:
        before, after = distances(line, fold)
        counts["better"] += after < before
        counts["worse"] += after > before
        counts["clean"] += not before
        counts["clean_touched"] += bool(after and not before)
        counts["touched"] += line.ocr != line.published
        counts["digits_changed"] += changed_digits(line)
        named = [e for e in line.edits if e.accepted and e.rule != MODEL_RULE]
        counts["repairs"] += len(named)
        counts["repairs_worse"] += sum(gain(line, e, fold) < 0 for e in named)
        if before:
            shares.append((before - after) / before)
    keys = ("better", "worse", "clean", "clean_touched", "touched", "digits_changed", "repairs", "repairs_worse")  # fmt: skip
    return {
        **{key: counts[key] for key in keys},
        "same": len(lines) - counts["better"] - counts["worse"],
        "mean_reduction": float(np.mean(shares)) if shares else 0.0,
    }


def distances(line: Judged, fold: bool = False) -> tuple[int, int]:
    """Errors before and after."""
    ocr, published, truth = (plain(t, fold) for t in (line.ocr, line.published, line.truth))
    return Levenshtein.distance(ocr, truth), Levenshtein.distance(published, truth)


def _pages(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Over the pages' whole texts, with what the reading left out or put elsewhere: CER, and word F1 (folded)."""
    edits, characters = [0, 0], 0
    f1: list[list[float]] = []
    shared, words = [0, 0], [0, 0]
    for outcome in outcomes:
        mine, all_mine = [0, 0], [0, 0]
        for *texts, truth in outcome.pages:
            wanted = plain(truth, outcome.fold)
            characters += len(wanted)
            for n, text in enumerate(texts):
                edits[n] += Levenshtein.distance(plain(text, outcome.fold), wanted)
                a, b = word_counts(truth, text)
                mine[n] += a
                all_mine[n] += b
        f1.append([_part(2 * a, b) for a, b in zip(mine, all_mine, strict=True)])
        shared = [a + b for a, b in zip(shared, mine, strict=True)]
        words = [a + b for a, b in zip(words, all_mine, strict=True)]
    return {
        "page_cer": [_part(e, characters) for e in edits],
        "page_f1": [_part(2 * a, b) for a, b in zip(shared, words, strict=True)],
        "f1_changes": sorted(after - before for before, after in f1),
    }


def word_counts(truth: str, text: str) -> tuple[int, int]:
    """Words in both, and words of both, as in quality.py: case folded, without order."""
    wanted, found = (collections.Counter(t.casefold().split()) for t in (truth, text))
    return (wanted & found).total(), wanted.total() + found.total()


def preference(pairs: Iterable[tuple[int, int]]) -> float:
    """Share of the documents improved minus share made worse."""
    signs = [(before > after) - (before < after) for before, after in pairs]
    return sum(signs) / max(1, len(signs))


def interval(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """In which the reduction lies in 95 of 100 drawings of as many documents (bootstrap)."""
    counts: np.ndarray[Any, Any] = np.asarray(pairs, float)
    draws = np.random.default_rng(1).integers(0, len(pairs), (ROUNDS, len(pairs)))
    before, after = counts[draws, 0].sum(1), counts[draws, 1].sum(1)
    reductions = (before - after) / np.maximum(1, before)
    low, high = np.percentile(reductions, [2.5, 97.5])
    return float(low), float(high)


def rules(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """For each rule of the gate: its edits, and how many of them bring the line nearer to the truth, or farther.

    ``clean``: those in lines without error. ``steps``: good and bad ones for each step of the model's margin.
    """
    found: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        for line in outcome.lines:
            clean = not distances(line, outcome.fold)[0]
            for edit in line.edits:
                if edit.rule not in found:
                    found[edit.rule] = {"edits": 0, "accepted": 0, "good": 0, "bad": 0, "clean": 0, "steps": [[0, 0] for _ in STEPS]}  # fmt: skip
                row = found[edit.rule]
                better = gain(line, edit, outcome.fold)
                row["edits"] += 1
                row["accepted"] += edit.accepted
                row["good"] += better > 0
                row["bad"] += better < 0
                row["clean"] += clean
                if edit.margin is not None and better:
                    row["steps"][bisect.bisect(STEPS, edit.margin) - 1][better < 0] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1]["edits"]))


def by_confidence(lines: Sequence[tuple[Judged, bool]]) -> list[dict[str, Any]]:
    """Lines, CER before and after, lines better and worse, for each step of the engine's confidence."""
    rows = []
    for low, high in itertools.pairwise(BINS):
        chosen = [x for x in lines if x[0].confidence is not None and low <= x[0].confidence < high]
        if not chosen:
            continue
        pairs = [distances(line, fold) for line, fold in chosen]
        characters = sum(len(plain(line.truth)) for line, _ in chosen)
        rows.append(
            {
                "from": low,
                "lines": len(chosen),
                "characters": characters,
                "errors": [sum(p[n] for p in pairs) for n in (0, 1)],
                "better": sum(b > a for b, a in pairs),
                "worse": sum(b < a for b, a in pairs),
            }
        )
    return rows


def _part(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _reduction(before: int, after: int) -> float:
    return (before - after) / before if before else (0.0 if not after else -float(after))
