"""Score texts by llama-server, which tells the probability of a token only where it generates one.

So it is made to generate the text: a grammar allows nothing else, and the probability reported is the one before the
grammar. The text before is the prompt, which the server keeps in its cache: in each of its slots, requests go through the
page from its beginning to its end.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from scanmend.correction.channel import Nats
from scanmend.errors import ChildError
from scanmend.llm.judge.scorer import Likelihood, Passage, TokenizedText, following_end
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock

COMPLETION, TOKENIZE, PROPS = "completion", "tokenize", "props"
PASSAGES_PER_BATCH = 24  # each batch goes through the page once more
MAX_FORCED = 64  # tokens of one request
MAX_UNNEEDED = (
    6  # unneeded tokens between two needed ones that cost less than a request of their own
)
BIAS = 1000.0  # on wanted tokens: else the server holds its whole vocabulary against the grammar for each token
MIN_LOG: Nats = -90.0  # a server whose 32-bit probability is 0 reports the lowest float


@dataclass(frozen=True, slots=True)
class ServerToken:
    """A token and the bytes that it spells. ``is_part``: they are a part of a character."""

    id: int
    piece: bytes
    is_part: bool

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "ServerToken":
        """Return the token of an entry of the server's answer."""
        piece = entry["piece"]
        is_part = not isinstance(piece, str)
        return cls(int(entry["id"]), bytes(piece) if is_part else piece.encode(), is_part)


@dataclass(frozen=True, slots=True)
class ForcingWay:
    """What a server told about its model.

    ``begin``: the tokens before each text. ``adds_space``: its tokenizer puts a space before each text. ``slots``: how many
    requests it works on at once, each with a cache of ``cells`` tokens. ``takes_grammar``: several tokens can be forced by
    one request.
    """

    model: str
    begin: tuple[int, ...]
    adds_space: bool
    slots: int
    cells: int
    takes_grammar: bool = True


@dataclass(frozen=True, slots=True)
class _Job:
    """Tokens to force behind the beginning of the text that ends with token ``position``."""

    position: int
    tokens: tuple[ServerToken, ...]


