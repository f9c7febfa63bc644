"""The gate: the model proposes, this decides, edit by edit. A pure function; no I/O, no model.

The proposal is aligned with the OCR text word by word; each differing span is one edit, accepted or rejected
by the first rule that applies (``RULES``). Words that hold a digit are never the model's: letters among their
digits are repaired by rule alone (``tokens.repairs``). What is not changed stays byte for byte.

>>> from scanmend.page import Box, Line, LineProposal
>>> from scanmend.config.profiles import Profile
>>> page = [Line(t, Box(0, 0, 1, 1), 0.9) for t in ("Invoic # 12345", "Total: $1O0.00", "Date: 2023-07-15")]
>>> said = [LineProposal("Invoice # 12345"), LineProposal("The total is $900.00"), None]
>>> gate(page, said, Profile("default", "…")).lines
('Invoice # 12345', 'Total: $100.00', 'Date: 2023-07-15')
"""

import dataclasses
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from scanmend.config.profiles import Profile
from scanmend.correction.alignment import Span, spans
from scanmend.correction.commas import COMMA, commas
from scanmend.correction.confusions import by_runs, inflected, opposed, plausible, regular_case
from scanmend.correction.lexical_evidence import (
    INTO_COMMON,
    SHORT,
    UNKNOWN,
    Evidence,
    abbreviated,
    doubtful,
    evidence,
    near,
    nearly_read,
    splits,
)
from scanmend.correction.lexicon import Lexicon, core, neighbours
from scanmend.correction.lookalikes import FITTING, gain
from scanmend.correction.protected import Repair, protected, repairs
from scanmend.page import Edit, Line, LineProposal

LONGEST = 4000  # characters of a line; a longer one is no line of print
COLUMN_GAP = 3  # spaces that part cells of a table: no words are joined over them

_OLD = frozenset("ſﬁﬂﬀﬃﬄ")  # what a reader would not mean today
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

RULES = {
    "unsafe-characters": "the proposal holds control, invisible or direction characters",
    "length": "the proposal is far longer or shorter than the line",
    "sure-line": "the engine is sure of the line (min_confidence_to_skip)",
    "digits": "a digit would change, come or go",
    "new-word": "a word that has no counterpart in the OCR text",
    "dropped-word": "a word would be dropped",
    "protected": "a number, amount, code, address, unit, currency, or a pattern of the profile",
    "foreign-characters": "a character of another script",
    "column-gap": "words of two columns would be joined",
    "no-new-words": "words would be joined or split and changed at once",
    "punctuation": "only punctuation differs",
    "same-text": "only the encoding differs",
    "short-word": "a word so short may be another real word",
    "case": "only the case of a regularly written word differs",
    "too-much": "more changes than max_edit_ratio allows in a word",
    "implausible": "no engine misreads like that",
    "opposed": "the meaning would turn",
    "inflection": "another ending is grammar, not a misreading",
    "sure-characters": "the engine is sure of the characters that would change",
    "real-word": "a known word would change, or become one that is not known",
    "margin": "the model is not sure enough (min_margin)",
    "line-budget": "all edits together change more than max_edit_ratio of the line",
    "ambiguous": "the line would change again if it were corrected again",
    "ocr-plausible": "accepted",
    "known-word": "accepted: no word was read, a known one is meant, and the model is sure",
}
# what a known word and a sure model overrule
_DOUBTS = frozenset({"short-word", "too-much", "implausible", "no-new-words", "inflection"})
_SHORT_DOUBTS = frozenset({"short-word", "implausible"})  # what its neighbours overrule too


ACCEPTED = frozenset({"ocr-plausible", "known-word"})


@dataclass(frozen=True, slots=True)
class Gated:
    """The lines to publish, and every edit with the rule that decided on it."""

    lines: tuple[str, ...]
    edits: tuple[Edit, ...]


