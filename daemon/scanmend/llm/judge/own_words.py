"""Let the language model itself propose words for a doubtful one: a beam search held to what was read by the channel.

It finds what the lexicon lacks (names, compounds) and what is too far for its search. Words are searched side by side, each
with two banks of sequences, between which the beam moves from step to step.
"""

import bisect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from scanmend.correction.channel import BeginningCosts, Channel, Nats
from scanmend.correction.lookalikes import one_confusion_away
from scanmend.llm.judge.doubtful_words import normal_form
from scanmend.llm.judge.page_copies import SHARED
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import LlamaContext

BEAM_TEXTS = 6  # beginnings of a word that are followed
NEXT_TOKENS = 48  # that are tried behind each of them
MAX_WORD_TOKENS = 6  # tokens of a word
MAX_PROPOSED = 2  # words
CHANNEL_WEIGHT = 0.8  # of the channel against the model
BONUS_PER_CHARACTER: Nats = 1.5  # else short beginnings would crowd out long ones
MAX_BEGINNING_COST: Nats = 22.0
MAX_OWN_WORD_COST: Nats = 24.0
MAX_LENGTH_DIFFERENCE = 2  # characters between a beginning and what was read for it
MAX_PIECE_LETTERS = 10  # of a token that spells what was read
_SIGNS_IN_WORDS = "'’"


