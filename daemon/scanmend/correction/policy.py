"""The correction policy: every rule, in the order in which the gate tries them, as data.

``markdown`` renders the table for the documentation. To add a rule to the gate, add a row here and
its name to ``RuleName``, in the same order; what the row asks for is a property of ``EditEvidence``.
CONTRIBUTING.md lists the other steps.
"""

from collections.abc import Iterator
from typing import Any

from scanmend.correction.accents import ACCENT_SPECKS
from scanmend.correction.edit_evidence import (
    COLUMN_GAP_SPACES,
    MARGIN_FACTORS,
    AcceptanceEvidence,
    EditEvidence,
)
from scanmend.correction.lexical_evidence import MIN_SAFE_WORD_LENGTH
from scanmend.correction.line_evidence import (
    MAX_LINE_LENGTH,
    MIN_LINE_BUDGET,
    LineEvidence,
    ProposalEvidence,
    SecondPassEvidence,
)
from scanmend.correction.repairs import ARTICLES, CARDS, COMMAS, IBANS, OTHER_NUMBERS
from scanmend.correction.rules import Ground, Rule, RuleName, Stage

PROPOSAL: Stage[ProposalEvidence] = Stage(
    "The proposal for a line",
    "Tried on the whole proposal. The first rule that applies rejects it, and it is not compared"
    " word by word.",
    (
        Rule(
            RuleName.UNSAFE_CHARACTERS,
            lambda e: e.adds_unsafe_characters,
            "the proposal adds control, invisible or direction characters",
            "a reader can't see what they do to the text",
        ),
        Rule(
            RuleName.LENGTH,
            lambda e: e.has_implausible_length,
            f"the proposal is far longer or shorter than the line, or the line has over"
            f" {MAX_LINE_LENGTH:,} characters",
            "that is not a correction but a refusal, a comment, a summary or a repetition",
        ),
        Rule(
            RuleName.SURE_LINE,
            lambda e: e.is_line_sure,
            "the engine's confidence in the line reaches `min_confidence_to_skip`",
            "a line that was read well needs no correction",
        ),
    ),
)

UNTOUCHABLE: Stage[EditEvidence] = Stage(
    "What no model may change",
    "Tried on each edit. The first rule that applies rejects it.",
    (
        Rule(
            RuleName.DIGITS,
            lambda e: e.changes_numerals and not e.repairs_word,
            "the text before or after the edit has a digit, and a language model did not judge that one"
            " within a word stands for a letter (shou1d)",
            "a model does not know numbers; where it reads one differently, a person is asked to"
            " check",
        ),
        Rule(
            RuleName.NEW_WORD,
            lambda e: not e.edit.before,
            "a word would be added that has no counterpart in the OCR text",
            "text must not be invented",
        ),
        Rule(
            RuleName.DROPPED_WORD,
            lambda e: not e.edit.after,
            "a word would be dropped",
            "text must not be lost",
        ),
        Rule(
            RuleName.PROTECTED,
            lambda e: e.touches_protected,
            "the edit touches an amount, code, address, unit, currency, numeral, number word, or a"
            " pattern of the profile",
            "each character of it counts, and no context tells which is right",
        ),
        Rule(
            RuleName.FOREIGN_CHARACTERS,
            lambda e: e.adds_foreign_characters,
            "a character of a script that the line lacks would be added, or a combining mark would"
            " change",
            "it looks the same, but is another text",
        ),
        Rule(
            RuleName.OTHER_SCRIPT,
            lambda e: e.exchanges_scripts,
            "letters of one script would become letters of another that look different, or a word"
            " of one script would get a letter of another",
            "no engine misreads a Chinese character as X, or a Cyrillic Я as R",
        ),
        Rule(
            RuleName.FULL_STOP,
            lambda e: e.makes_full_stop_a_comma,
            "a full stop would become a comma",
            "it may end an abbreviation; the repair above decides on full stops that the engine"
            " doubted",
        ),
        Rule(
            RuleName.COLUMN_GAP,
            lambda e: e.crosses_column_gap,
            f"words would be joined across {COLUMN_GAP_SPACES} spaces or more",
            "they stand in different columns",
        ),
    ),
)

