"""A noise channel: what OCR engines do to a line, at a chosen level.

The substitutions are the look-alikes of the field, with weights that ``fit`` counts on real pairs of OCR text
and truth. Digits are never taken for other digits: the corrector is to copy what it can't know.
"""

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rapidfuzz.distance import Levenshtein

BASE: dict[str, dict[str, float]] = {
    "e": {"c": 4, "o": 2, "é": 0.3}, "c": {"e": 3, "o": 1}, "o": {"c": 1, "0": 0.7, "a": 0.5, "e": 1}, "a": {"o": 1, "u": 0.5, "s": 0.4},
    "l": {"1": 2, "I": 2, "i": 1, "t": 0.5, "|": 0.5}, "I": {"l": 3, "1": 2, "|": 0.5, "T": 0.3}, "i": {"l": 1, "1": 0.7, "j": 0.4, "": 0.5},
    "m": {"rn": 3, "in": 0.7, "n": 0.7, "nn": 0.5}, "n": {"u": 1.5, "ri": 0.7, "h": 0.4, "ii": 0.3}, "u": {"n": 1.5, "ii": 0.6, "v": 0.4},
    "h": {"b": 1.5, "li": 1, "n": 0.5}, "b": {"h": 1, "6": 0.3}, "d": {"cl": 1.5, "a": 0.3}, "w": {"vv": 2, "v": 0.5}, "v": {"y": 0.5, "r": 0.3},
    "t": {"l": 0.8, "f": 0.8, "r": 0.4, "i": 0.4}, "f": {"t": 0.8, "r": 0.4, "ſ": 0.1}, "r": {"t": 0.4, "i": 0.3, "v": 0.2}, "s": {"5": 0.3, "a": 0.3, "S": 0.3},
    "g": {"q": 0.6, "9": 0.3, "y": 0.2}, "q": {"g": 0.5}, "y": {"v": 0.4, "g": 0.2}, "k": {"lc": 0.3}, "z": {"2": 0.3, "s": 0.3}, "S": {"5": 1, "s": 0.5, "8": 0.3},
    "O": {"0": 2, "Q": 0.7, "C": 0.5, "o": 0.5}, "B": {"8": 0.8, "E": 0.4, "R": 0.4}, "D": {"O": 0.5, "0": 0.4}, "G": {"C": 0.7, "6": 0.4}, "C": {"G": 0.6, "c": 0.5, "O": 0.3},
    "E": {"F": 0.6, "B": 0.4}, "F": {"E": 0.4, "P": 0.4}, "P": {"F": 0.3, "R": 0.3}, "R": {"B": 0.4, "P": 0.3}, "T": {"I": 0.4, "1": 0.2}, "Z": {"2": 0.7}, "M": {"N": 0.4}, "N": {"M": 0.3}, "H": {"N": 0.4},
    "U": {"V": 0.3, "u": 0.3}, "V": {"v": 0.4, "Y": 0.3}, "W": {"w": 0.4, "VV": 0.4}, "0": {"O": 1, "o": 0.3}, "1": {"l": 1, "I": 1}, "5": {"S": 0.7}, "8": {"B": 0.4}, "2": {"Z": 0.3}, "6": {"G": 0.2},
    "é": {"e": 2, "è": 0.7}, "è": {"e": 1.5, "é": 0.7}, "ü": {"u": 2, "ii": 0.3}, "ö": {"o": 2, "6": 0.1}, "ä": {"a": 2, "á": 0.2}, "à": {"a": 2}, "ç": {"c": 2}, "ñ": {"n": 2}, "ß": {"B": 1, "ss": 0.5, "8": 0.2},
    "ê": {"e": 1.5, "é": 0.5}, "í": {"i": 2}, "ó": {"o": 2}, "á": {"a": 2}, "ú": {"u": 2}, "ï": {"i": 1.5}, "ë": {"e": 1}, "fi": {"ﬁ": 1}, "fl": {"ﬂ": 1},
}  # fmt: skip
SPACE_LOST, SPACE_EXTRA, LOST, DOUBLED, CASE = 0.22, 0.08, 0.08, 0.05, 0.04  # shares of all errors


