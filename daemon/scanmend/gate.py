"""The gate: the model proposes, this decides, edit by edit. A pure function; no I/O, no model.

The proposal is aligned with the OCR text word by word; each differing span is one edit, accepted or rejected
by the first rule that applies. Words that hold a digit are never the model's: letters among their digits
are repaired by rule alone (``tokens.repairs``). What is not changed stays byte for byte.

>>> from scanmend.values import Box, Line
>>> from scanmend.profiles import Profile
>>> page = [Line(t, Box(0, 0, 1, 1), 0.9) for t in ("Invoic # 12345", "Total: $1O0.00", "Date: 2023-07-15")]
>>> gate(page, ("Invoice # 12345", "The total is $900.00", None), Profile("default", "…")).lines
('Invoice # 12345', 'Total: $100.00', 'Date: 2023-07-15')
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from scanmend.profiles import Profile
from scanmend.tokens import protected, repairs
from scanmend.values import Edit, Line

SHORT = 5  # letters: a shorter word is most often another real word away from itself (form, farm)
MOST_WORDS = 60  # of a differing stretch: beyond, it is no correction
COLUMN_GAP = 3  # spaces that part cells of a table: no words are joined over them

# characters that engines take for each other; a proposal may swap them, and letters with their accents
_ALIKE = ("Iil1|!jtfJT/[]", "O0oQDCcGeU", "S5s8B", "Zz2", "aoesuc", "unvii", "hbkn", "gqy9", "mnrw", "vyuw", "ftr",
          "xX", "kK", "pP", "cC", "sS", "vV", "wW", "uU", "EFRPB", "HNMW", "dao", "ceo", "lk", "YV", "’'`´", "“”\"")  # fmt: skip
_ALIKE_RUNS = (("rn", "m"), ("nn", "m"), ("cl", "d"), ("vv", "w"), ("ii", "u"), ("li", "h"), ("ri", "n"), ("iii", "m"),
               ("ſ", "s"), ("ﬁ", "fi"), ("ﬂ", "fl"), ("ﬀ", "ff"), ("in", "m"), ("ni", "m"), ("lc", "k"), ("fi", "h"))  # fmt: skip
_PAIRS = frozenset((a, b) for group in _ALIKE for a in group for b in group if a != b)
_WORD = re.compile(r"\S+")
_PLAIN_CASE = re.compile(
    r"[^\W\d_ſﬁﬂﬀ][a-zà-öø-ÿ]*|[A-ZÀ-ÖØ-Þ]+"
)  # no sign of a misreading in itself


@dataclass(frozen=True, slots=True)
class Gated:
    """The lines to publish, and every edit with the rule that decided on it."""

    lines: tuple[str, ...]
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the OCR text and what is proposed for it."""

    start: int
    before: str
    after: str