INTO_KNOWN_WORD: Ground[EditEvidence] = Ground(
    lambda e: e.restores_known_word,
    "an unknown or far rarer word becomes a known one, and a bad misreading explains it",
)
NEIGHBOURS: Ground[EditEvidence] = Ground(
    lambda e: e.fits_neighbours_better,
    "another known word stands far more often between these neighbours",
)
NEARLY_READ: Ground[EditEvidence] = Ground(
    lambda e: e.is_known_word_nearly_read,
    "the engine itself nearly read the other known word",
)

PLAUSIBILITY: Stage[EditEvidence] = Stage(
    "What engines do not misread",
    "Tried on each edit. The first rule that applies rejects the edit, unless a ground overrules"
    " it. The remaining rules of this stage are then skipped, because the ground is better evidence"
    " than they are. Grounds count only where the model reports how sure it is.",
    (
        Rule(
            RuleName.NO_NEW_WORDS,
            lambda e: e.joins_or_splits and not e.changes_spaces_only,
            "words would be joined or split, and other characters changed at once",
            "engines lose and add spaces, but such an edit may be another wording",
            (INTO_KNOWN_WORD,),
            spares_judged=True,
        ),
        Rule(
            RuleName.SAME_TEXT,
            lambda e: e.changes_encoding_only,
            "only the encoding of the characters differs (Unicode normalisation)",
            "a reader sees no difference",
        ),
        Rule(
            RuleName.PUNCTUATION,
            lambda e: e.changes_punctuation_only,
            "only signs would change, or would be split from a word",
            "models put signs where they are usual, not where they are printed",
            spares_judged=True,
        ),
        Rule(
            RuleName.SHORT_WORD,
            lambda e: e.changes_short_word,
            f"a regularly written word of fewer than {MIN_SAFE_WORD_LENGTH} letters would change",
            "a word so short is most often one letter away from another real word",
            (INTO_KNOWN_WORD, NEIGHBOURS, NEARLY_READ),
            spares_judged=True,
        ),
        Rule(
            RuleName.CASE,
            lambda e: e.changes_case_only,
            "only the case of a regularly written word would change",
            "case is spelling, not a misreading",
        ),
        Rule(
            RuleName.TOO_MUCH,
            lambda e: e.changes_too_much,
            "more characters of the word would change than `max_edit_ratio` allows",
            "the more changes, the more likely it is another word",
            (INTO_KNOWN_WORD,),
            spares_judged=True,
        ),
        Rule(
            RuleName.IMPLAUSIBLE,
            lambda e: not e.is_plausible,
            "one of the changes undoes no confusion that engines make",
            "no engine misreads text in this way, so the paper says what was read",
            (INTO_KNOWN_WORD, NEIGHBOURS, NEARLY_READ),
            spares_judged=True,
        ),
        Rule(
            RuleName.OPPOSED,
            lambda e: e.reverses_meaning,
            "a change of prefix would reverse the meaning (hyper-, hypo-)",
            "such a mistake is the most costly one",
        ),
        Rule(
            RuleName.INFLECTION,
            lambda e: e.differs_by_ending,
            "only a one-letter grammatical ending would change",
            "that is grammar, not a misreading",
            (INTO_KNOWN_WORD,),
        ),
    ),
)

_MARGIN_FACTORS_TEXT = ", ".join(
    f"times {factor:g} where {evidence.value}"
    for evidence, factor in MARGIN_FACTORS.items()
    if factor != 1
)
CERTAINTY: Stage[EditEvidence] = Stage(
    "How sure engine, lexicon and model are",
    "Tried on each remaining edit. The first rule that applies rejects it.",
    (
        Rule(
            RuleName.SURE_CHARACTERS,
            lambda e: e.engine_is_sure,
            "the engine reports its doubts, and doubted no character of a run of changes",
            "the engine saw the paper, and the model did not",
        ),
        Rule(
            RuleName.REAL_WORD,
            lambda e: e.gives_up_known_word,
            "a known word would change, or be split into rare ones, and neither its neighbours nor"
            " the engine support that",
            "a known word is more likely what was printed",
            spares_judged=True,
        ),
        Rule(
            RuleName.MARGIN,
            lambda e: e.margin is not None and e.margin < e.min_margin,
            f"the model's margin is below `min_margin`; {_MARGIN_FACTORS_TEXT}, unless a language model"
            " judged the edit",
            "the model is not sure enough; the bar is lower for a frequent word, and higher where no"
            " word is known",
        ),
    ),
)