def gate(
    lines: Sequence[Line],
    proposed: Sequence[LineProposal | None],
    rules: Profile,
    lexicon: Lexicon | None = None,
) -> Gated:
    """Decide on a page. ``proposed`` has one for each line, or None where there is nothing to decide.

    ``lexicon``: evidence on edits whose margin is known.
    """
    texts, edits = [], []
    for number, (line, proposal) in enumerate(zip(lines, proposed, strict=True)):
        decided = [] if line.exact else _line(number, line, proposal, rules, lexicon)
        texts.append(apply(line.text, decided))
        edits += decided
    return Gated(tuple(texts), tuple(edits))


def needs_correction(line: Line, rules: Profile, lexicon: Lexicon | None = None) -> bool:
    """Return whether a line is worth the model's time: it has letters, and the engine is not sure of it.

    ``lexicon``: nor are all its words known, where the engine tells its doubts. Text that a PDF draws is exact.
    """
    if line.exact:
        return False
    if line.confidence is not None and line.confidence >= rules.min_confidence_to_skip:
        return False
    if len(line.text) > LONGEST or not any(c.isalpha() for c in line.text):
        return False
    return (
        lexicon is None
        or line.unsure is None
        or any(doubtful(line.text, line.unsure, lexicon, line.doubts))
    )


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text with the accepted edits, whose offsets count in ``text``."""
    for edit in sorted((e for e in edits if e.accepted), key=lambda e: -e.start):
        assert text[edit.start : edit.start + len(edit.before)] == edit.before
        text = text[: edit.start] + edit.after + text[edit.start + len(edit.before) :]
    return text


def revert(published: str, edits: Sequence[Edit]) -> str:
    """The OCR text again: ``apply`` backwards."""
    for edit in sorted((e for e in edits if e.accepted), key=lambda e: e.start):
        assert published[edit.start : edit.start + len(edit.after)] == edit.after
        published = published[: edit.start] + edit.before + published[edit.start + len(edit.after) :]  # fmt: skip
    return published


def _line(
    number: int, line: Line, proposal: LineProposal | None, rules: Profile, lexicon: Lexicon | None
) -> list[Edit]:
    """The rules' repairs first, then what the model makes of the repaired line: a repair keeps every offset."""
    found = [*repairs(line.text, line.unsure), *commas(line.text, line.unsure)]
    fixed = [Edit(number, r.start, r.before, r.after, True, r.rule) for r in found]
    if proposal is None or proposal.text == line.text:
        return sorted(fixed, key=lambda e: e.start)
    repaired = dataclasses.replace(line, text=apply(line.text, fixed))
    edits = _judged(number, repaired, proposal, rules, lexicon, found)
    if any(e.accepted for e in edits):  # what is published must stand when it is gated again
        published = _published(repaired, edits)
        again = _judged(number, published, proposal, rules, lexicon, ())
        if any(e.accepted for e in again) or repairs(published.text, published.unsure):
            edits = [
                dataclasses.replace(e, accepted=False, rule="ambiguous") if e.accepted else e
                for e in edits
            ]
    taken = {n for e in edits if e.accepted for n in range(e.start, e.start + len(e.before))}
    fixed = [e for e in fixed if e.start not in taken]  # a comma behind a word that changes as well
    edits = [
        dataclasses.replace(e, before=line.text[e.start : e.start + len(e.before)]) for e in edits
    ]
    return sorted(fixed + edits, key=lambda e: (e.start, e.accepted))


def _published(line: Line, edits: Sequence[Edit]) -> Line:
    """The line as it would be published; what the engine was unsure of moves along."""
    accepted = [e for e in edits if e.accepted]

    def moved(place: int) -> int | None:
        if any(e.start <= place < e.start + len(e.before) for e in accepted):
            return None
        return place + sum(len(e.after) - len(e.before) for e in accepted if e.start < place)

    unsure, doubts = line.unsure, line.doubts
    if unsure is not None:
        unsure = tuple(at for place in unsure if (at := moved(place)) is not None)
    if doubts is not None:
        there = ((d, moved(d.at)) for d in doubts)
        doubts = tuple(d.moved(at - d.at) for d, at in there if at is not None)
    return dataclasses.replace(line, text=apply(line.text, edits), unsure=unsure, doubts=doubts)


