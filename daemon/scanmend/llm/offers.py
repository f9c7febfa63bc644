"""Better words in finished lines: ``suggest`` finds where, ``weigh`` what, the model's memory of the line says how likely."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from scanmend import sight
from scanmend.align import spans
from scanmend.lexicon import Lexicon
from scanmend.llm import suggest
from scanmend.llm.answers import Answer, Request
from scanmend.llm.context import Context, Entry, NoRoom
from scanmend.llm.weigh import Spot, best
from scanmend.values import Doubt

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


class Offers:
    """Of one context, for models whose tokens are bytes; the last sequences of its memory are theirs."""

    def __init__(self, context: Context, lexicon: Lexicon) -> None:
        """``first``: of the sequences that are used here."""
        self._context = context
        self._lexicon = lexicon
        self._spots: dict[int, list[Spot]] = {}  # of each line, by its number
        self.first = context.lanes - suggest.MOST

    def page(self, requests: Collection[Request], expired: Callable[[], bool]) -> None:
        """These lines are the next to be finished: what they have in common counts as well."""
        texts = [r.text.decode(errors="replace") for r in requests]
        found = suggest.spots(texts, self._lexicon, expired, [r.doubts for r in requests])
        self._spots = dict(zip((r.number for r in requests), found, strict=True))

    def improve(self, line: Finished) -> None:
        """Known words for what the model copied, changed without being sure, or made none; from the line's end on."""
        answer = line.answer
        read, text = (x.decode(errors="replace") for x in (line.request.text, answer.written))
        count = len(answer.written)
        if not count == len(text.encode()) == len(self._context.tokenize(text.encode())):
            return
        if line.request.doubts is not None:
            self._look(answer, read, text, line.request.doubts)
        spots = self._spots.get(line.request.number, [])
        for spot, *ends in reversed(suggest.placed(spots, read, text)):
            start, end = (len(text[:place].encode()) for place in ends)
            near = [d for d in answer.departures if d[0] <= end and start <= d[1]]
            word = answer.written[start:end].decode(errors="replace")
            trust = SURE if self._lexicon.frequency(word) else math.inf
            if all(start <= a <= b <= end and margin < trust for a, b, margin in near):
                chosen = best(spot, self._likely(line, spot, start, end))
                if chosen:
                    answer.put(start, end, chosen[0].text.encode(), chosen[1])

    def _look(self, answer: Answer, read: str, text: str, doubts: Sequence[Doubt]) -> None:
        """Margins of words that the model changed, with what the engine saw."""
        for span in spans(read, text):
            end = span.start + len(span.before)
            (look,) = sight.seen(doubts, span.start, end, read, [span.after])
            more = look if self._lexicon.frequency(span.before) else look + ASKED
            begin = len(text[: span.after_start].encode())
            until = begin + len(span.after.encode())
            answer.departures = [
                (a, b, margin + more if a <= until and begin <= b else margin)
                for a, b, margin in answer.departures
            ]

    def _likely(self, line: Finished, spot: Spot, start: int, end: int) -> list[float]:
        """How likely the word that was read is from ``start`` on, and each candidate, with the bytes behind ``end``."""
        written = bytes(line.answer.written)
        behind = [*self._context.tokenize(written[end:]), self._context.end][:FOLLOW]
        before = [*line.request.suffix, *self._context.tokenize(written[:start])][-1]
        at = line.begin + start - 1  # of the token before the word; what follows that is forgotten
        self._context.cut(line.sequence, at)
        entries, lengths = [], []
        for number, text in enumerate([spot.word, *(c.text for c in spot.candidates)]):
            sequence = self.first + number
            self._context.copy(line.sequence, sequence)
            tokens = [before, *self._context.tokenize(text.encode()), *behind]
            lengths.append(len(tokens) - 1)
            entries += [
                Entry(token, at + n, sequence, tokens[n + 1]) for n, token in enumerate(tokens[:-1])
            ]
        try:
            found = iter(self._context.likelihoods(entries))
            return [sum(next(found) for _ in range(length)) for length in lengths]
        except NoRoom:
            return [0.0] + [-math.inf] * len(spot.candidates)
        finally:
            for number in range(len(lengths)):
                self._context.cut(self.first + number, 0)
