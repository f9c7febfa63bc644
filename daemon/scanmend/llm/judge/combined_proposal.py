"""Combine the built-in corrector's proposals with a language model's judgements.

The corrector comes first: its wishes are replacements that the judge scores, too. Its edits stay where no judged edit overlaps
them, or where they join a torn word of which the judge saw a part, unless the judge is sure that they are wrong.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scanmend.correction.alignment import Difference, differences
from scanmend.correction.channel import Nats
from scanmend.correction.old_spelling import is_other_spelling
from scanmend.llm.judge.judged_page import JudgedPage, ProposedEdit, Wish, proposal_of
from scanmend.llm.judge.known_languages import KnownLanguages
from scanmend.llm.judge.page_judgement import PageToJudge, judge_words
from scanmend.llm.judge.proposal_meter import ProposalMeter, time_limit
from scanmend.llm.judge.scorer import Scorer
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.loader import LoadedCorrector, LoadedModel
from scanmend.llm.page_proposal import propose_page
from scanmend.page import Divergence, LineProposal, PageProposal

# The log-odds that the judge gives to the corrector's edit, if the edit is to stay without being the judge's own. On 122
# documents, 60 edits with more were right and 12 wrong; of those with less, 14 and 29.
MIN_LOG_ODDS_OF_WISH: Nats = -1.0


def propose_with_judge(
    model: LoadedModel, corrector: LoadedCorrector | None, page: PageToJudge, seconds: float
) -> PageProposal:
    """Return the proposals of both for the page's wanted lines.

    ``corrector``: the built-in one; None: the model judges alone. ``seconds``: the time limit. Raises ChildError when
    llama.cpp fails.
    """
    scorer, expired = TextScorer(model.context), time_limit(seconds)
    meter = ProposalMeter(model.info, scorer, seconds)
    own = None
    if corrector is not None:
        own = propose_page(corrector, page.lines, page.wanted, seconds, page.alternatives)
    return judge_proposal(scorer, model.languages, meter, own, page, expired)


def judge_proposal(
    scorer: Scorer,
    languages: KnownLanguages,
    meter: ProposalMeter,
    own: PageProposal | None,
    page: PageToJudge,
    expired: Callable[[], bool],
) -> PageProposal:
    """Return the corrector's proposal ``own`` together with the judgements of ``scorer``, which knows ``languages``.

    ``meter``: begun before either of them. ``expired`` tells whether the page's time is over.
    """
    lines, wanted = page.lines, page.wanted
    edits = {n: list(_edits(lines[n], own.lines[n] if own else None)) for n in wanted}
    judged = judge_words(scorer, languages, page, expired, _wishes(edits))
    proposals = {n: combined(n, lines[n], edits[n], judged) for n in wanted}
    return meter.proposal(proposals, len(lines), judged)


def wishes_of(
    lines: Sequence[str], own: PageProposal, wanted: Iterable[int]
) -> dict[int, list[Wish]]:
    """Return what the corrector would put in place of words, by line."""
    return _wishes({n: list(_edits(lines[n], own.lines[n])) for n in wanted})


def _wishes(edits: Mapping[int, Sequence[ProposedEdit]]) -> dict[int, list[Wish]]:
    return {n: [Wish(e.start, e.end, e.text) for e in of_line] for n, of_line in edits.items()}


def _edits(line: str, proposal: LineProposal | None) -> Iterator[ProposedEdit]:
    """Yield the corrector's edits of a line, word by word, each with the margin that the gate would give it."""
    if proposal is None:
        return
    for difference in differences(line, proposal.text):
        if difference.before and difference.after:
            yield ProposedEdit(
                difference.start,
                difference.end,
                difference.after,
                _margin(difference, proposal.divergences or ()),
                judged=False,
            )


def _margin(difference: Difference, divergences: Sequence[Divergence]) -> Nats:
    """Return the lowest margin of the divergences that a difference touches, as the gate does."""
    start, end = difference.after_start, difference.after_start + len(difference.after)
    return min((d.margin for d in divergences if d.start <= end and start <= d.end), default=0.0)


def combined(
    number: int, line: str, own: Sequence[ProposedEdit], judged: JudgedPage
) -> LineProposal:
    """Return the proposal for one line."""
    if not judged.knows_language:
        return proposal_of(line, own)
    edits = judged.edits(number)
    for edit in own:
        read = line[edit.start : edit.end]
        if is_other_spelling(read, edit.text, judged.language):
            continue
        log_odds = judged.log_odds(number, edit.start, edit.end, edit.text, read)
        rivals = [e for e in edits if edit.start < e.end and e.start < edit.end]
        if all(_joins_more(edit, e) for e in rivals) and (
            log_odds is None or log_odds >= MIN_LOG_ODDS_OF_WISH
        ):
            edits = [e for e in edits if e not in rivals]
            edits.append(edit)
    return proposal_of(line, edits)


def _joins_more(edit: ProposedEdit, judged: ProposedEdit) -> bool:
    """Return whether an edit of the corrector joins a judged word with its neighbour, and is the surer one."""
    holds = edit.start <= judged.start and judged.end <= edit.end
    is_longer = edit.end - edit.start > judged.end - judged.start
    return holds and is_longer and edit.margin > judged.margin