def _judged(
    number: int, line: Line, proposal: LineProposal, rules: Profile, lexicon: Lexicon | None,
    repaired: Sequence[Repair],
) -> list[Edit]:  # fmt: skip
    text = line.text
    whole = _whole_line(line, proposal.text, rules)
    if whole:
        return [Edit(number, 0, text, proposal.text, False, whole)]
    found = spans(text, proposal.text)
    if not found:
        return []
    marks = {r.start for r in repaired if r.rule == COMMA}
    kept = [*protected(text, rules.patterns), *(r.span for r in repaired if r.rule != COMMA)]
    judged = []
    for span in filter(None, (_with_comma(span, marks) for span in found)):
        margin = _margin(span, proposal)
        rule = _reject(span, line, kept, rules) or "ocr-plausible"
        if margin is not None:
            rule = _weighed(span, line, rule, margin, rules, lexicon)
        judged.append((span, rule, margin))
    passed = {s: Levenshtein.distance(s.before, s.after) for s, rule, _ in judged if rule in ACCEPTED}  # fmt: skip
    much = sum(passed.values()) > max(2, rules.max_edit_ratio * len(text))
    return [
        Edit(number, s.start, s.before, s.after, rule in ACCEPTED and not much,
             "line-budget" if much and rule in ACCEPTED else rule, m)
        for s, rule, m in judged
    ]  # fmt: skip


def _with_comma(span: Span, marks: Collection[int]) -> Span | None:
    """The model knows nothing of a full stop that the rules made a comma; None: it wants nothing else here."""
    if span.start + len(span.before) - 1 in marks and span.after.endswith("."):
        span = dataclasses.replace(span, after=span.after[:-1] + ",")
    return span if span.before != span.after else None


def _weighed(
    span: Span, line: Line, rule: str, margin: float, rules: Profile, lexicon: Lexicon | None
) -> str:
    """The rule that decides when the model's margin is known, and the lexicon has been asked."""
    least = rules.min_margin
    if lexicon is not None and (rule in ACCEPTED or rule in _DOUBTS):
        found = evidence(span.before, span.after, lexicon)
        if len(span.after.split()) > len(span.before.split()):
            if rule not in ACCEPTED:
                return rule
            if found is Evidence.SAME:
                return "punctuation"
            if not (splits(span.before, span.after, lexicon) or _nearly_read(span, line, lexicon)):
                return "real-word"
        elif found in (Evidence.COMMON, Evidence.FOR):
            least *= INTO_COMMON if found is Evidence.COMMON else 1
            if rule in _DOUBTS and _badly_read(span, rules):
                rule = _sure(span, line) or "known-word"
        elif found is Evidence.AGAINST and (
            _fits_better(span, line, rules, lexicon) or _nearly_read(span, line, lexicon)
        ):
            if rule in _SHORT_DOUBTS:
                rule = _sure(span, line) or "known-word"
        elif found is Evidence.AGAINST and rule in ACCEPTED:
            return "real-word"
        elif found is Evidence.NONE or (found is Evidence.SAME and " " not in span.before):
            least *= UNKNOWN
    return "margin" if rule in ACCEPTED and margin < least else rule


def _fits_better(span: Span, line: Line, rules: Profile, lexicon: Lexicon) -> bool:
    """Whether another known word is far more common than what was read between these neighbours."""
    if " " in span.before or not lexicon.frequency(span.after) or not _badly_read(span, rules):
        return False
    start, end = core(span.before)
    place = neighbours(line.text, span.start + start, span.start + end, lexicon)
    return gain(span.before, span.after, place, lexicon) >= FITTING


def _nearly_read(span: Span, line: Line, lexicon: Lexicon) -> bool:
    end = span.start + len(span.before)
    return line.doubts is not None and nearly_read(line.doubts, span.start, end, line.text, span.after, lexicon)  # fmt: skip


def _badly_read(span: Span, rules: Profile) -> bool:
    """Whether a word may be misread as far as this; an abbreviation not."""
    if abbreviated(span.before):
        return False
    turned = opposed(_letters(span.before), _letters(span.after))
    return not turned and near(span.before, span.after, rules.max_edit_ratio)


