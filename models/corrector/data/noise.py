"""Simulate OCR errors in a line at a chosen rate (a noise channel), and compute the target that a corrector should learn.

The substitutions are look-alikes, with weights that ``fit`` counts on real pairs of OCR text and truth. No digit becomes
another, and no letter becomes a digit, because a corrector can't know the digit and should copy it. Only in numbers may a digit
become a letter.
"""

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rapidfuzz.distance import Levenshtein

# readings of each printed character or pair, with relative weights
SUBSTITUTIONS: dict[str, dict[str, float]] = json.loads(
    Path(__file__).with_name("substitutions.json").read_text(encoding="utf-8")
)
DIGIT_LOOK_ALIKES = {"0": "OoO", "1": "lI|", "5": "S", "8": "B", "2": "Z", "6": "b"}
PUNCTUATION_LOOK_ALIKES = {
    ",": ".;",
    ".": ",:",
    ";": ":,",
    ":": ";.",
    "'": "`,’",
    "’": "'‘",
    "“": '"',
    "”": '"',
    "—": "-–",
    "–": "-—",
    "-": "—~",
    "!": "l|",
    "(": "C{",
}
# share of the errors at a pair of letters in the table that affect the pair instead of the letter
PAIR_SHARE = 0.35
FITTED_WEIGHT = 4.0  # total weight of a character's fitted substitutions
# shares of a letter's errors; the rest are substitutions
EXTRA_SPACE, LOST, DOUBLED, OTHER_CASE, RANDOM_LETTER = 0.08, 0.08, 0.03, 0.03, 0.05
READ_TWICE = 0.04  # once rightly and once wrongly: fuür
MIN_TORN_LETTERS = 5  # in a word that may be split by a space
DIRT_SIGNS = ".,'`-~·:;|_*^\"°"
WORD_EDGES = re.compile(r"(\W*)(.*?)(\W*)", re.DOTALL)
LINE_END_HYPHENS = ("-", "¬", "\u00ad", "—", "–", "‐")
MAX_FITTED, MIN_FITTED = 8, 20
# limits for real pairs to learn from
MAX_DISTANCE = 0.3  # edits, as a share of the longer text
MIN_CHARACTERS, MAX_CHARACTERS = 4, 200
MAX_WORD_DISTANCE = 0.6  # normalised; a word that was read even worse stays as it was read
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Noise:
    """A noise channel that draws errors from a table of substitutions."""

    def __init__(self, fitted: Path | None = None) -> None:
        """Build the table; add the counts that ``fit`` wrote, if the file exists."""
        self._table = {c: dict(options) for c, options in SUBSTITUTIONS.items()}
        if fitted and fitted.exists():
            for c, options in json.loads(fitted.read_text()).items():
                total = sum(options.values())
                mine = self._table.setdefault(c, {})
                for to, n in options.items():
                    if not any(x.isdigit() for x in c + to):
                        mine[to] = mine.get(to, 0.0) + FITTED_WEIGHT * n / total

    def apply(self, rng: random.Random, line: str, rate: float) -> str:
        """Return the line with about ``rate`` errors per character, more in some words than in others."""
        words = line.split(" ")
        spoilt = [self._word(rng, word, rate * min(3.0, rng.expovariate(1))) for word in words]
        out = spoilt[0]
        for n in range(1, len(words)):
            number = words[n - 1][-1:].isdigit() or words[n][:1].isdigit()
            lost = not number and rng.random() < 1.5 * rate
            out += ("" if lost else " ") + spoilt[n]
        return out

    def _word(self, rng: random.Random, word: str, rate: float) -> str:
        if any(c.isdigit() for c in word):
            alike = DIGIT_LOOK_ALIKES
            return "".join(
                rng.choice(alike[c]) if c in alike and rng.random() < rate / 4 else c for c in word
            )
        out: list[str] = []
        n = 0
        while n < len(word):
            c, pair = word[n], word[n : n + 2]
            n += 1
            if rng.random() >= rate:
                out.append(c)
            elif not c.isalpha():
                signs = PUNCTUATION_LOOK_ALIKES.get(c, c)
                out.append(rng.choice(["", rng.choice(signs), rng.choice(signs)]))
            elif pair in self._table and rng.random() < PAIR_SHARE:
                out.append(self._draw(rng, pair))
                n += 1
            else:
                out.append(self._letter(rng, c))
        if rng.random() < rate / 2:
            out.insert(rng.randrange(len(out) + 1), rng.choice(DIRT_SIGNS))
        if len(out) >= MIN_TORN_LETTERS and rng.random() < rate:
            out.insert(rng.randrange(2, len(out) - 1), " ")
        return "".join(out)

    def _letter(self, rng: random.Random, c: str) -> str:
        kind = rng.random()
        for share, made in (
            (EXTRA_SPACE, c + " "),
            (LOST, ""),
            (DOUBLED, c + c),
            (OTHER_CASE, c.swapcase()),
            (RANDOM_LETTER, rng.choice(LETTERS)),
            (READ_TWICE, self._twice(rng, c)),
        ):
            if kind < share:
                return made
            kind -= share
        return self._draw(rng, c) if c in self._table else c

    def _twice(self, rng: random.Random, c: str) -> str:
        other = self._draw(rng, c) if c in self._table else rng.choice(LETTERS)
        return rng.choice([c + other, other + c])

    def _draw(self, rng: random.Random, c: str) -> str:
        options = self._table[c]
        return rng.choices(list(options), list(options.values()))[0]