def gate(lines: Sequence[Line], proposed: Sequence[str | None], rules: Profile) -> Gated:
    """Decide on a page. ``proposed`` has a text for each line, or None where the model left it out."""
    texts, edits = [], []
    for number, (line, proposal) in enumerate(zip(lines, proposed, strict=True)):
        decided = _line(number, line.text, proposal, rules)
        texts.append(apply(line.text, decided))
        edits += decided
    return Gated(tuple(texts), tuple(edits))


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with the accepted edits, whose offsets count in ``text``."""
    for edit in sorted((e for e in edits if e.accepted), key=lambda e: -e.start):
        assert text[edit.start : edit.start + len(edit.before)] == edit.before
        text = text[: edit.start] + edit.after + text[edit.start + len(edit.before) :]
    return text


def _line(number: int, text: str, proposal: str | None, rules: Profile) -> list[Edit]:
    fixed = [Edit(number, r.start, r.before, r.after, True, r.rule) for r in repairs(text)]
    if proposal is None or proposal == text:
        return fixed
    edits = _judged(number, text, proposal, rules)
    if any(e.accepted for e in edits):  # what is published must stand when it is gated again
        again = _judged(number, apply(text, edits), proposal, rules)
        if any(e.accepted for e in again):
            edits = [Edit(number, e.start, e.before, e.after, False, "ambiguous") for e in edits]
    return sorted(fixed + edits, key=lambda e: (e.start, e.accepted))


def _judged(number: int, text: str, proposal: str, rules: Profile) -> list[Edit]:
    whole = _whole_line_rule(text, proposal)
    if whole:
        return [Edit(number, 0, text, proposal, False, whole)]
    spans = _spans(text, proposal)
    kept = protected(text) + [
        m.span() for pattern in rules.protect for m in re.finditer(pattern, text)
    ]
    judged = [(span, _reject(span, text, kept, rules)) for span in spans]
    budget = max(2, rules.max_edit_ratio * len(text))
    spent = sum(_distance(span.before, span.after) for span, rule in judged if rule is None)
    return [
        Edit(number, span.start, span.before, span.after, rule is None and spent <= budget,
             rule or ("ocr-plausible" if spent <= budget else "line-budget"))
        for span, rule in judged
    ]  # fmt: skip


def _whole_line_rule(text: str, proposal: str) -> str | None:
    """Why a proposal is not looked at word by word."""
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in proposal):
        return "unsafe-characters"
    if len(proposal) > 1.5 * len(text) + 8 or len(proposal) < 0.5 * len(text) - 8:
        return "length"
    if (
        len(proposal.split()) > MOST_WORDS
        and SequenceMatcher(None, text, proposal, autojunk=False).quick_ratio() < 0.5
    ):
        return "another-text"
    return None


# what differs -------------------------------------------------------------------------------------


def _spans(text: str, proposal: str) -> list[_Span]:
    """The differing stretches, as small as whole words allow."""
    ours, theirs = list(_WORD.finditer(text)), list(_WORD.finditer(proposal))
    matcher = SequenceMatcher(None, [m[0] for m in ours], [m[0] for m in theirs], autojunk=False)
    spans = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        for a, b, c, d in _pairs([m[0] for m in ours[i1:i2]], [m[0] for m in theirs[j1:j2]]):
            before, after = ours[i1 + a : i1 + b], theirs[j1 + c : j1 + d]
            start = (
                before[0].start()
                if before
                else (ours[i1 + a].start() if i1 + a < len(ours) else len(text))
            )
            old = text[start : before[-1].end()] if before else ""
            new = proposal[after[0].start() : after[-1].end()] if after else ""
            if old != new:
                spans.append(_Span(start, old, new))
    return spans


def _pairs(ours: list[str], theirs: list[str]) -> list[tuple[int, int, int, int]]:
    """Which of our words became which of theirs: one to one, two to one, one to two, or none; cheapest first."""
    if len(ours) > MOST_WORDS or len(theirs) > MOST_WORDS:
        return [(0, len(ours), 0, len(theirs))]
    best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
    for i in range(len(ours) + 1):
        for j in range(len(theirs) + 1):
            for di, dj in ((1, 1), (2, 1), (1, 2), (1, 0), (0, 1)):
                if i >= di and j >= dj and (i - di, j - dj) in best:
                    cost = best[i - di, j - dj][0] + _cost(ours[i - di : i], theirs[j - dj : j])
                    if (i, j) not in best or cost < best[i, j][0]:
                        best[i, j] = (cost, (di, dj))
    out, i, j = [], len(ours), len(theirs)
    while i or j:
        di, dj = best[i, j][1]
        out.append((i - di, i, j - dj, j))
        i, j = i - di, j - dj
    return out[::-1]


def _cost(ours: list[str], theirs: list[str]) -> float:
    if not ours or not theirs:
        return 0.7 * len("".join(ours + theirs)) + 1
    a, b = "".join(ours), "".join(theirs)
    return _distance(a, b) + (0.5 if len(ours) != len(theirs) else 0)


# the rules ----------------------------------------------------------------------------------------


def _reject(span: _Span, text: str, kept: list[tuple[int, int]], rules: Profile) -> str | None:
    """The rule that rejects this edit, or None."""
    before, after = span.before, span.after
    if any(c.isdigit() or unicodedata.category(c) in ("Nd", "Nl", "No") for c in before + after):
        return "digits"
    if not before:
        return "new-word"
    if not after:
        return "dropped-word"
    end = span.start + len(before)
    if any(a < end and span.start < b for a, b in kept):
        return "protected"
    if not _same_script(after, text):
        return "foreign-characters"
    if " " * COLUMN_GAP in before:
        return "column-gap"
    if len(before.split()) != len(after.split()) and before.replace(" ", "") != after.replace(
        " ", ""
    ):
        return "no-new-words"
    return _word_rule(before.replace(" ", ""), after.replace(" ", ""), rules)


def _word_rule(before: str, after: str, rules: Profile) -> str | None:
    """Whether one word (without spaces) may become the other: few changes, each as engines make them."""
    if _plain(before) == _plain(after) and before != after:
        return "punctuation"
    if len(_plain(before)) < SHORT and before.isalpha() and _PLAIN_CASE.fullmatch(before):
        return "short-word"
    most = max(1, int(rules.max_edit_ratio * len(before)))
    distance = _distance(before, after)
    if distance > most and not _by_runs(before, after):
        return "too-much"
    if not _plausible(before, after):
        return "implausible"
    return None


def _same_script(after: str, text: str) -> bool:
    """No character of a script that the line has not: a Cyrillic a is no Latin a."""
    return all(
        c in text or c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in after
    )


def _plain(word: str) -> str:
    return "".join(c for c in word if c.isalnum())


def _plausible(before: str, after: str) -> bool:
    """Every change is one that OCR makes: look-alikes, accents, a lost or doubled letter in a longer word."""
    if _by_runs(before, after):
        return True
    gained = lost = 0
    for a, b in _changes(before, after):
        if a and b:
            if not _alike(a, b):
                return False
        elif a and a + a not in before:
            return False  # an engine loses letters and doubles them; it does not invent them
        elif (a or b).isalpha():
            gained += bool(b)
            lost += bool(a)
        else:
            return False
    return (gained == lost == 0 or len(before) >= 4) and gained + lost <= max(1, len(before) // 5)


def _alike(a: str, b: str) -> bool:
    if (a, b) in _PAIRS or a.casefold() == b.casefold():
        return True
    base_a, base_b = (unicodedata.normalize("NFD", c)[0] for c in (a, b))
    return base_a == base_b or (base_a, base_b) in _PAIRS


def _by_runs(before: str, after: str) -> bool:
    """Whether one confusion of several characters explains it all (rn/m, cl/d, a broken ligature)."""
    for a, b in _ALIKE_RUNS:
        for x, y in ((a, b), (b, a)):
            start = before.find(x)
            while start >= 0:
                if before[:start] + y + before[start + len(x) :] == after:
                    return True
                start = before.find(x, start + 1)
    return False


def _distance(a: str, b: str) -> int:
    """Levenshtein's (1966)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def _changes(a: str, b: str) -> list[tuple[str, str]]:
    """The changed characters of a cheapest alignment: (old, new), one of them empty for a loss or a gain."""
    table = [[*range(len(b) + 1)]]
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(table[i - 1][j] + 1, row[j - 1] + 1, table[i - 1][j - 1] + (x != y)))
        table.append(row)
    out, i, j = [], len(a), len(b)
    while i or j:
        if i and j and table[i][j] == table[i - 1][j - 1] + (a[i - 1] != b[j - 1]):
            if a[i - 1] != b[j - 1]:
                out.append((a[i - 1], b[j - 1]))
            i, j = i - 1, j - 1
        elif i and table[i][j] == table[i - 1][j] + 1:
            out.append((a[i - 1], ""))
            i -= 1
        else:
            out.append(("", b[j - 1]))
            j -= 1
    return out[::-1]
