"""Compute the effect of a correction on a set: pure functions of texts as read, as published and as printed (the truth).

Runs of white space become single spaces before anything is counted, so that a gap between a table's columns is not an error. If
``fold`` is set (truths in capitals), case does not count either. The match error is that of the competition HIPE-OCRepair: texts
are lower-cased, all characters except word characters become spaces, and the error is (S + D + I) / (H + S + D + I), with the
numbers of substitutions, deletions, insertions and hits.
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

# edges of bins of the engine's confidence in a line
CONFIDENCE_BINS = (0.0, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1.01)
# lower edges of bins of the model's margin, in nats
MARGIN_BINS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)
BOOTSTRAP_SAMPLES = 1000
# the rule by which the gate accepts a model's edit; the other rules are repairs
MODEL_RULE = "ocr-plausible"

_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Judged:
    """A line as read, as published and as printed (the truth).

    ``edits`` are the gate's accepted and rejected edits. ``proposal`` is the model's text; None without a model.
    """

    ocr: str
    published: str
    truth: str
    confidence: float | None = None
    edits: tuple[Edit, ...] = ()
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A document: its lines that have a truth, and the texts of its whole pages (as read, as published, truth).

    ``seconds`` is the time of the model for ``characters`` of OCR text.
    """

    name: str
    lines: tuple[Judged, ...]
    pages: tuple[tuple[str, str, str], ...] = ()
    fold: bool = False
    seconds: float = 0.0
    characters: int = 0


def plain(text: str, fold: bool = False) -> str:
    """Return the text normalised for counting."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text.casefold() if fold else text


def bare(text: str) -> str:
    """Return the text normalised for the match error."""
    return _NO_WORD.sub(" ", unicodedata.normalize("NFC", text).lower()).strip()


def match_errors(truth: str, text: str) -> tuple[int, int]:
    """Return the number of errors, and that of errors and hits: the match error is their quotient."""
    truth, text = bare(truth), bare(text)
    counts = collections.Counter(o.tag for o in Levenshtein.editops(text, truth))
    hits = len(truth) - counts["replace"] - counts["insert"]
    errors = counts.total()
    return errors, errors + hits


def changed_digits(line: Judged) -> bool:
    """Return whether a digit changed without a repair rule of the gate."""
    repaired = apply(line.ocr, [e for e in line.edits if e.rule != MODEL_RULE])
    return _digits(repaired) != _digits(line.published)


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isnumeric())


def gain(line: Judged, edit: Edit, fold: bool = False) -> int:
    """Return the number of characters by which this edit alone would bring the line nearer to the truth."""
    start, end = edit.start, edit.start + len(edit.before)
    changed = line.ocr[:start] + edit.after + line.ocr[end:]
    truth = plain(line.truth, fold)
    before = Levenshtein.distance(plain(line.ocr, fold), truth)
    return before - Levenshtein.distance(plain(changed, fold), truth)


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return all figures of a set."""
    lines = [(line, o.fold) for o in outcomes for line in o.lines]
    documents = [_document(o) for o in outcomes]
    sums: collections.Counter[str] = sum(documents, collections.Counter())
    if not sums["characters"]:
        return {"documents": len(outcomes), "lines": 0}
    pairs = [(d["before"], d["after"]) for d in documents]
    match_pairs = [(d["match_before"], d["match_after"]) for d in documents]
    seconds, characters = sum(o.seconds for o in outcomes), sum(o.characters for o in outcomes)
    return {
        "documents": len(outcomes),
        "lines": len(lines),
        "characters": sums["characters"],
        "cer": [_part(sums[key], sums["characters"]) for key in ("before", "after")],
        "reduction": _reduction(sums["before"], sums["after"]),
        "interval": list(interval(pairs)),
        "wer": [_part(sums[key], sums["words"]) for key in ("words_before", "words_after")],
        "match": [_part(sums[key], sums[f"{key}_of"]) for key in ("match_before", "match_after")],
        "match_reduction": _reduction(sums["match_before"], sums["match_after"]),
        "preference": preference(pairs),
        "match_preference": preference(match_pairs),
        "documents_worse": sum(after > before for before, after in pairs),
        **_lines(lines),
        **_pages(outcomes),
        "rules": rules(outcomes),
        "confidence": by_confidence(lines),
        "seconds_of_2000": _part(2000 * seconds, characters),
    }


