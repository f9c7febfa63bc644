"""Replace words of finished lines by candidates that the model finds more likely.

``suspect_search`` finds the words and their candidates, the model scores them with the line in its cache, and ``ranking``
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
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import CacheFull, LlamaContext
from scanmend.llm.ranking import best
from scanmend.llm.suspect_search import MAX_SCORED_CANDIDATES, PRUNING, Pruning, find_suspects
from scanmend.llm.suspect_word import SuspectWord, aligned
from scanmend.page import CharAlternatives

WORDS_PER_RUN = 6  # words scored in one run of the decoder
SEQUENCES = WORDS_PER_RUN * (
    MAX_SCORED_CANDIDATES + 1
)  # one for each word as read and each candidate
FOLLOWING_TOKENS = 4  # tokens behind a word whose likelihood also counts
SURE_MARGIN = 4.0  # nats; the model's own word stays from this margin on, if the lexicon has it
# The engine's evidence on an edit and the model's count alike, measured on 700 words of worn print. The edit of an unknown
# word is worth this many nats more, since a known word is more often right as read.
UNKNOWN_WORD_BONUS = 4.0


@dataclass(frozen=True, slots=True)
class FinishedLine:
    """A line whose answer is complete. The answer's tokens begin at position ``begin`` of ``sequence``."""

    request: LineRequest
    answer: LineAnswer
    sequence: int
    begin: int


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A suspect word and its counterpart in the answer, which reaches from byte ``start`` to byte ``end``."""

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
    """Return the requests with the suspect words of their lines.

    Pass all lines of a page in one call, since they are evidence for each other.
    """
    texts = [r.text.decode(errors="replace") for r in requests]
    alternatives = [r.alternatives for r in requests]
    lines = find_suspects(texts, lexicon, expired, alternatives, pruning)
    return [replace(r, suspects=suspects) for r, suspects in zip(requests, lines, strict=True)]


class Rescorer:
    """A scorer of words with one context, of which it owns the last SEQUENCES sequences.

    It works only with a model whose tokens are bytes.
    """

    def __init__(self, context: LlamaContext, lexicon: Lexicon) -> None:
        """Reserve the sequences from ``first_sequence`` on."""
        self._context = context
        self._lexicon = lexicon
        self.first_sequence = context.options.sequences + 1 - SEQUENCES

    def improve(self, lines: Sequence[FinishedLine]) -> None:
        """Replace the suspect words that the model copied, changed without being sure, or changed into a non-word."""
        words = [word for line in lines for word in self._words(line)]
        scores = self._log_likelihoods(words)
        # from right to left, so that offsets stay valid
        for word, log_likelihoods in reversed(list(zip(words, scores, strict=True))):
            chosen = best(word.suspect, log_likelihoods)
            if chosen:
                candidate, margin = chosen
                word.line.answer.replace(word.start, word.end, candidate.text.encode(), margin)

    def _words(self, line: FinishedLine) -> list[WrittenWord]:
        """Return the suspect words that the model did not surely change into a known word, from left to right."""
        answer = line.answer
        read = line.request.text.decode(errors="replace")
        text = answer.written.decode(errors="replace")
        encoded = text.encode()
        if not len(answer.written) == len(encoded) == len(self._context.tokenize(encoded)):
            return []
        if line.request.alternatives is not None:
            self._add_engine_evidence(answer, read, text, line.request.alternatives)
        edits = _edits(answer, read, text)
        found = []
        for suspect, *ends in aligned(line.request.suspects, read, text):
            start, end = (len(text[:offset].encode()) for offset in ends)
            of_word = [e for e in edits if e[0] <= end and start <= e[1]]
            word = answer.written[start:end].decode(errors="replace")
            sure = SURE_MARGIN if self._lexicon.frequency(word) else math.inf
            if all(start <= a <= b <= end and margin < sure for a, b, margin in of_word):
                found.append(WrittenWord(line, suspect, start, end))
        return found

    def _add_engine_evidence(
        self, answer: LineAnswer, read: str, text: str, alternatives: Sequence[CharAlternatives]
    ) -> None:
        """Add the engine's log-likelihood ratio of each edit to the margins of the edit's divergences."""
        for edit in differences(read, text):
            (ratio,) = ctc.log_likelihood_ratios(
                alternatives, edit.start, edit.end, read, [edit.after]
            )
            is_known = self._lexicon.frequency(edit.before) > 0
            evidence = ratio if is_known else ratio + UNKNOWN_WORD_BONUS
            edit_start = len(text[: edit.after_start].encode())
            edit_end = edit_start + len(edit.after.encode())
            answer.divergences = [
                (
                    start,
                    end,
                    margin + evidence if start <= edit_end and edit_start <= end else margin,
                )
                for start, end, margin in answer.divergences
            ]

    def _log_likelihoods(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        """Return for each word the model's log-likelihoods (nats) of the word as read and of each candidate.

        Up to FOLLOWING_TOKENS tokens behind the word count too.
        """
        scores: list[list[float]] = []
        for start in range(0, len(words), WORDS_PER_RUN):
            scores += self._one_run(words[start : start + WORDS_PER_RUN])
        return scores

    def _one_run(self, words: Sequence[WrittenWord]) -> list[list[float]]:
        """Return the log-likelihoods of up to WORDS_PER_RUN words, by one run of the decoder."""
        batch: list[BatchToken] = []
        ends: list[list[int]] = []  # for each word, the end of each of its texts in the batch
        free = itertools.count(self.first_sequence)
        for word in words:
            position = word.line.begin + word.start - 1  # the token before the word is there
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
        return [[sums[end] - sums[next(starts)] for end in of_word] for of_word in ends]

    def _texts(self, word: WrittenWord) -> list[list[int]]:
        """Return the tokens of the word as read and of each candidate, each with the tokens before and behind it."""
        written = bytes(word.line.answer.written)
        rest = [*self._context.tokenize(written[word.end :]), self._context.end_token]
        head = self._context.tokenize(written[: word.start])
        before = [*word.line.request.suffix, *head][-1]
        texts = (word.suspect.word, *(c.text for c in word.suspect.candidates))
        return [
            [before, *self._context.tokenize(text.encode()), *rest[:FOLLOWING_TOKENS]]
            for text in texts
        ]


def _edits(answer: LineAnswer, read: str, text: str) -> list[tuple[int, int, float]]:
    """Return where ``text``, the answer, differs from the line as read: (start, end, margin), with offsets in bytes.

    As in the gate, an edit is as sure as the least sure divergence that touches it. A divergence alone is no edit: after an
    added letter, the model may merely write what it was to copy anyway.
    """
    edits = []
    for edit in differences(read, text):
        start = len(text[: edit.after_start].encode())
        end = start + len(edit.after.encode())
        margins = [margin for a, b, margin in answer.divergences if a <= end and start <= b]
        edits.append((start, end, min(margins, default=0.0)))
    return edits