REPAIR_WORD: Rule[AcceptanceEvidence] = Rule(
    RuleName.REPAIR_WORD,
    lambda e: e.edit.repairs_word,
    "a language model judged that one or two digits within a word stand for letters, and the word"
    " becomes a known one",
    "no word has a digit between its letters",
    accepts=True,
)
KNOWN_WORD: Rule[AcceptanceEvidence] = Rule(
    RuleName.KNOWN_WORD,
    lambda e: e.overruled,
    "a plausibility rule was overruled",
    "the model is sure, and the lexicon or the engine supports it",
    accepts=True,
)
OCR_PLAUSIBLE: Rule[AcceptanceEvidence] = Rule(
    RuleName.OCR_PLAUSIBLE,
    lambda _: True,
    "no rule applies",
    "an engine's misreading explains the edit",
    accepts=True,
)
ACCEPTANCE: Stage[AcceptanceEvidence] = Stage(
    "Every other edit is accepted",
    "The first row that applies names the reason.",
    (REPAIR_WORD, KNOWN_WORD, OCR_PLAUSIBLE),
)

LINE_TOTAL: Stage[LineEvidence] = Stage(
    "All edits of a line",
    "Tried after the edits were decided one by one. If the rule applies, all accepted edits of the"
    " line are rejected.",
    (
        Rule(
            RuleName.LINE_BUDGET,
            lambda e: e.exceeds_budget,
            "the accepted edits together change more characters than `max_edit_ratio` allows in"
            f" the line, and more than {MIN_LINE_BUDGET}",
            "many plausible edits together are another text",
        ),
    ),
)

SECOND_PASS: Stage[SecondPassEvidence] = Stage(
    "The corrected line",
    "The corrected line passes through the gate again, with the same proposal. If the rule applies,"
    " all accepted edits of the line are rejected.",
    (
        Rule(
            RuleName.AMBIGUOUS,
            lambda e: e.changes_again,
            "the line would change again",
            "correcting a line twice must give the same text as correcting it once",
            spares_judged=True,
        ),
    ),
)

EDIT_STAGES = (UNTOUCHABLE, PLAUSIBILITY, CERTAINTY)
STAGES: tuple[Stage[Any], ...] = (
    *(IBANS, CARDS, ARTICLES, OTHER_NUMBERS, COMMAS, ACCENT_SPECKS),
    PROPOSAL,
    *EDIT_STAGES,
    ACCEPTANCE,
    LINE_TOTAL,
    SECOND_PASS,
)


def decide(evidence: EditEvidence) -> Rule[EditEvidence] | Rule[AcceptanceEvidence]:
    """Return the rule that decides on one edit."""
    overruled = False
    for stage in EDIT_STAGES:
        rule = stage.first(evidence, judged=evidence.judged)
        if rule:
            if not rule.is_overruled(evidence):
                return rule
            overruled = True
    return ACCEPTANCE.first(AcceptanceEvidence(evidence, overruled)) or OCR_PLAUSIBLE


def markdown() -> str:
    """Return the policy as Markdown: one table for each stage, in order of evaluation."""
    return "\n".join(line for stage in STAGES for line in _table(stage))


def _table(stage: Stage[Any]) -> Iterator[str]:
    """Yield the lines of one stage's heading, text and table."""
    yield f"### {stage.title}"
    yield ""
    yield stage.text
    yield ""
    yield "| rule | decision | applies when | overruled when | why |"
    yield "| --- | --- | --- | --- | --- |"
    for rule in stage.rules:
        decision = "accepts" if rule.accepts else "rejects"
        grounds = [ground.when for ground in rule.overruled_by]
        if rule.spares_judged:
            grounds.append("a language model judged the edit")
        overruled = "; or ".join(grounds) or "never"
        cells = (f"`{rule.name}`", decision, rule.when, overruled, rule.why)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""
