"""Other words in finished lines, by how likely the model finds them.

``suspect_search`` finds the words and their candidates, the model scores them after its memory of the line, and ``ranking``
chooses.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scanmend.correction import ctc
from scanmend.correction.alignment import differences
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.llm.llama_context import BatchToken, CacheFull, LlamaContext
from scanmend.llm.ranking import best
from scanmend.llm.suspect_search import MAX_CANDIDATES, PRUNING, Pruning, find_suspects
from scanmend.llm.suspect_word import SuspectWord, aligned
from scanmend.page import CharAlternatives

WORDS_PER_RUN = 6  # words that are scored in one run of the decoder
SEQUENCES = WORDS_PER_RUN * (
    MAX_CANDIDATES + 1
)  # a sequence for each word as read and each candidate
FOLLOWING_TOKENS = 4  # tokens behind a word whose likelihood counts as well
SURE_MARGIN = 4.0  # nats of the model's margin from which its own word stays, if the lexicon has it
# What the engine saw and what the model thinks of an edit count alike, measured on 700 words of worn print. An unknown
# word's edit is worth this many nats more; a known word is more often what was printed.
UNKNOWN_WORD_BONUS = 4.0


@dataclass(frozen=True, slots=True)
class FinishedLine:
    """A line whose answer is written. The answer's tokens begin at position ``begin`` of ``sequence``."""

    request: LineRequest
    answer: LineAnswer
    sequence: int
    begin: int


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A suspect word with its counterpart in the answer, from ``start`` to ``end`` in bytes."""

    line: FinishedLine
    suspect: SuspectWord
    start: int
    end: int


def with_suspects(
    requests: Sequence[LineRequest],
    lexicon: Lexicon,
    expired: Callable[[], bool],
    pruning: Pruning = PRUNING,
) -> list[LineRequest]:
    """Return the requests with the suspect words of their lines. All lines of a page belong into one call."""
    texts = [r.text.decode(errors="replace") for r in requests]
    alternatives = [r.alternatives for r in requests]
    found = find_suspects(texts, lexicon, expired, alternatives, pruning)
    return [replace(r, suspects=suspects) for r, suspects in zip(requests, found, strict=True)]


class Rescorer:
    """Scores and replaces words with one context. It owns the last SEQUENCES sequences; the model's tokens are bytes."""

    def __init__(self, context: LlamaContext, lexicon: Lexicon) -> None:
        """Reserve the sequences from ``first_sequence`` on."""
        self._context = context
        self._lexicon = lexicon
        self.first_sequence = context.options.sequences + 1 - SEQUENCES

    def improve(self, lines: Sequence[FinishedLine]) -> None:
        """Replace suspect words that the model copied, or changed without being sure or into no word."""
        words = [word for line in lines for word in self._words(line)]
        scores = self._log_likelihoods(words)
        # from right to left, so that offsets stay valid
        for word, found in reversed(list(zip(words, scores, strict=True))):
            chosen = best(word.suspect, found)
            if chosen:
                candidate, margin = chosen
                word.line.answer.replace(word.start, word.end, candidate.text.encode(), margin)

    def _words(self, line: FinishedLine) -> list[WrittenWord]:
        """Return the suspect words for which the model is not sure of a word of its own, from left to right."""
        answer = line.answer
        read = line.request.text.decode(errors="replace")
        text = answer.written.decode(errors="replace")
        encoded = text.encode()
        if not len(answer.written) == len(encoded) == len(self._context.tokenize(encoded)):
            return []
        if line.request.alternatives is not None:
            self._add_engine_evidence(answer, read, text, line.request.alternatives)
        found = []
        for suspect, *ends in aligned(line.request.suspects, read, text):
            start, end = (len(text[:offset].encode()) for offset in ends)
            near = [d for d in answer.divergences if d[0] <= end and start <= d[1]]
            word = answer.written[start:end].decode(errors="replace")
            sure = SURE_MARGIN if self._lexicon.frequency(word) else math.inf
            if all(start <= a <= b <= end and margin < sure for a, b, margin in near):
                found.append(WrittenWord(line, suspect, start, end))
        return found

    def _add_engine_evidence(
        self, answer: LineAnswer, read: str, text: str, alternatives: Sequence[CharAlternatives]
    ) -> None:
        """Add the engine's log-likelihood ratio of each edit (``ctc.log_likelihood_ratios``) to the margins of its divergences."""
        for span in differences(read, text):
            end = span.start + len(span.before)
            (ratio,) = ctc.log_likelihood_ratios(alternatives, span.start, end, read, [span.after])
            known = self._lexicon.frequency(span.before)
            evidence = ratio if known else ratio + UNKNOWN_WORD_BONUS
            begin = len(text[: span.after_start].encode())
            until = begin + len(span.after.encode())
            answer.divergences = [
                (a, b, margin + evidence if a <= until and begin <= b else margin)
                for a, b, margin in answer.divergences
            ]

    def _log_likelihoods(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        """Return for each word the model's log-likelihoods (nats) of the word as read and of each candidate.

        The bytes that follow count too, up to FOLLOWING_TOKENS of them.
        """
        runs = range(0, len(words), WORDS_PER_RUN)
        return [found for n in runs for found in self._one_run(words[n : n + WORDS_PER_RUN])]

    def _one_run(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        """Return the log-likelihoods of up to WORDS_PER_RUN words, by one run of the decoder."""
        batch: list[BatchToken] = []
        ends: list[list[int]] = []  # in the batch, of each text of each word
        free = itertools.count(self.first_sequence)
        for word in words:
            position = word.line.begin + word.start - 1  # of the token before the word
            ends.append([])
            for tokens, sequence in zip(self._texts(word), free, strict=False):
                self._context.copy(word.line.sequence, sequence, position)
                batch += [
                    BatchToken(token, position + n, sequence, predict=True, expected=following)
                    for n, (token, following) in enumerate(itertools.pairwise(tokens))
                ]
                ends[-1].append(len(batch))
        try:
            sums = [0.0, *itertools.accumulate(self._context.log_likelihoods(batch))]
        except CacheFull:
            return [[0.0] + [-math.inf] * len(word.suspect.candidates) for word in words]
        finally:
            for sequence in range(self.first_sequence, next(free)):
                self._context.truncate(sequence, 0)
        starts = itertools.chain([0], itertools.chain.from_iterable(ends))
        return [[sums[end] - sums[next(starts)] for end in one] for one in ends]

    def _texts(self, word: WrittenWord) -> list[list[int]]:
        """Return the tokens of the word as read and of each candidate, each with the token before and those behind."""
        written = bytes(word.line.answer.written)
        rest = [*self._context.tokenize(written[word.end :]), self._context.end_token]
        head = self._context.tokenize(written[: word.start])
        before = [*word.line.request.suffix, *head][-1]
        texts = (word.suspect.word, *(c.text for c in word.suspect.candidates))
        return [
            [before, *self._context.tokenize(text.encode()), *rest[:FOLLOWING_TOKENS]]
            for text in texts
        ]