def _whole_line(line: Line, proposal: str, rules: Profile) -> str | None:
    """Why a proposal is not looked at word by word."""
    new = set(proposal) - set(line.text)
    if any(not c.isprintable() and unicodedata.category(c) in _UNSAFE for c in new):
        return "unsafe-characters"
    long = len(line.text)
    if long > LONGEST or len(proposal) > 1.5 * long + 8 or len(proposal) < 0.5 * long - 8:
        return "length"
    if line.confidence is not None and line.confidence >= rules.min_confidence_to_skip:
        return "sure-line"
    return None


def _margin(span: Span, proposal: LineProposal) -> float | None:
    """The least margin of the places where the model left the OCR text within this span; None: not known."""
    if proposal.divergences is None:
        return None
    end = span.after_start + len(span.after)
    there = [d.margin for d in proposal.divergences if d.start <= end and span.after_start <= d.end]
    return min(there, default=0.0)


def _reject(span: Span, line: Line, kept: list[tuple[int, int]], rules: Profile) -> str | None:
    """The rule that rejects this edit, or None."""
    before, after = span.before, span.after
    if any(c.isnumeric() for c in before) or any(c.isnumeric() for c in after):
        return "digits"
    if not before:
        return "new-word"
    if not after:
        return "dropped-word"
    end = span.start + len(before)
    if any(a < end and span.start < b for a, b in kept):
        return "protected"
    if not _same_script(after, line.text) or _marks(before) != _marks(after):
        return "foreign-characters"
    if " " * COLUMN_GAP in before:
        return "column-gap"
    ours, theirs = before.split(), after.split()
    old, new = "".join(ours), "".join(theirs)
    if len(ours) != len(theirs):
        if old == new:
            return None if any(map(str.isalpha, old)) else "punctuation"
        return "no-new-words"
    return _reject_word(old, new, rules) or _sure(span, line)


def _reject_word(before: str, after: str, rules: Profile) -> str | None:
    """Whether one word may become the other: few changes, each as engines make them."""
    if unicodedata.normalize("NFC", before) == unicodedata.normalize("NFC", after):
        return "same-text"
    letters, new_letters = _letters(before), _letters(after)
    if letters == new_letters:
        return "punctuation"
    ordinary = regular_case(before) and not _OLD & set(before)
    if ordinary and len(letters) < SHORT and before.isalpha():
        return "short-word"
    if ordinary and letters.casefold() == new_letters.casefold():
        return "case"
    most = max(1, int(rules.max_edit_ratio * len(before)))
    if Levenshtein.distance(before, after) > most and not by_runs(before, after):
        return "too-much"
    if not plausible(before, after):
        return "implausible"
    if opposed(letters, new_letters):
        return "opposed"
    if inflected(letters, new_letters):
        return "inflection"
    return None


def _sure(span: Span, line: Line) -> str | None:
    """A stretch of changes none of whose characters the engine doubted. What it lost, it could not doubt."""
    if line.unsure is None:
        return None
    doubted = set(line.unsure)
    operations = Levenshtein.editops(span.before, span.after)
    last = -2
    stretch: list[bool] = []  # neighbouring changes: whether the engine doubted the character
    for operation in operations:
        if operation.src_pos > last + 1:
            if stretch and not any(stretch):
                return "sure-characters"
            stretch = []
        if operation.tag != "insert":
            stretch.append(span.start + operation.src_pos in doubted)
        last = operation.src_pos
    return "sure-characters" if stretch and not any(stretch) else None


def _same_script(after: str, text: str) -> bool:
    """No character of a script that the line has not: a Cyrillic a is no Latin a."""
    return after.isascii() or all(
        c in text or c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in after
    )


def _marks(text: str) -> str:
    """Combining characters that no letter holds, as the small e of old German print."""
    if text.isascii():
        return ""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.combining(c))


def _letters(word: str) -> str:
    return word if word.isalnum() else "".join(c for c in word if c.isalnum())
