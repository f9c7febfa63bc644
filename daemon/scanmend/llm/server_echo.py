"""Score texts by a server that returns the probability of each token of a prompt: OpenAI's ``echo`` with ``logprobs``.

vLLM does. It computes such prompts anew each time, since their probabilities are not in its cache. So a prompt is not the
page, but the line of a word, up to the word and the few words behind it, with the two lines before.
"""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scanmend.correction.channel import Nats
from scanmend.errors import ChildError
from scanmend.llm.judge.scorer import Choice, Likelihood, Passage, clipped_log, following_end
from scanmend.llm.server_client import ServerClient
from scanmend.llm.server_clock import ServerClock

COMPLETIONS = "completions"
PROMPTS_PER_REQUEST = 32
# vLLM's answer has some 210 bytes for each token, and a token has a byte or more. So the answer for so many bytes stays below
# MAX_RESPONSE_BYTES.
MAX_BYTES_PER_REQUEST = 3000
LINES_BEFORE = 2  # of the page, that a prompt shows before the line of the word
MAX_STRETCH_BYTES = 300  # a longer line is scored in pieces
MAX_BYTES_BEFORE = 400  # of the lines before
START = "\n"  # before each prompt, since a text's first token may have no logprob
MAX_UNSPELLED_CHARACTERS = (
    8  # that tokens between two spelled ones may stand for: spaces, parts of a character
)


