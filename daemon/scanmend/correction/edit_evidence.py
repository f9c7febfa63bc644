"""State the facts on which the gate's rules for one edit decide."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import Levenshtein

from scanmend.correction.alignment import Difference
from scanmend.correction.confusions import (
    differs_by_ending,
    has_old_letters,
    has_regular_case,
    is_one_run,
    is_plausible_misreading,
    reverses_meaning,
)
from scanmend.correction.gate_rules import GateRules
from scanmend.correction.lexical_evidence import (
    MIN_SAFE_WORD_LENGTH,
    LexicalEvidence,
    compare,
    is_abbreviation,
    is_misreading_within,
    is_nearly_read,
    splits_into_frequent_words,
)
from scanmend.correction.lexicon import Lexicon, core, neighbours
from scanmend.correction.lookalikes import MIN_FIT_GAIN, fit_gain
from scanmend.correction.protected import Span, overlaps, protected_spans
from scanmend.page import Line
from scanmend.scripts import exchanges_scripts, mixes_scripts

COLUMN_GAP_SPACES = 3  # so many separate the cells of a table; no words are joined across them

# a digit stands for a letter of a word only if so many letters are around it, or behind it: not in
# H2O, 2nd, 3ème
MIN_LETTERS_AROUND_DIGIT, MIN_LETTERS_BEHIND_DIGIT = 3, 5
MAX_DIGITS_IN_WORD = 2

# the factor by which the lexicon's evidence scales the profile's min_margin
MARGIN_FACTORS = {
    LexicalEvidence.INTO_FREQUENT: 0.5,
    LexicalEvidence.INTO_KNOWN: 1.0,
    LexicalEvidence.AGAINST: 1.0,
    LexicalEvidence.BOTH_UNKNOWN: 2.0,
    LexicalEvidence.SAME_WORDS: 2.0,
}
_INTO_KNOWN = (LexicalEvidence.INTO_FREQUENT, LexicalEvidence.INTO_KNOWN)


@dataclass(frozen=True)
class EditEvidence:
    """The facts about one edit.

    ``protected`` holds the spans of the line that no edit may touch. ``margin`` is the model's
    log-odds, in nats, of its own text over the OCR's; None where the model does not report it. The
    lexicon is consulted only where the margin is known. ``judged``: a language model compared the
    texts that may stand there, so that its margin already weighs lexicon and confusions.
    """

    edit: Difference
    line: Line
    protected: Sequence[Span]
    rules: GateRules
    lexicon: Lexicon | None
    margin: float | None
    judged: bool = False

    # characters and words -------------------------------------------------------------------------

    @property
    def changes_numerals(self) -> bool:
        """Return whether the text before or after the edit has a digit or another numeral."""
        return any(c.isnumeric() for text in (self.edit.before, self.edit.after) for c in text)

    @cached_property
    def repairs_word(self) -> bool:
        """Return whether the judged edit puts letters in the place of digits within a word (shou1d).

        The digits stand between letters, or one stands before a long word. The new word is known. No digit becomes a space:
        the number in "pages3and" is one.
        """
        before, after = self.edit.before, self.edit.after
        if not self.judged or self.lexicon is None or any(map(str.isnumeric, after)):
            return False
        start, end = core(before)  # a digit before the first letter is outside
        word = before[max(0, start - 1) : end]
        digits = sum(map(str.isdigit, word))
        if digits != sum(map(str.isnumeric, before)) or not 0 < digits <= MAX_DIGITS_IN_WORD:
            return False
        letters = [c for c in word if c.isalpha()]
        least = MIN_LETTERS_AROUND_DIGIT if word[0].isalpha() else MIN_LETTERS_BEHIND_DIGIT
        if len(letters) < least or sum(map(str.isupper, letters)) > 1:
            return False
        words = after.split()
        is_divided = len(words) > len(before.split())
        return bool(words) and not is_divided and all(map(self.lexicon.frequency, words))

    @property
    def touches_protected(self) -> bool:
        """Return whether the edit overlaps a protected span, other than by the digits that it repairs."""
        span = (self.edit.start, self.edit.end)
        if not self.repairs_word:
            return overlaps(span, self.protected)
        text, (start, end) = self.line.text, span
        as_letters = "".join("x" if c.isdigit() else c for c in text[start:end])
        repaired = text[:start] + as_letters + text[end:]
        patterns = (m.span() for p in self.rules.protected for m in p.finditer(text))
        return overlaps(span, [*protected_spans(repaired), *patterns])

    @property
    def adds_foreign_characters(self) -> bool:
        """Return whether the edit adds a script that the line lacks, or changes combining marks.

        A Cyrillic a is not a Latin a. Only combining marks count that Unicode can't merge with
        their letter, such as the small e above a vowel in old German print.
        """
        after = self.edit.after
        if not after.isascii() and not all(
            c in self.line.text or c.isascii() or unicodedata.name(c, "").startswith("LATIN")
            for c in after
        ):
            return True
        return _combining_marks(self.edit.before) != _combining_marks(after)

    @property
    def exchanges_scripts(self) -> bool:
        """Return whether letters of one script become letters of another that look different.

        An edit that puts a letter of another script into a word of one script does so, too: the
        two may look alike, but no search finds the word any more.
        """
        before, after = self.edit.before, self.edit.after
        if exchanges_scripts(before, after):
            return True
        return mixes_scripts(after) and not mixes_scripts(before)

    @property
    def makes_full_stop_a_comma(self) -> bool:
        """Return whether a full stop would become a comma."""
        before, after = self.edit.before, self.edit.after
        return "." in before and any(
            (before[change.src_pos], after[change.dest_pos]) == (".", ",")
            for change in Levenshtein.editops(before, after)
            if change.tag == "replace"
        )

    @property
    def crosses_column_gap(self) -> bool:
        """Return whether the edit joins words across a gap as wide as between columns."""
        return " " * COLUMN_GAP_SPACES in self.edit.before

    @cached_property
    def words(self) -> tuple[list[str], list[str]]:
        """Return the words as read, and as proposed."""
        return self.edit.before.split(), self.edit.after.split()

    @property
    def old(self) -> str:
        """Return the words as read, without spaces."""
        return "".join(self.words[0])

    @property
    def new(self) -> str:
        """Return the words as proposed, without spaces."""
        return "".join(self.words[1])

    @property
    def joins_or_splits(self) -> bool:
        """Return whether the number of words changes."""
        old_words, new_words = self.words
        return len(old_words) != len(new_words)

    @property
    def splits(self) -> bool:
        """Return whether the edit increases the number of words."""
        old_words, new_words = self.words
        return len(new_words) > len(old_words)

    @property
    def changes_spaces_only(self) -> bool:
        """Return whether words are joined or split, and no other character changes."""
        return self.joins_or_splits and self.old == self.new

    @property
    def changes_encoding_only(self) -> bool:
        """Return whether the words are the same after Unicode normalisation (NFC)."""
        old, new = (unicodedata.normalize("NFC", text) for text in (self.old, self.new))
        return old == new and not self.changes_spaces_only

    @cached_property
    def letters(self) -> tuple[str, str]:
        """Return the letters and digits of the words as read, and as proposed."""
        return _alphanumerics(self.old), _alphanumerics(self.new)

    @property
    def changes_punctuation_only(self) -> bool:
        """Return whether only signs change, or are joined with a word or split from it."""
        if not self.changes_spaces_only:
            return self.letters[0] == self.letters[1]
        if not any(map(str.isalpha, self.old)):
            return True
        return self.splits and self.lexical is LexicalEvidence.SAME_WORDS

    # plausibility ---------------------------------------------------------------------------------

    @cached_property
    def is_regularly_written(self) -> bool:
        """Return whether the word's capitals are regular, and it has no long s or ligature."""
        return has_regular_case(self.old) and not has_old_letters(self.old)

    @property
    def changes_short_word(self) -> bool:
        """Return whether the edit changes a short word that is written regularly."""
        if self.changes_spaces_only or not self.is_regularly_written:
            return False
        return len(self.letters[0]) < MIN_SAFE_WORD_LENGTH and self.old.isalpha()

    @property
    def changes_case_only(self) -> bool:
        """Return whether the edit changes only the case of a word that is written regularly.

        An apostrophe that a language model finds lost is more, if the word becomes a known one (lhymne, dEtat).
        """
        if self.changes_spaces_only or not self.is_regularly_written:
            return False
        is_known = self.lexicon is not None and self.lexicon.frequency(self.new) > 0
        if self.judged and is_known and _apostrophes(self.old) != _apostrophes(self.new):
            return False
        old, new = self.letters
        return old.casefold() == new.casefold()

    @property
    def changes_too_much(self) -> bool:
        """Return whether more than ``max_edit_ratio`` changes, unless by one confused run."""
        limit = max(1, int(self.rules.max_edit_ratio * len(self.old)))
        too_many = Levenshtein.distance(self.old, self.new) > limit
        return too_many and not is_one_run(self.old, self.new)

    @property
    def is_plausible(self) -> bool:
        """Return whether OCR engines make such a misreading."""
        return is_plausible_misreading(self.old, self.new)

    @property
    def reverses_meaning(self) -> bool:
        """Return whether a change of prefix reverses the meaning."""
        return reverses_meaning(*self.letters)

    @property
    def differs_by_ending(self) -> bool:
        """Return whether only a one-letter grammatical ending changes."""
        return differs_by_ending(*self.letters)

    # evidence of the engine, the model and the lexicon --------------------------------------------

    @property
    def engine_is_sure(self) -> bool:
        """Return whether the edit changes a run of characters of which the engine doubted none.

        Insertions don't count: the engine could not doubt a character that it lost. Joins and
        splits don't count either.
        """
        if self.line.unsure is None or self.changes_spaces_only:
            return False
        unsure = frozenset(self.line.unsure)
        # for each run of adjacent changes: did the engine doubt the characters?
        runs: list[list[bool]] = []
        previous = -2
        for operation in Levenshtein.editops(self.edit.before, self.edit.after):
            if operation.src_pos > previous + 1:
                runs.append([])
            if operation.tag != "insert":
                runs[-1].append(self.edit.start + operation.src_pos in unsure)
            previous = operation.src_pos
        return any(run and not any(run) for run in runs)

    @cached_property
    def lexical(self) -> LexicalEvidence | None:
        """Return the lexicon's evidence; None where it is not consulted."""
        if self.margin is None or self.lexicon is None:
            return None
        return compare(self.edit.before, self.edit.after, self.lexicon)

    @property
    def restores_known_word(self) -> bool:
        """Return whether an unknown or far rarer word becomes a similar known one."""
        if self.splits or self.lexical not in _INTO_KNOWN:
            return False
        return self._is_misreading

    @cached_property
    def fits_neighbours_better(self) -> bool:
        """Return whether the other known word is far more usual between these neighbours."""
        if self.lexicon is None or self.lexical is not LexicalEvidence.AGAINST or self.splits:
            return False
        before, after = self.edit.before, self.edit.after
        if " " in before or not self.lexicon.frequency(after) or not self._is_misreading:
            return False
        start, end = (self.edit.start + offset for offset in core(before))
        beside = neighbours(self.line.text, start, end, self.lexicon)
        return fit_gain(before, after, beside, self.lexicon) >= MIN_FIT_GAIN

    @cached_property
    def is_nearly_read(self) -> bool:
        """Return whether the proposed words are known, and the engine itself nearly read them."""
        if self.lexicon is None or self.margin is None or self.line.doubts is None:
            return False
        start, end = self.edit.start, self.edit.end
        return is_nearly_read(
            self.line.doubts, start, end, self.line.text, self.edit.after, self.lexicon
        )

    @property
    def is_known_word_nearly_read(self) -> bool:
        """Return whether a known word would change into another that the engine nearly read."""
        return self.lexical is LexicalEvidence.AGAINST and not self.splits and self.is_nearly_read

    @property
    def gives_up_known_word(self) -> bool:
        """Return whether a known word would change or be split, unsupported by other evidence."""
        if self.lexicon is None or self.lexical is None:
            return False
        if self.splits:
            before, after = self.edit.before, self.edit.after
            lost_spaces = splits_into_frequent_words(before, after, self.lexicon)
            return not (lost_spaces or self.is_nearly_read)
        if self.lexical is not LexicalEvidence.AGAINST:
            return False
        return not (self.fits_neighbours_better or self.is_nearly_read)

    @property
    def min_margin(self) -> float:
        """Return the lowest margin, in nats, with which the edit is accepted."""
        if self.judged or self.lexical is None or self.splits:
            return self.rules.min_margin
        if self.lexical is LexicalEvidence.SAME_WORDS and " " in self.edit.before:
            return self.rules.min_margin
        return self.rules.min_margin * MARGIN_FACTORS[self.lexical]

    @cached_property
    def _is_misreading(self) -> bool:
        """Return whether one word may be the other, even badly misread; an abbreviation never is."""
        before, after = self.edit.before, self.edit.after
        if is_abbreviation(before) or self.reverses_meaning:
            return False
        return is_misreading_within(before, after, self.rules.max_edit_ratio)


@dataclass(frozen=True, slots=True)
class AcceptanceEvidence:
    """The facts about an edit that no rule rejects. ``overruled``: a plausibility rule was set aside."""

    edit: EditEvidence
    overruled: bool


def _combining_marks(text: str) -> str:
    """Return the combining marks that are left after Unicode normalisation (NFC)."""
    if text.isascii():
        return ""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.combining(c))


def _alphanumerics(text: str) -> str:
    """Return the letters and digits of a text."""
    return text if text.isalnum() else "".join(c for c in text if c.isalnum())


def _apostrophes(text: str) -> int:
    return text.count("'") + text.count("’")