@dataclass(frozen=True, slots=True)
class WordStart:
    """Where a word begins: ``token`` at ``position`` of the shared sequence is the last one before it.

    ``lead``: the text between that token and the word: a space, or nothing.
    """

    token: int
    position: int
    lead: str
    read: str


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A beginning of a word, in a sequence that ends with ``token`` at ``position``, which is not decoded yet."""

    token: int
    position: int
    sequence: int
    text: str
    has_lead: bool
    log_probability: float
    costs: BeginningCosts

    @property
    def read_length(self) -> int:
        """Return the length of the beginning of what was read that is the cheapest misreading of the text."""
        row, length = self.costs.row, len(self.text)
        least = min(max(0, length - MAX_LENGTH_DIFFERENCE), len(row) - 1)
        return min(
            range(least, min(len(row), length + MAX_LENGTH_DIFFERENCE + 1)), key=row.__getitem__
        )

    @property
    def cost(self) -> Nats:
        """Return the lowest cost of reading the text as some beginning of what was read."""
        return self.costs.row[self.read_length]

    @property
    def score(self) -> Nats:
        return _score(self.log_probability, self.cost, len(self.text))

    def best_score(self, log: float, length: int) -> Nats:
        """Return a score that no longer beginning of this length exceeds, if its last token has this log-probability."""
        least = min(*self.costs.row, *(self.costs.row_before or ()))
        return _score(self.log_probability + log, least, length)


@dataclass(slots=True)
class _Search:
    """The search of one word. ``found``: the cost-weighed log-probability of each whole word, in lower case."""

    start: WordStart
    banks: tuple[range, range]
    beam: list[_Beginning]
    found: dict[str, Nats] = field(default_factory=dict)


class OwnWords:
    """The search for a model's own words, in a context whose shared sequence holds the page."""

    def __init__(self, context: LlamaContext, channel: Channel) -> None:
        """Use this context and this channel."""
        self._context = context
        self._channel = channel

    @property
    def parallel(self) -> int:
        """Return how many words are searched side by side; 0: the context has too few sequences."""
        return self._context.options.sequences // (2 * BEAM_TEXTS)

    def propose(self, starts: Sequence[WordStart]) -> list[list[str]]:
        """Return the model's words for each doubtful word, in lower case, the best first.

        Raises CacheFull, or ChildError when llama.cpp fails.
        """
        proposed: list[list[str]] = []
        for first in range(0, len(starts), max(1, self.parallel)):
            if not self.parallel:
                return [[] for _ in starts]
            proposed += self._searched(starts[first : first + self.parallel])
        return proposed

    def _searched(self, starts: Sequence[WordStart]) -> list[list[str]]:
        """Search some words side by side."""
        searches = []
        for n, start in enumerate(starts):
            first = SHARED + 1 + 2 * BEAM_TEXTS * n
            banks = (
                range(first, first + BEAM_TEXTS),
                range(first + BEAM_TEXTS, first + 2 * BEAM_TEXTS),
            )
            self._context.copy(SHARED, first, start.position)
            costs = self._channel.beginning(normal_form(start.read))
            begin = _Beginning(start.token, start.position, first, "", not start.lead, 0.0, costs)
            searches.append(_Search(start, banks, [begin]))
        try:
            for step in range(1 + MAX_WORD_TOKENS):
                self._advance(searches, step)
        finally:
            for search in searches:
                for sequence in itertools.chain(*search.banks):
                    self._context.truncate(sequence, 0)
        return [
            sorted(search.found, key=lambda text: -search.found[text])[:MAX_PROPOSED]
            for search in searches
        ]

    def _advance(self, searches: Sequence[_Search], step: int) -> None:
        """Decode the last token of each beginning, and replace the beams by the best longer beginnings."""
        batch = [
            BatchToken(b.token, b.position, b.sequence, predict=True)
            for search in searches
            for b in search.beam
        ]
        if not batch:
            return
        spelled = [self._spelled(search.start, b) for search in searches for b in search.beam]
        following = iter(self._context.likeliest(batch, NEXT_TOKENS, spelled))
        for search in searches:
            longer: list[_Beginning] = []
            for beginning in search.beam:
                for token, log in next(following).items():
                    self._add_longer(search, longer, beginning, token, log)
            self._move(search, longer, search.banks[(step + 1) % 2])

    def _spelled(self, start: WordStart, beginning: _Beginning) -> list[int]:
        """Return the tokens that spell what was read behind a beginning, or a text that is often misread as it."""
        read = normal_form(start.read)
        rest = read[beginning.read_length :]
        pieces = {
            piece
            for length in range(1, min(len(rest), MAX_PIECE_LETTERS) + 1)
            for piece in (rest[:length], *one_confusion_away(rest[:length]))
        }
        if not beginning.text and start.read[0].isupper():
            pieces |= {piece[:1].upper() + piece[1:] for piece in pieces}
        lead = "" if beginning.has_lead else start.lead
        tokens = (self._context.token_numbers.get((lead + piece).encode()) for piece in pieces)
        return [token for token in tokens if token is not None]

    def _add_longer(
        self,
        search: _Search,
        longer: list[_Beginning],
        beginning: _Beginning,
        token: int,
        log: float,
    ) -> None:
        """Add the beginning with a token behind it to the best ones, unless it is too far from what was read.

        ``longer``: the best ones, the best first. A token that ends the word adds a whole word to those found.
        """
        piece = self._context.token_bytes(token).decode(errors="replace")
        text, lead = beginning.text, search.start.lead
        if not beginning.has_lead:
            if not piece.startswith(lead):
                return
            piece = piece[len(lead) :]
        elif text and not (piece[:1].isalnum() or piece[:1] in tuple(_SIGNS_IN_WORDS)):
            self._add_whole(search, beginning, log)
            return
        text += piece
        if not all(c.isalpha() or c in _SIGNS_IN_WORDS for c in piece):
            return
        full = len(longer) == BEAM_TEXTS
        if full and beginning.best_score(log, len(text)) <= longer[-1].score:
            return
        grown = _Beginning(
            token,
            beginning.position + 1,
            beginning.sequence,
            text,
            True,
            beginning.log_probability + log,
            self._channel.extended(beginning.costs, piece),
        )
        if grown.cost <= MAX_BEGINNING_COST:
            bisect.insort(longer, grown, key=lambda b: -b.score)
            del longer[BEAM_TEXTS:]

    def _add_whole(self, search: _Search, beginning: _Beginning, log: float) -> None:
        """Add a whole word to those found, unless it is what was read. ``log``: the log-probability that it ends here."""
        word, cost = beginning.text.lower(), beginning.costs.row[-1]
        if word != beginning.costs.read and cost <= MAX_OWN_WORD_COST:
            weighed = beginning.log_probability + log - CHANNEL_WEIGHT * cost
            search.found[word] = max(weighed, search.found.get(word, weighed))

    def _move(self, search: _Search, beginnings: Sequence[_Beginning], bank: range) -> None:
        """Make the beginnings the beam, each in a sequence of the bank, and free the sequences they came from."""
        moved = list(self._moved(beginnings, bank))
        for beginning in search.beam:
            self._context.truncate(beginning.sequence, 0)
        search.beam = moved

    def _moved(self, beginnings: Sequence[_Beginning], bank: range) -> Iterator[_Beginning]:
        for b, sequence in zip(beginnings, bank, strict=False):
            self._context.copy(b.sequence, sequence)
            yield replace(b, sequence=sequence)


def _score(log_probability: float, cost: Nats, length: int) -> Nats:
    """Return the worth of a beginning of this length, in characters."""
    return log_probability - CHANNEL_WEIGHT * cost + BONUS_PER_CHARACTER * length
