"""Score texts by llama-server, which tells the probability of a token only where it generates one.

So it is made to generate the text: a grammar allows nothing else, and the probability reported is the one before the
grammar. The text before is the prompt, which the server keeps in its cache: in each of its slots, requests go through the
page from its beginning to its end.
"""

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scanmend.correction.channel import Nats
from scanmend.llm.judge.scorer import (
    MIN_LOG,
    Choice,
    Likelihood,
    Passage,
    TokenizedText,
    following_end,
)
from scanmend.llm.llama_server import MAX_FORCED, ForcingWay, LlamaServer, ServerToken
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock

FIRST_BATCH = 8  # passages: the most doubtful words, in case that the time is short
PASSAGES_PER_BATCH = 24  # each batch goes through the page once more
MAX_UNNEEDED = 6  # tokens between two needed ones that cost less than a request of their own


@dataclass(frozen=True, slots=True)
class _Job:
    """Tokens to force behind the beginning of the text that ends with token ``position``."""

    position: int
    tokens: tuple[ServerToken, ...]


class ForcingScorer:
    """A scorer of texts by llama-server; implements ``Scorer``."""

    def __init__(self, client: ServerClient, way: ForcingWay, clock: ServerClock) -> None:
        """Ask this server until the clock's end. ``client``: its address is that of the server, without ``/v1``."""
        self._way, self._clock = way, clock
        self._server = LlamaServer(client, way, clock)
        self._text = TokenizedText(b"", (), ())
        self._tokens: list[ServerToken] = []
        self._as_read: dict[int, Nats] = {}  # the log of each token of the text that is known
        self.calls = self.tokens = 0

    @property
    def max_tokens(self) -> int:
        """Return how many tokens a text may have."""
        return self._way.cells - MAX_FORCED - len(self._way.begin)

    def close(self) -> None:
        """Forget the text."""
        self._as_read.clear()

    def count_tokens(self, text: bytes) -> int:
        """Return how many tokens a text has at most: one a byte."""
        return len(text)

    def own_words(self, words: Sequence[tuple[int, str]]) -> list[list[str]]:
        """Return no words: this server is not asked for them."""
        return [[] for _ in words]

    def open(self, text: bytes, passages: Sequence[Passage] = ()) -> list[Nats | None]:
        """Take the text, and return the surprise of each passage, as ``Scorer.open``."""
        text = text.decode(errors="replace").encode()
        (self._tokens,) = self._server.tokenize([text])
        pieces = [token.piece for token in self._tokens]
        self._text = TokenizedText(text, [token.id for token in self._tokens], pieces)
        self._as_read.clear()
        spans = [self._text.tokens_within(p.start, p.end) for p in passages]
        self._read({n for first, last in spans for n in range(first, last)})
        return [self._surprise(first, last) for first, last in spans]

    def _surprise(self, first: int, last: int) -> Nats | None:
        """Return minus the log of the probability of a range of tokens; None if that is not known."""
        logs = [self._as_read.get(n) for n in range(first, last)]
        told = [log for log in logs if log is not None]
        return -sum(told) if len(told) == len(logs) else None

    def batches(
        self, passages: Sequence[Passage], choose: Choice | None = None
    ) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages, as ``Scorer.batches``; all of them with the words behind them, which costs no request more.

        The last batch may lack those for which the time is over.
        """
        del choose
        first, size = 0, FIRST_BATCH
        while first < len(passages):
            scored = self._scored(passages[first : first + size])
            yield [(first + n, found) for n, found in enumerate(scored) if found]
            first, size = first + size, PASSAGES_PER_BATCH

    def _scored(self, passages: Sequence[Passage]) -> list[list[Likelihood]]:
        """Return the likelihoods of the passages' variants; empty where the time was over before."""
        text = self._text
        firsts = [text.word_token(passage.start) for passage in passages]
        heads, tails = [], []
        for passage, first in zip(passages, firsts, strict=True):
            lead = text.text[text.offsets[first] : passage.start]
            tail = text.text[passage.end : following_end(text.text, passage.end)]
            heads += [lead + variant for variant in passage.variants]
            tails += [tail] * len(passage.variants)
        tokens = self._server.tokenize([h + t for h, t in zip(heads, tails, strict=True)])
        of_variant = [f for f, p in zip(firsts, passages, strict=True) for _ in p.variants]
        jobs = [_Job(first, tuple(t)) for first, t in zip(of_variant, tokens, strict=True)]
        logs = self._forced(jobs)
        found = (
            _likelihood(head, job.tokens, of_job) if of_job else None
            for head, job, of_job in zip(heads, jobs, logs, strict=True)
        )
        return [_without_untold([next(found) for _ in p.variants]) for p in passages]

    def _read(self, wanted: set[int]) -> None:
        """Ask for the logs of these tokens of the text, and of those between them that cost less than a request.

        Stop at half of the time that is left.
        """
        jobs: list[_Job] = []
        for first, last in _runs_of(sorted(wanted)):
            jobs.append(_Job(first, tuple(self._tokens[first:last])))
        for job, logs in zip(jobs, self._forced(jobs, self._clock.left / 2), strict=True):
            self._as_read.update(enumerate(logs, job.position))

    def _forced(self, jobs: Sequence[_Job], least: float = 0.0) -> list[list[Nats]]:
        """Return the logs of the tokens of each job; none of a job for which the time is over.

        ``least``: the seconds that must be left. Each slot of the server gets a part of the page.
        """
        order = sorted(range(len(jobs)), key=lambda n: jobs[n].position)
        share = -(-len(jobs) // self._way.slots)
        parts = [order[n : n + share] for n in range(0, len(order), max(1, share))]
        found: dict[int, list[Nats]] = {}

        def work(slot: int, numbers: Sequence[int]) -> tuple[int, int]:
            calls = tokens = 0
            with contextlib.suppress(TimeoutError):
                for n in numbers:
                    if self._clock.left <= least:
                        break
                    known = self._known(jobs[n])
                    if known is None:
                        prompt = [*self._way.begin, *self._text.tokens[: jobs[n].position]]
                        known, asked = self._server.forced(prompt, jobs[n].tokens, slot)
                        calls, tokens = calls + asked, tokens + len(known)
                    found[n] = known
            return calls, tokens

        with ThreadPoolExecutor(self._way.slots) as pool:
            for calls, tokens in pool.map(work, range(len(parts)), parts):
                self.calls, self.tokens = self.calls + calls, self.tokens + tokens
        return [found.get(n, []) for n in range(len(jobs))]

    def _known(self, job: _Job) -> list[Nats] | None:
        """Return the logs of a job that is the text as read, if they are known; else None."""
        numbers = range(job.position, job.position + len(job.tokens))
        same = tuple(self._tokens[job.position : numbers.stop]) == job.tokens
        if not same or any(n not in self._as_read for n in numbers):
            return None
        return [self._as_read[n] for n in numbers]


def _runs_of(wanted: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield ranges that cover the numbers, each of at most MAX_FORCED."""
    start = end = -1
    for n in wanted:
        if start >= 0 and (n - end > MAX_UNNEEDED or n + 1 - start > MAX_FORCED):
            yield start, end
            start = -1
        if start < 0:
            start = n
        end = n + 1
    if start >= 0:
        yield start, end


def _likelihood(
    head: bytes, tokens: Sequence[ServerToken], logs: Sequence[Nats]
) -> tuple[Likelihood, bool]:
    """Return the likelihood of a variant that ends with ``head``, and whether the server told all of it.

    The tokens behind ``head`` are those of the following words.
    """
    length = alone = 0
    for token in tokens:
        if length >= len(head):
            break
        length += len(token.piece)
        alone += 1
    told = not any(token.is_part for token in tokens[:alone])
    return Likelihood(sum(logs[:alone]), sum(logs)), told


def _without_untold(variants: Sequence[tuple[Likelihood, bool] | None]) -> list[Likelihood]:
    """Return the likelihoods of a passage's variants, with the lowest for a replacement that the server did not tell.

    Empty if there was no time for a variant (None).
    """
    found = [variant for variant in variants if variant is not None]
    if len(found) < len(variants):
        return []
    as_read, *others = found
    untold = Likelihood(MIN_LOG, MIN_LOG + as_read[0].with_following - as_read[0].alone)
    return [as_read[0], *(likelihood if told else untold for likelihood, told in others)]