def _document(outcome: Outcome) -> collections.Counter[str]:
    """Return the counts of one document."""
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


LINE_COUNTS = (
    *("better", "worse", "clean", "clean_touched", "touched"),
    *("digits_changed", "repairs", "repairs_worse"),
)


def _lines(lines: Sequence[tuple[Judged, bool]]) -> dict[str, Any]:
    """Return the numbers of lines better, worse and unchanged, of clean lines touched, and of changed digits."""
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
        repairs = [e for e in line.edits if e.accepted and e.rule != MODEL_RULE]
        counts["repairs"] += len(repairs)
        counts["repairs_worse"] += sum(gain(line, e, fold) < 0 for e in repairs)
        if before:
            shares.append((before - after) / before)
    return {
        **{key: counts[key] for key in LINE_COUNTS},
        "same": len(lines) - counts["better"] - counts["worse"],
        "mean_reduction": float(np.mean(shares)) if shares else 0.0,
    }


def distances(line: Judged, fold: bool = False) -> tuple[int, int]:
    """Return the line's errors (edit distance) before and after."""
    ocr, published, truth = (plain(t, fold) for t in (line.ocr, line.published, line.truth))
    return Levenshtein.distance(ocr, truth), Levenshtein.distance(published, truth)


def _pages(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return CER and word F1 of the pages' whole texts, including what OCR missed or put elsewhere."""
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
    """Return the number of words that both texts share, and their total; folded and unordered, as in quality.py."""
    wanted, found = (collections.Counter(t.casefold().split()) for t in (truth, text))
    return (wanted & found).total(), wanted.total() + found.total()


def preference(pairs: Iterable[tuple[int, int]]) -> float:
    """Return the share of improved documents minus that of worsened ones; ``pairs`` are errors before and after."""
    signs = [(before > after) - (before < after) for before, after in pairs]
    return sum(signs) / max(1, len(signs))


def interval(pairs: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the error reduction over documents, by bootstrap (Efron 1979)."""
    counts: np.ndarray[Any, Any] = np.asarray(pairs, float)
    draws = np.random.default_rng(1).integers(0, len(pairs), (BOOTSTRAP_SAMPLES, len(pairs)))
    before, after = counts[draws, 0].sum(1), counts[draws, 1].sum(1)
    reductions = (before - after) / np.maximum(1, before)
    low, high = np.percentile(reductions, [2.5, 97.5])
    return float(low), float(high)


def rules(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Count the edits of each rule of the gate: accepted, good (alone nearer to the truth) and bad (farther).

    ``clean`` counts the edits in lines without an error; ``steps`` the good and bad ones in each of MARGIN_BINS.
    """
    found: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        for line in outcome.lines:
            clean = not distances(line, outcome.fold)[0]
            for edit in line.edits:
                row = found.setdefault(edit.rule, _no_edits())
                better = gain(line, edit, outcome.fold)
                row["edits"] += 1
                row["accepted"] += edit.accepted
                row["good"] += better > 0
                row["bad"] += better < 0
                row["clean"] += clean
                if edit.margin is not None and better:
                    row["steps"][bisect.bisect(MARGIN_BINS, edit.margin) - 1][better < 0] += 1
    return dict(sorted(found.items(), key=lambda item: -item[1]["edits"]))


def _no_edits() -> dict[str, Any]:
    counts = dict.fromkeys(("edits", "accepted", "good", "bad", "clean"), 0)
    return {**counts, "steps": [[0, 0] for _ in MARGIN_BINS]}


def by_confidence(lines: Sequence[tuple[Judged, bool]]) -> list[dict[str, Any]]:
    """Return lines, errors before and after, and lines better and worse, for each of CONFIDENCE_BINS."""
    rows = []
    for low, high in itertools.pairwise(CONFIDENCE_BINS):
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
