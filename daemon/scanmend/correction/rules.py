"""Name the correction's rules, and define the form in which the policy states a rule."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

E = TypeVar("E")  # the evidence on which a rule decides


class RuleName(enum.StrEnum):
    """A rule, as sidecar and journal name it. The values are published and never change.

    The names stand in the order of their rows in ``policy``; a new one goes where its row goes.
    """

    REPAIR_IBAN = "repair-iban"
    REPAIR_CARD = "repair-card"
    REPAIR_EAN = "repair-ean"
    REPAIR_PERCENTAGE = "repair-percentage"
    REPAIR_AMOUNT = "repair-amount"
    REPAIR_TIME = "repair-time"
    REPAIR_DATE = "repair-date"
    REPAIR_DOSE = "repair-dose"
    REPAIR_COMMA = "repair-comma"
    REPAIR_ACCENT = "repair-accent"
    UNSAFE_CHARACTERS = "unsafe-characters"
    LENGTH = "length"
    SURE_LINE = "sure-line"
    DIGITS = "digits"
    NEW_WORD = "new-word"
    DROPPED_WORD = "dropped-word"
    PROTECTED = "protected"
    FOREIGN_CHARACTERS = "foreign-characters"
    OTHER_SCRIPT = "other-script"
    FULL_STOP = "full-stop"
    COLUMN_GAP = "column-gap"
    NO_NEW_WORDS = "no-new-words"
    SAME_TEXT = "same-text"
    PUNCTUATION = "punctuation"
    SHORT_WORD = "short-word"
    CASE = "case"
    TOO_MUCH = "too-much"
    IMPLAUSIBLE = "implausible"
    OPPOSED = "opposed"
    INFLECTION = "inflection"
    SURE_CHARACTERS = "sure-characters"
    REAL_WORD = "real-word"
    MARGIN = "margin"
    REPAIR_WORD = "repair-word"
    KNOWN_WORD = "known-word"
    OCR_PLAUSIBLE = "ocr-plausible"
    LINE_BUDGET = "line-budget"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Ground(Generic[E]):
    """A reason to set a rule aside; ``when`` says in words what ``holds`` tests."""

    holds: Callable[[E], bool]
    when: str


@dataclass(frozen=True, slots=True)
class Rule(Generic[E]):
    """One row of the policy: it rejects, or with ``accepts`` accepts, the edit to which it applies.

    ``applies`` tells whether the rule applies to the evidence, ``when`` says so in words, and
    ``why`` gives the reason. Any ground in ``overruled_by`` sets the rule aside. ``spares_judged``:
    the rule is not tried on an edit that a language model judged.
    """

    name: RuleName
    applies: Callable[[E], bool]
    when: str
    why: str
    overruled_by: tuple[Ground[E], ...] = ()
    accepts: bool = False
    spares_judged: bool = False

    def is_overruled(self, evidence: E) -> bool:
        """Return whether the evidence gives a ground to set the rule aside."""
        return any(ground.holds(evidence) for ground in self.overruled_by)


@dataclass(frozen=True, slots=True)
class Stage(Generic[E]):
    """Rules that are tried in order on the same evidence.

    ``text`` says in words to what they are applied, and what follows.
    """

    title: str
    text: str
    rules: tuple[Rule[E], ...]

    def first(self, evidence: E, *, judged: bool = False) -> Rule[E] | None:
        """Return the first rule that applies, or None. ``judged``: a language model judged the edit."""
        for rule in self.rules:
            if not (judged and rule.spares_judged) and rule.applies(evidence):
                return rule
        return None
