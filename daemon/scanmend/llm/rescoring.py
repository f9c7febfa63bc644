"""Better words in finished lines: ``suggest`` finds where, ``weigh`` what, the model's memory of the line says how likely."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scanmend.correction import ctc
from scanmend.correction.alignment import differences
from scanmend.correction.lexicon import Lexicon
from scanmend.llm import suggestions
from scanmend.llm.context import Context, Entry, NoRoom
from scanmend.llm.ranking import SuspectWord, best
from scanmend.llm.requests import Answer, Request
from scanmend.page import CharAlternatives

TOGETHER = 6  # words that are asked about in one run
FOLLOW = 4  # bytes behind a word that count when its likelihood is asked for
SURE = 4.0  # the model's margin from which its own word stays, if it is known
# What the engine saw and what the model thinks of an edit count alike, measured on 700 words of worn print. This is
# what a margin was worth before the engine was asked.
ASKED = 4.0  # of an unknown word; a known one is rather what it is


@dataclass(frozen=True, slots=True)
class Finished:
    """A line whose answer is written; it stands in the memory from ``begin`` of ``sequence`` on."""

    request: Request
    answer: Answer
    sequence: int
    begin: int


@dataclass(frozen=True, slots=True)
class Place:
    """From ``start`` to ``end`` of what was written (bytes), a word that may be another."""

    line: Finished
    spot: SuspectWord
    start: int
    end: int


def questioned(
    requests: Sequence[Request], lexicon: Lexicon, expired: Callable[[], bool]
) -> list[Request]:
    """The lines of a page with their words that may be others: what they have in common counts as well."""
    texts = [r.text.decode(errors="replace") for r in requests]
    found = suggestions.spots(texts, lexicon, expired, [r.doubts for r in requests])
    return [replace(r, spots=spots) for r, spots in zip(requests, found, strict=True)]


class Offers:
    """Of one context, for models whose tokens are bytes; the last sequences of its memory are theirs."""

    def __init__(self, context: Context, lexicon: Lexicon) -> None:
        """``first``: of the sequences that are used here."""
        self._context = context
        self._lexicon = lexicon
        self.first = context.lanes + 1 - TOGETHER * (suggestions.MOST + 1)

    def improve(self, lines: Sequence[Finished]) -> None:
        """Known words for what the model copied, changed without being sure, or made none."""
        places = [place for line in lines for place in self._places(line)]
        for place, likely in reversed(list(zip(places, self._likely(places), strict=True))):
            chosen = best(place.spot, likely)
            if chosen:
                place.line.answer.put(place.start, place.end, chosen[0].text.encode(), chosen[1])

    def _places(self, line: Finished) -> list[Place]:
        """Where the model is not sure of another word, from the line's beginning on."""
        answer = line.answer
        read, text = (x.decode(errors="replace") for x in (line.request.text, answer.written))
        if not len(answer.written) == len(text.encode()) == len(self._context.tokenize(text.encode())):  # fmt: skip
            return []
        if line.request.doubts is not None:
            self._look(answer, read, text, line.request.doubts)
        found = []
        for spot, *ends in suggestions.placed(line.request.spots, read, text):
            start, end = (len(text[:place].encode()) for place in ends)
            near = [d for d in answer.divergences if d[0] <= end and start <= d[1]]
            word = answer.written[start:end].decode(errors="replace")
            trust = SURE if self._lexicon.frequency(word) else math.inf
            if all(start <= a <= b <= end and margin < trust for a, b, margin in near):
                found.append(Place(line, spot, start, end))
        return found

    def _look(
        self, answer: Answer, read: str, text: str, doubts: Sequence[CharAlternatives]
    ) -> None:
        """Margins of words that the model changed, with what the engine saw."""
        for span in differences(read, text):
            end = span.start + len(span.before)
            (look,) = ctc.log_likelihood_ratios(doubts, span.start, end, read, [span.after])
            more = look if self._lexicon.frequency(span.before) else look + ASKED
            begin = len(text[: span.after_start].encode())
            until = begin + len(span.after.encode())
            answer.divergences = [
                (a, b, margin + more if a <= until and begin <= b else margin)
                for a, b, margin in answer.divergences
            ]

    def _likely(self, places: Sequence[Place]) -> list[list[float]]:
        """How likely each word that was read is in its place, and each of its candidates, with the bytes behind them."""
        together = range(0, len(places), TOGETHER)
        return [likely for n in together for likely in self._asked(places[n : n + TOGETHER])]

    def _asked(self, places: Sequence[Place]) -> list[list[float]]:
        """So many as there are sequences for, in one run of the model."""
        entries: list[Entry] = []
        ends: list[list[int]] = []
        free = itertools.count(self.first)
        for place in places:
            at = place.line.begin + place.start - 1  # of the token before the word
            ends.append([])
            for tokens, sequence in zip(self._texts(place), free, strict=False):
                self._context.copy(place.line.sequence, sequence, at)
                following = enumerate(itertools.pairwise(tokens))
                entries += [
                    Entry(token, at + n, sequence, after) for n, (token, after) in following
                ]
                ends[-1].append(len(entries))
        try:
            sums = [0.0, *itertools.accumulate(self._context.likelihoods(entries))]
        except NoRoom:
            return [[0.0] + [-math.inf] * len(place.spot.candidates) for place in places]
        finally:
            for sequence in range(self.first, next(free)):
                self._context.cut(sequence, 0)
        starts = itertools.chain([0], itertools.chain.from_iterable(ends))
        return [[sums[end] - sums[next(starts)] for end in one] for one in ends]

    def _texts(self, place: Place) -> list[list[int]]:
        """The tokens of the word that was read and of each candidate, from the one before them to those behind."""
        written = bytes(place.line.answer.written)
        behind = [*self._context.tokenize(written[place.end :]), self._context.end][:FOLLOW]
        before = [*place.line.request.suffix, *self._context.tokenize(written[: place.start])][-1]
        words = (place.spot.word, *(c.text for c in place.spot.candidates))
        return [[before, *self._context.tokenize(word.encode()), *behind] for word in words]
