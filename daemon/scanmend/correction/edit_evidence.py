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
    turns_meaning,
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
from scanmend.correction.protected import Span, overlaps
from scanmend.page import Line

COLUMN_GAP = 3  # spaces between cells of a table, over which no words are joined

# by how much the lexicon's evidence scales the profile's min_margin
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
    """What is known of one edit.

    ``protected`` holds the spans of the line that no edit may touch. ``margin`` is how much more
    probable the model held its own text than the OCR's, in nats; None where the model does not
    tell. The lexicon is consulted only where it does.
    """

    edit: Difference
    line: Line
    protected: Sequence[Span]
    rules: GateRules
    lexicon: Lexicon | None
    margin: float | None

    # characters and words -------------------------------------------------------------------------

    @property
    def changes_numerals(self) -> bool:
        """Tell whether a digit or another numeral stands in the text before or after the edit."""
        return any(c.isnumeric() for text in (self.edit.before, self.edit.after) for c in text)

    @property
    def touches_protected(self) -> bool:
        """Tell whether the edit overlaps a protected span."""
        return overlaps((self.edit.start, self.edit.end), self.protected)

    @property
    def adds_foreign_characters(self) -> bool:
        """Tell whether the edit adds a script that the line has not, or changes combining marks.

        A Cyrillic a is no Latin a. Combining marks are those that no letter holds, as the small e
        of old German print.
        """
        after = self.edit.after
        if not after.isascii() and not all(
            c in self.line.text or c.isascii() or unicodedata.name(c, "").startswith("LATIN")
            for c in after
        ):
            return True
        return _combining_marks(self.edit.before) != _combining_marks(after)

    @property
    def crosses_column_gap(self) -> bool:
        """Tell whether the edit joins words over a gap as wide as between columns."""
        return " " * COLUMN_GAP in self.edit.before

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
        """Tell whether the number of words changes."""
        old_words, new_words = self.words
        return len(old_words) != len(new_words)

    @property
    def splits(self) -> bool:
        """Tell whether there are more words than before."""
        old_words, new_words = self.words
        return len(new_words) > len(old_words)

    @property
    def changes_spaces_only(self) -> bool:
        """Tell whether words are joined or split, and no other character changes."""
        return self.joins_or_splits and self.old == self.new

    @property
    def changes_encoding_only(self) -> bool:
        """Tell whether the words are the same after Unicode normalisation (NFC)."""
        old, new = (unicodedata.normalize("NFC", text) for text in (self.old, self.new))
        return old == new and not self.changes_spaces_only

    @cached_property
    def letters(self) -> tuple[str, str]:
        """Return the letters and digits of the words as read, and as proposed."""
        return _alphanumerics(self.old), _alphanumerics(self.new)

    @property
    def changes_punctuation_only(self) -> bool:
        """Tell whether only signs change, or only signs are joined with a word or split from it."""
        if not self.changes_spaces_only:
            return self.letters[0] == self.letters[1]
        if not any(map(str.isalpha, self.old)):
            return True
        return self.splits and self.lexical is LexicalEvidence.SAME_WORDS

    # plausibility ---------------------------------------------------------------------------------

    @cached_property
    def is_regularly_written(self) -> bool:
        """Tell whether the word has capitals as in print, and no long s or ligature."""
        return has_regular_case(self.old) and not has_old_letters(self.old)

    @property
    def changes_short_word(self) -> bool:
        """Tell whether a regularly written short word would change."""
        if self.changes_spaces_only or not self.is_regularly_written:
            return False
        return len(self.letters[0]) < MIN_SAFE_WORD_LENGTH and self.old.isalpha()

    @property
    def changes_case_only(self) -> bool:
        """Tell whether only the case of a regularly written word changes."""
        if self.changes_spaces_only or not self.is_regularly_written:
            return False
        old, new = self.letters
        return old.casefold() == new.casefold()

    @property
    def changes_too_much(self) -> bool:
        """Tell whether over ``max_edit_ratio`` of the word changes, not by one confused run."""
        limit = max(1, int(self.rules.max_edit_ratio * len(self.old)))
        too_many = Levenshtein.distance(self.old, self.new) > limit
        return too_many and not is_one_run(self.old, self.new)

    @property
    def is_plausible(self) -> bool:
        """Tell whether OCR engines misread like that."""
        return is_plausible_misreading(self.old, self.new)

    @property
    def turns_meaning(self) -> bool:
        """Tell whether a prefix of opposite meaning comes or goes."""
        return turns_meaning(*self.letters)

    @property
    def differs_by_ending(self) -> bool:
        """Tell whether only a one-letter ending of grammar changes."""
        return differs_by_ending(*self.letters)

    # what engine, model and lexicon say -----------------------------------------------------------

    @property
    def engine_is_sure(self) -> bool:
        """Tell whether the engine doubted no character of some run of adjacent changes.

        A character that it lost it could not doubt: such changes don't count. Nor do joins and
        splits.
        """
        if self.line.unsure is None or self.changes_spaces_only:
            return False
        unsure = frozenset(self.line.unsure)
        runs: list[list[bool]] = []  # of adjacent changes, whether the engine doubted the character
        last = -2
        for operation in Levenshtein.editops(self.edit.before, self.edit.after):
            if operation.src_pos > last + 1:
                runs.append([])
            if operation.tag != "insert":
                runs[-1].append(self.edit.start + operation.src_pos in unsure)
            last = operation.src_pos
        return any(run and not any(run) for run in runs)

    @cached_property
    def lexical(self) -> LexicalEvidence | None:
        """Return the lexicon's evidence; None where it is not consulted."""
        if self.margin is None or self.lexicon is None:
            return None
        return compare(self.edit.before, self.edit.after, self.lexicon)

    @property
    def restores_known_word(self) -> bool:
        """Tell whether an unknown or far rarer word becomes a known one that is near to it."""
        if self.splits or self.lexical not in _INTO_KNOWN:
            return False
        return self._is_near

    @cached_property
    def fits_neighbours_better(self) -> bool:
        """Tell whether another known word is far more usual between these neighbours."""
        if self.lexicon is None or self.lexical is not LexicalEvidence.AGAINST or self.splits:
            return False
        before, after = self.edit.before, self.edit.after
        if " " in before or not self.lexicon.frequency(after) or not self._is_near:
            return False
        start, end = (self.edit.start + offset for offset in core(before))
        around = neighbours(self.line.text, start, end, self.lexicon)
        return fit_gain(before, after, around, self.lexicon) >= MIN_FIT_GAIN

    @cached_property
    def is_nearly_read(self) -> bool:
        """Tell whether the engine itself nearly read the proposed words, which are known."""
        if self.lexicon is None or self.margin is None or self.line.doubts is None:
            return False
        start, end = self.edit.start, self.edit.end
        return is_nearly_read(
            self.line.doubts, start, end, self.line.text, self.edit.after, self.lexicon
        )

    @property
    def is_known_word_nearly_read(self) -> bool:
        """Tell whether a known word would change into another that the engine nearly read."""
        return self.lexical is LexicalEvidence.AGAINST and not self.splits and self.is_nearly_read

    @property
    def gives_up_known_word(self) -> bool:
        """Tell whether a known word would change or be split, unsupported by other evidence."""
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
        if self.lexical is None or self.splits:
            return self.rules.min_margin
        if self.lexical is LexicalEvidence.SAME_WORDS and " " in self.edit.before:
            return self.rules.min_margin
        return self.rules.min_margin * MARGIN_FACTORS[self.lexical]

    @cached_property
    def _is_near(self) -> bool:
        """Tell whether one word may be the other misread, even badly; an abbreviation never is."""
        before, after = self.edit.before, self.edit.after
        if is_abbreviation(before) or self.turns_meaning:
            return False
        return is_misreading_within(before, after, self.rules.max_edit_ratio)


def _combining_marks(text: str) -> str:
    if text.isascii():
        return ""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.combining(c))


def _alphanumerics(text: str) -> str:
    return text if text.isalnum() else "".join(c for c in text if c.isalnum())