def target(ocr: str, truth: str) -> str:
    """Return the text that a corrector should write: the truth, but numbers and punctuation as they were read."""
    return " ".join(_word_target(before, after) for before, after in _words(ocr, truth))


def _words(ocr: str, truth: str) -> Iterator[tuple[str, str]]:
    """Yield pairs of words, cut at the spaces that both texts share; a lost or extra space stays inside a pair."""
    x = y = 0
    for code in Levenshtein.opcodes(ocr, truth):
        if code.tag == "equal":
            for n in range(code.src_end - code.src_start):
                if ocr[code.src_start + n] == " ":
                    yield ocr[x : code.src_start + n], truth[y : code.dest_start + n]
                    x, y = code.src_start + n + 1, code.dest_start + n + 1
    yield ocr[x:], truth[y:]


def _word_target(before: str, after: str) -> str:
    """Return the target for a word that was read as ``before`` and printed as ``after``."""
    if before == after:
        return before
    letters, true = _letters(before), _letters(after)
    if any(c.isdigit() for c in before + after):
        repaired = len(before) == len(after) and all(
            a == b or a in DIGIT_LOOK_ALIKES.get(b, "") for a, b in zip(before, after, strict=True)
        )
        return after if repaired else before
    if letters.casefold() == true.casefold() and (
        letters.islower() or letters.isupper() or letters.istitle() or not letters
    ):
        return after if before.replace(" ", "") == after.replace(" ", "") else before
    if (
        Levenshtein.normalized_distance(before, after) > MAX_WORD_DISTANCE
        or not letters
        or not true
    ):
        return before
    head, core, tail = WORD_EDGES.fullmatch(before).groups()  # type: ignore[union-attr] # all text matches
    true_head, true_core, true_tail = WORD_EDGES.fullmatch(after).groups()  # type: ignore[union-attr]
    if len(core) == len(true_core):
        return f"{head}{true_core}{tail}"
    return f"{true_head}{true_core}{tail if tail in LINE_END_HYPHENS and true_tail in LINE_END_HYPHENS else true_tail}"


def _letters(text: str) -> str:
    return "".join(c for c in text if c.isalpha())


def pairs(file: Path) -> Iterator[tuple[str, str]]:
    """Yield lines of OCR text with their targets, if text and truth are near enough to learn from."""
    for ocr, truth in raw(file):
        near = Levenshtein.distance(ocr, truth) <= MAX_DISTANCE * max(len(ocr), len(truth))
        if near and MIN_CHARACTERS <= len(ocr) <= MAX_CHARACTERS:
            yield ocr, target(ocr, truth)


def raw(file: Path) -> Iterator[tuple[str, str]]:
    """Yield lines of OCR text and truth from a HIPE-OCRepair file (.gz) or from a file of ``render`` (.jsonl)."""
    return _rendered(file) if file.suffix == ".jsonl" else _hipe(file)


def _rendered(file: Path) -> Iterator[tuple[str, str]]:
    for row in file.read_text(encoding="utf-8").splitlines():
        ocr, truth, *_ = json.loads(row)
        # the target of a long s is s, that of a ligature its letters
        for old, new in (("ſ", "s"), ("ﬁ", "fi"), ("ﬂ", "fl")):
            truth = truth.replace(old, new)
        yield ocr.strip(), " ".join(truth.split())


def _hipe(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines of documents whose OCR text and truth have the same number of lines."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        for row in opened:
            record = json.loads(row)
            ocr = record["ocr_hypothesis"]["transcription_unit"].split("\n")
            truth = record["ground_truth"]["transcription_unit"].split("\n")
            if len(ocr) == len(truth):
                yield from ((a.strip(), b.strip()) for a, b in zip(ocr, truth, strict=True))


def fit(files: Iterable[Path], out: Path) -> None:
    """Count the substitutions of one or two letters by up to two characters, and write them as JSON.

    A substitution is kept, with its MAX_FITTED most frequent readings, if it occurs at least MIN_FITTED times.
    """
    counts: dict[str, Counter[str]] = {}
    for file in files:
        for ocr, truth in pairs(file):
            for code in Levenshtein.opcodes(truth, ocr):
                before = truth[code.src_start : code.src_end]
                after = ocr[code.dest_start : code.dest_end]
                if (
                    code.tag == "replace"
                    and before.isalpha()
                    and len(before) <= 2
                    and len(after) <= 2
                ):
                    counts.setdefault(before, Counter())[after] += 1
    kept = {
        c: dict(n.most_common(MAX_FITTED))
        for c, n in counts.items()
        if sum(n.values()) >= MIN_FITTED
    }
    out.write_text(json.dumps(kept, ensure_ascii=False))