@dataclass(frozen=True, slots=True)
class EchoWay:
    """How a server wants its prompts. ``marker``: the token that must begin each, as text; "" where none must."""

    model: str
    marker: str = ""
    takes_lists: bool = True

    def body(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Return the request for the logprobs of these texts."""
        texts = [self.marker + START + prompt for prompt in prompts]
        return {
            "model": self.model,
            "prompt": texts if self.takes_lists else texts[0],
            "echo": True,
            "logprobs": 1,
            "max_tokens": 1,  # 0 means "no limit" to some servers
            "temperature": 0,
        }

    def logs(self, answer: Mapping[str, Any], prompts: Sequence[str]) -> list["TokenLogs"]:
        """Return the logs of the prompts. Raises ValueError if the answer lacks them."""
        try:
            choices = sorted(answer["choices"], key=lambda choice: int(choice.get("index") or 0))
            found = [choice["logprobs"] for choice in choices]
            pairs = [(entry["tokens"], entry["token_logprobs"]) for entry in found]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError("no logprobs of the prompt") from None
        if len(pairs) != len(prompts):
            raise ValueError(f"{len(pairs)} choices for {len(prompts)} prompts")
        return [
            TokenLogs.of(START + prompt, len(START), *pair)
            for prompt, pair in zip(prompts, pairs, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class TokenLogs:
    """The tokens of a text: where each begins and ends, in code points, and the log of its probability."""

    spans: list[tuple[int, int]]
    logs: list[Nats]

    @classmethod
    def of(cls, text: str, skip: int, tokens: Any, logs: Any) -> "TokenLogs":
        """Return the tokens of a text beyond its first ``skip`` code points. Raises ValueError if they don't spell it."""
        if not isinstance(tokens, list) or not isinstance(logs, list) or len(tokens) != len(logs):
            raise ValueError("no logprobs of the prompt")
        spans = token_spans(text, [str(token) for token in tokens])
        known = [
            ((start - skip, end - skip), clipped_log(log))
            for (start, end), log in zip(spans, logs, strict=True)
            if skip <= start < len(text)
        ]
        return cls([span for span, _ in known], [log for _, log in known])

    def sum(self, start: int, end: int) -> Nats:
        """Return the log of the probability of the tokens that touch a range."""
        first = bisect.bisect_right(self.spans, start, key=lambda span: span[1])
        return sum(self.logs[first : bisect.bisect_left(self.spans, end, key=lambda span: span[0])])


def token_spans(text: str, tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return where each token of a text begins and ends, in code points; those behind the text begin at its end.

    A server may spell a token without its space, and the parts of a character as U+FFFD or not at all. Raises ValueError if
    the tokens do not spell the text.
    """
    position = 0
    spans = []
    for token in tokens:
        found = -1
        if token and "\N{REPLACEMENT CHARACTER}" not in token:
            found = text.find(token, position, position + MAX_UNSPELLED_CHARACTERS + len(token))
        if found < 0:
            spans.append((position, position + 1))
        else:
            position = found + len(token)
            spans.append((found, position))
    if position < len(text) - MAX_UNSPELLED_CHARACTERS:
        raise ValueError("tokens that do not spell the prompt")
    return spans


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A piece of the text, in bytes, that one prompt scores: words that begin in ``start`` to ``end``."""

    before: int
    """Where the prompt begins."""
    start: int
    end: int


class EchoScorer:
    """A scorer of texts by such a server; implements ``Scorer``."""

    max_tokens = 2**31  # a prompt never holds the page

    def __init__(self, client: ServerClient, way: EchoWay, clock: ServerClock) -> None:
        """Ask this server until the clock's end."""
        self._client, self._way, self._clock = client, way, clock
        self._size = PROMPTS_PER_REQUEST if way.takes_lists else 1
        self._text = b""
        self._stretches: list[_Stretch] = []
        self._as_read: dict[int, TokenLogs] = {}  # by the number of the stretch
        self.calls = self.tokens = 0

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
        self._text, self._stretches = text, list(_stretches(text))
        self._as_read.clear()
        stretches = sorted({self._stretch_of(p.start) for p in passages})
        least = self._clock.left / 2
        for first in range(0, len(stretches), self._size):
            if self._clock.left > least:
                self._read(set(stretches[first : first + self._size]))
        return [self._surprise(p.start, p.end) for p in passages]

    def _surprise(self, start: int, end: int) -> Nats | None:
        """Return minus the log of the probability of a word with the space before it; None if that is not known."""
        if self._stretch_of(start) not in self._as_read:
            return None
        space = start > 0 and self._text[start - 1] in b" "
        return -self._log_as_read(start, start - space, end)

    def batches(
        self, passages: Sequence[Passage], choose: Choice | None = None
    ) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        """Score the passages, as ``Scorer.batches``; all of them with the words behind them, which costs no request more."""
        del choose
        waiting: list[int] = []
        prompts = 0
        for index, passage in enumerate(passages):
            waiting.append(index)
            prompts += len(passage.variants) - 1
            if prompts >= self._size:
                yield self._scored(passages, waiting)
                waiting, prompts = [], 0
        if waiting:
            yield self._scored(passages, waiting)

    def _scored(
        self, passages: Sequence[Passage], waiting: Sequence[int]
    ) -> list[tuple[int, list[Likelihood]]]:
        """Score some passages: the text as read by the logs of its stretch, each other variant by a prompt of its own."""
        self._read({self._stretch_of(passages[n].start) for n in waiting})
        variants = [(n, text) for n in waiting for text in passages[n].variants[1:]]
        asked = self._asked([self._prompt(passages[n], text) for n, text in variants])
        likelihoods = {n: [self._likelihood_as_read(passages[n])] for n in waiting}
        for (n, text), logs in zip(variants, asked, strict=True):
            likelihoods[n].append(self._likelihood(passages[n], text, logs))
        return list(likelihoods.items())

    def _prompt(self, passage: Passage, variant: bytes) -> str:
        """Return the text from the lines before a passage to the words behind it, with the variant in its place."""
        before = self._stretches[self._stretch_of(passage.start)].before
        tail = self._text[passage.end : following_end(self._text, passage.end)]
        return (self._text[before : passage.start] + variant + tail).decode(errors="replace")

    def _likelihood(self, passage: Passage, variant: bytes, logs: TokenLogs) -> Likelihood:
        """Return the likelihood of a variant by the logs of its prompt."""
        stretch = self._stretches[self._stretch_of(passage.start)]
        begin = self._characters(stretch, self._word_begin(passage.start))
        end = self._characters(stretch, passage.start) + len(variant.decode(errors="replace"))
        following = self._text[passage.end : following_end(self._text, passage.end)]
        stop = end + len(following.decode(errors="replace"))
        return Likelihood(logs.sum(begin, end), logs.sum(begin, stop))

    def _likelihood_as_read(self, passage: Passage) -> Likelihood:
        start, begin = passage.start, self._word_begin(passage.start)
        stop = following_end(self._text, passage.end)
        return Likelihood(
            self._log_as_read(start, begin, passage.end), self._log_as_read(start, begin, stop)
        )

    def _log_as_read(self, word: int, begin: int, end: int) -> Nats:
        """Return the log of the probability of a range, by the logs of the stretch of the word that begins at ``word``."""
        number = self._stretch_of(word)
        stretch = self._stretches[number]
        characters = (self._characters(stretch, begin), self._characters(stretch, end))
        return self._as_read[number].sum(*characters)

    def _word_begin(self, start: int) -> int:
        """Return where the token may begin that begins a word: at the last space or line's end before ``start``."""
        space = max(self._text.rfind(b" ", 0, start), self._text.rfind(b"\n", 0, start))
        return space if space >= 0 and self._text[space : space + 1] == b" " else space + 1

    def _characters(self, stretch: _Stretch, position: int) -> int:
        """Return the number of code points between the beginning of a stretch's prompt and a position of the text."""
        return len(self._text[stretch.before : position].decode(errors="replace"))

    def _stretch_of(self, position: int) -> int:
        return bisect.bisect_right(self._stretches, position, key=lambda stretch: stretch.start) - 1

    def _read(self, numbers: set[int]) -> None:
        """Ask for the logs of these stretches as read, each with the words behind it."""
        missing = sorted(numbers - self._as_read.keys())
        prompts = []
        for n in missing:
            stretch = self._stretches[n]
            stop = following_end(self._text, stretch.end)
            prompts.append(self._text[stretch.before : stop].decode(errors="replace"))
        for number, logs in zip(missing, self._asked(prompts), strict=True):
            self._as_read[number] = logs

    def _asked(self, prompts: Sequence[str]) -> list[TokenLogs]:
        """Return the logs of the prompts, asked for in as few requests as possible."""
        found: list[TokenLogs] = []
        for some in _requests(prompts, self._size):
            if self._clock.is_over:
                raise TimeoutError
            answer = self._client.answer("POST", COMPLETIONS, self._way.body(some), self._clock)
            try:
                logs = self._way.logs(answer, some)
            except ValueError as error:
                what = f"{self._client.base_url}: answered {COMPLETIONS} with {error}"
                raise ChildError(what, "see the server's log") from None
            found += logs
            self.calls += 1
            self.tokens += sum(len(one.logs) for one in logs)
        return found


def _requests(prompts: Sequence[str], size: int) -> Iterator[list[str]]:
    """Yield the prompts of each request: at most ``size``, with MAX_BYTES_PER_REQUEST, but one at least."""
    some: list[str] = []
    total = 0  # bytes
    for prompt in prompts:
        length = len(prompt.encode())
        if some and (len(some) == size or total + length > MAX_BYTES_PER_REQUEST):
            yield some
            some, total = [], 0
        some.append(prompt)
        total += length
    if some:
        yield some


def _stretches(text: bytes) -> Iterator[_Stretch]:
    """Yield the lines of a text, a long one in pieces, each with where the lines before it begin."""
    start, lines = 0, [0]
    for line in text.splitlines(keepends=True) or [b""]:
        end, first = start + len(line), lines[-1 - LINES_BEFORE :][0]
        while start < end:
            most = start + MAX_STRETCH_BYTES
            stop = end if end <= most else text.rfind(b" ", start + 1, most) + 1 or most
            yield _Stretch(_context_begin(text, first, start), start, stop)
            start = stop
        lines.append(end)


def _context_begin(text: bytes, first: int, start: int) -> int:
    """Return where the prompt of a stretch begins: at ``first``, or behind the first space in MAX_BYTES_BEFORE."""
    if start - first <= MAX_BYTES_BEFORE:
        return first
    return text.find(b" ", start - MAX_BYTES_BEFORE, start) + 1 or start