class Noise:
    """Draws errors; ``fitted`` counts, when there are some, join the table."""

    def __init__(self, fitted: Path | None = None) -> None:
        self._table = {c: dict(options) for c, options in BASE.items()}
        if fitted and fitted.exists():
            counts = json.loads(fitted.read_text())
            for c, options in counts.items():
                total = sum(options.values())
                mine = self._table.setdefault(c, {})
                for to, n in options.items():
                    if not (c.isdigit() and to.isdigit()):
                        mine[to] = mine.get(to, 0.0) + 4.0 * n / total

    def apply(self, rng: random.Random, line: str, rate: float) -> str:
        """The line with about ``rate`` errors a character."""
        out: list[str] = []
        skip = False
        for n, c in enumerate(line):
            if skip:
                skip = False
                continue
            if rng.random() >= rate * (3.0 if c == " " else 0.8):
                out.append(c)
                continue
            pair = line[n : n + 2]
            kind = rng.random()
            if c == " ":
                out.append("" if kind < 0.75 and _keeps_numbers(line, n) else " ")
            elif kind < SPACE_EXTRA and c.isalpha():
                out.append(c + " ")
            elif kind < SPACE_EXTRA + LOST and c.isalpha():
                out.append("")
            elif kind < SPACE_EXTRA + LOST + DOUBLED and c.isalpha():
                out.append(c + c)
            elif kind < SPACE_EXTRA + LOST + DOUBLED + CASE and c.isalpha():
                out.append(c.swapcase())
            elif pair in self._table:
                out.append(self._draw(rng, pair))
                skip = True
            else:
                out.append(self._draw(rng, c) if c in self._table else c)
        return "".join(out)

    def _draw(self, rng: random.Random, c: str) -> str:
        options = self._table[c]
        return rng.choices(list(options), list(options.values()))[0]


def _keeps_numbers(line: str, n: int) -> bool:
    """A space between two numbers is not lost: the corrector could not put it back."""
    return not (line[n - 1 : n].isdigit() and line[n + 1 : n + 2].isdigit())


def pairs(file: Path) -> Iterator[tuple[str, str]]:
    """Lines of OCR text and truth of a HIPE-OCRepair file, where both have as many lines."""
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        for row in opened:
            record = json.loads(row)
            ocr = record["ocr_hypothesis"]["transcription_unit"].split("\n")
            truth = record["ground_truth"]["transcription_unit"].split("\n")
            if len(ocr) != len(truth):
                continue
            for a, true in zip(ocr, truth, strict=True):
                # the truth writes every hyphen of a line's end as ¬, whatever was printed
                b = true[:-1] + "-" if true.endswith("¬") and a.endswith("-") else true
                digits = "".join(c for c in a if c.isdigit()), "".join(c for c in b if c.isdigit())
                near = Levenshtein.distance(a, b) <= 0.25 * max(len(a), len(b))
                if 8 <= len(b) <= 120 and len(a) <= 130 and near and digits[0] == digits[1]:
                    yield a.strip(), b.strip()


def fit(file: Path, out: Path) -> None:
    """Count the substitutions of one character by up to two, and write them as JSON."""
    counts: dict[str, Counter[str]] = {}
    for ocr, truth in pairs(file):
        for code in Levenshtein.opcodes(truth, ocr):
            before = truth[code.src_start : code.src_end]
            after = ocr[code.dest_start : code.dest_end]
            if code.tag == "replace" and len(before) == 1 and len(after) <= 2 and before != " ":
                counts.setdefault(before, Counter())[after] += 1
    kept = {c: dict(n.most_common(8)) for c, n in counts.items() if sum(n.values()) >= 20}
    out.write_text(json.dumps(kept, ensure_ascii=False))
