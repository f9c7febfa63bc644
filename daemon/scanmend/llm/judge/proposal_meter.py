"""Measure the making of a page's proposal by a judge."""

import time
from collections.abc import Callable, Mapping

from scanmend.llm.judge.judged_page import JudgedPage
from scanmend.llm.judge.scorer import Scorer
from scanmend.llm.page_proposal import CORRECTOR_METHOD
from scanmend.llm.time_note import words_note
from scanmend.page import Bound, LineProposal, ModelInfo, PageProposal

JUDGE_METHOD = "judge"  # published in the sidecar


def time_limit(seconds: float) -> Callable[[], bool]:
    """Return a function that tells whether so many seconds have passed from now on."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() >= deadline


class ProposalMeter:
    """Measures the making of a page's proposal."""

    def __init__(self, info: ModelInfo, scorer: Scorer, seconds: float) -> None:
        """Note the time and the scorer's counters. ``info``: its model; ``seconds``: the page's time limit."""
        self._info, self._scorer, self._limit = info, scorer, seconds
        self._started = time.monotonic()
        self._calls, self._tokens = scorer.calls, scorer.tokens

    def proposal(
        self, proposals: Mapping[int, LineProposal], lines: int, judged: JudgedPage
    ) -> PageProposal:
        """Return the proposal of a page of so many lines, with the time and the work since the start."""
        words = len(judged.scored) + judged.unscored
        late = judged.bound is Bound.SECONDS
        return PageProposal(
            lines=tuple(proposals.get(n) for n in range(lines)),
            model=self._info,
            tokens=self._scorer.tokens - self._tokens,
            seconds=time.monotonic() - self._started,
            bound=judged.bound,
            calls=self._scorer.calls - self._calls,
            method=JUDGE_METHOD if judged.knows_language else CORRECTOR_METHOD,
            note=words_note(judged.unscored, words, self._limit) if late else "",
        )
