"""Hold the judgements of a page, and make the proposal for a line of them."""

import dataclasses
from collections.abc import Sequence

from scanmend.correction.channel import Nats
from scanmend.llm.judge.doubtful_words import DoubtfulWord
from scanmend.llm.judge.judge_features import ScoredWord
from scanmend.llm.judge.odds import Judgement
from scanmend.page import Bound, Divergence, LineProposal

MARGIN_AT_JUDGE_THRESHOLD: Nats = 2.0  # on the scale of the gate's ``min_margin``


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """A text that another corrector would put in place of ``line[start:end]``."""

    start: int
    end: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProposedEdit:
    """A text in place of ``line[start:end]``, with its margin (nats, on the gate's scale)."""

    start: int
    end: int
    text: str
    margin: Nats
    judged: bool


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedPage:
    """The words that the model scored, and the judgements that reach their thresholds, the surest first."""

    language: str
    scored: tuple[ScoredWord, ...]
    sure: tuple[Judgement, ...]
    wished: tuple[Judgement, ...]
    bound: Bound | None
    """Why words were left unscored; None if none was."""
    unscored: int
    knows_language: bool = True
    """Whether the model knows the page's language; else it scored nothing."""

    def edits(self, line: int) -> list[ProposedEdit]:
        """Return the edits of a line, without those that overlap a surer one."""
        kept: list[ProposedEdit] = []
        for judgement in self.sure:
            word = judgement.word
            if word.line != line or any(word.start < k.end and k.start < word.end for k in kept):
                continue
            margin = MARGIN_AT_JUDGE_THRESHOLD + judgement.log_odds - judgement.threshold
            text = judgement.replacement.text
            kept.append(ProposedEdit(word.start, word.end, text, margin, judged=True))
        return kept

    def log_odds(self, line: int, start: int, end: int, wish: str, read: str) -> Nats | None:
        """Return the log-odds of a wish over everything else in its place, the text as read included; None if it is unscored."""
        for judgement in self.wished:
            word = judgement.word
            if word.line == line and start <= word.start and word.end <= end:
                text = wished_text(word, Wish(start, end, wish), read)
                if judgement.replacement.text == text:
                    return judgement.log_odds
        return None


def wished_text(word: DoubtfulWord, wish: Wish, read: str) -> str | None:
    """Return what a wish puts in place of a word within it; None if it changes what is around the word, too.

    ``read``: the text in whose place the wish would stand.
    """
    before, behind = read[: word.start - wish.start], read[word.end - wish.start :]
    if len(wish.text) <= len(before) + len(behind):
        return None
    if not wish.text.startswith(before) or not wish.text.endswith(behind):
        return None
    return wish.text[len(before) : len(wish.text) - len(behind)]


def proposal_of(line: str, edits: Sequence[ProposedEdit]) -> LineProposal:
    """Return the line with the edits, which do not overlap, and a divergence for each of them."""
    text, end = "", 0
    divergences = []
    for edit in sorted(edits, key=lambda e: e.start):
        text += line[end : edit.start]
        stop = len(text) + len(edit.text)
        divergences.append(Divergence(len(text), stop, edit.margin, judged=edit.judged))
        text += edit.text
        end = edit.end
    return LineProposal(text + line[end:], tuple(divergences))