class LlamaServer:
    """The requests to one llama-server. Any thread may use it. ``calls`` counts requests, ``tokens`` forced tokens."""

    def __init__(self, client: ServerClient, way: ForcingWay, clock: ServerClock) -> None:
        """Ask this server until the clock's end. ``client``: its address is that of the server, without ``/v1``."""
        self._client, self._way, self._clock = client, way, clock

    def begin_tokens(self) -> list[ServerToken]:
        """Return the tokens that the model wants before each text."""
        return self.raw_tokens([""], add_special=True)

    def raw_tokens(self, texts: Sequence[str], *, add_special: bool = False) -> list[ServerToken]:
        """Return the tokens of the texts, as the tokenizer makes them. Raises ChildError for an odd answer."""
        body = {
            "model": self._way.model,
            "content": list(texts),
            "add_special": add_special,
            "parse_special": False,
            "with_pieces": True,
        }
        answer = self._client.answer("POST", TOKENIZE, body, self._clock)
        with self._explained(TOKENIZE):
            return [ServerToken.of(entry) for entry in answer["tokens"]]
        return []

    def tokenize(self, texts: Sequence[bytes]) -> list[list[ServerToken]]:
        """Return the tokens of each text. Raises ChildError if they don't spell it."""
        if not texts:
            return []
        lead, added = ("\n", b" \n") if self._way.adds_space else ("", b"")
        tokens = iter(self.raw_tokens([lead + text.decode(errors="replace") for text in texts]))
        with self._explained(TOKENIZE):
            return [self._spelling(text, added, tokens) for text in texts]
        return []

    @staticmethod
    def _spelling(text: bytes, added: bytes, tokens: Iterator[ServerToken]) -> list[ServerToken]:
        """Return the next tokens, up to those that spell ``added`` and the text, without those of ``added``."""
        spelled, found = b"", []
        whole = added + text.decode(errors="replace").encode()
        while len(spelled) < len(whole):
            token = next(tokens)
            spelled += token.piece
            if len(spelled) > len(added):
                found.append(token)
        if spelled != whole:
            raise ValueError("tokens that do not spell the text")
        return found

    def forced(
        self, prompt: Sequence[int], tokens: Sequence[ServerToken], slot: int
    ) -> tuple[list[Nats], int]:
        """Return the log of the probability of each of the tokens behind the prompt, and the number of requests.

        The server does not tell the log of a part of a character; it counts 0.
        """
        logs, calls = [0.0] * len(tokens), 0
        numbers = [token.id for token in tokens]
        for first, last in self._runs(tokens):
            if self._clock.is_over:
                raise TimeoutError
            run = tokens[first:last]
            body = forcing_body(self._way.model, [*prompt, *numbers[:first]], run, slot)
            answer = self._client.answer("POST", COMPLETION, body, self._clock)
            with self._explained(COMPLETION):
                logs[first:last] = forced_logs(answer, run)
            calls += 1
        return logs, calls

    def _runs(self, tokens: Sequence[ServerToken]) -> Iterator[tuple[int, int]]:
        """Yield the ranges of the tokens that one request each can force: all but parts of characters."""
        most = MAX_FORCED if self._way.takes_grammar else 1
        start = 0
        for n, token in enumerate(tokens):
            if token.is_part or n - start == most:
                if start < n:
                    yield start, n
                start = n + 1 if token.is_part else n
        if start < len(tokens):
            yield start, len(tokens)

    @contextlib.contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Raise ChildError for an answer that is not what llama-server sends."""
        try:
            yield
        except (KeyError, TypeError, ValueError, StopIteration, AttributeError) as error:
            what = f"{self._client.base_url}: answered {path} with something else: {error!r}"
            raise ChildError(what, "see the server's log") from None


def forcing_body(
    model: str, prompt: Sequence[int], run: Sequence[ServerToken], slot: int | None
) -> dict[str, Any]:
    """Return the request that forces the tokens of ``run`` behind the prompt, and asks for their probabilities."""
    body: dict[str, Any] = {
        "model": model,
        "prompt": list(prompt),
        "n_predict": len(run),
        "n_probs": 1,
        "post_sampling_probs": False,
        "cache_prompt": True,
        "samplers": ["top_k"],
        "top_k": 1,
        "logit_bias": [[token, BIAS] for token in dict.fromkeys(t.id for t in run)],
    }
    if len(run) > 1:  # the bias alone forces a single token
        body["grammar"] = "root ::= " + " ".join(f"<[{token.id}]>" for token in run)
    if slot is not None:
        body["id_slot"] = slot
    return body


def forced_logs(answer: Mapping[str, Any], run: Sequence[ServerToken]) -> list[Nats]:
    """Return the logs of the forced tokens. Raises ValueError or KeyError if the answer has others."""
    entries = answer["completion_probabilities"]
    if [int(entry["id"]) for entry in entries] != [token.id for token in run]:
        raise ValueError("other tokens than those that the grammar allows")
    return [max(MIN_LOG, float(entry["logprob"])) for entry in entries]


class ForcingScorer:
    """A scorer of texts by llama-server; implements ``Scorer``."""

    def __init__(self, client: ServerClient, way: ForcingWay, clock: ServerClock) -> None:
        """Ask this server until the clock's end. ``client``: its address is that of the server, without ``/v1``."""
        self._way = way
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

    def open(self, text: bytes, words: Sequence[tuple[int, int]] = ()) -> list[Nats]:
        """Take the text, and return the surprise of each of its words, as ``Scorer.open``."""
        text = text.decode(errors="replace").encode()
        (self._tokens,) = self._server.tokenize([text])
        pieces = [token.piece for token in self._tokens]
        self._text = TokenizedText(text, [token.id for token in self._tokens], pieces)
        self._as_read.clear()
        spans = [self._text.tokens_within(start, end) for start, end in words]
        self._read({n for first, last in spans for n in range(first, last)})
        return [-sum(self._as_read[n] for n in range(first, last)) for first, last in spans]

    def batches(self, passages: Sequence[Passage]) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages, as ``Scorer.batches``."""
        for first in range(0, len(passages), PASSAGES_PER_BATCH):
            some = passages[first : first + PASSAGES_PER_BATCH]
            yield [(first + n, likelihoods) for n, likelihoods in enumerate(self._scored(some))]

    def _scored(self, passages: Sequence[Passage]) -> list[list[Likelihood]]:
        """Return the likelihoods of the passages' variants."""
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
            _likelihood(head, job.tokens, of_job)
            for head, job, of_job in zip(heads, jobs, logs, strict=True)
        )
        return [_without_untold([next(found) for _ in p.variants]) for p in passages]

    def _read(self, wanted: set[int]) -> None:
        """Ask for the logs of these tokens of the text, and of those between them that cost less than a request."""
        jobs: list[_Job] = []
        for first, last in _runs_of(sorted(wanted)):
            jobs.append(_Job(first, tuple(self._tokens[first:last])))
        for job, logs in zip(jobs, self._forced(jobs), strict=True):
            self._as_read.update(enumerate(logs, job.position))

    def _forced(self, jobs: Sequence[_Job]) -> list[list[Nats]]:
        """Return the logs of the tokens of each job. Each slot of the server gets a part of the page."""
        order = sorted(range(len(jobs)), key=lambda n: jobs[n].position)
        share = -(-len(jobs) // self._way.slots)
        parts = [order[n : n + share] for n in range(0, len(order), max(1, share))]
        found: dict[int, list[Nats]] = {}

        def work(slot: int, numbers: Sequence[int]) -> int:
            calls = 0
            for n in numbers:
                known = self._known(jobs[n])
                if known is None:
                    prompt = [*self._way.begin, *self._text.tokens[: jobs[n].position]]
                    known, asked = self._server.forced(prompt, jobs[n].tokens, slot)
                    calls += asked
                found[n] = known
            return calls

        with ThreadPoolExecutor(self._way.slots) as pool:
            self.calls += sum(pool.map(work, range(len(parts)), parts))
        self.tokens += sum(len(job.tokens) for job in jobs)
        return [found[n] for n in range(len(jobs))]

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


def _without_untold(found: Sequence[tuple[Likelihood, bool]]) -> list[Likelihood]:
    """Return the likelihoods of a passage's variants, with the lowest for a replacement that the server did not tell."""
    as_read, *others = found
    untold = Likelihood(MIN_LOG, MIN_LOG + as_read[0].with_following - as_read[0].alone)
    return [as_read[0], *(likelihood if told else untold for likelihood, told in others)]
