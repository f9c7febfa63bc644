"""Decode lines with a byte-level corrector, each guided by its OCR text.

Each line's draft is its OCR text. One call of the decoder verifies the drafts of all lines under way. Each line then accepts the part that the model agrees with, and the model's own
token after it; ``draft_alignment`` finds where the OCR text continues as a draft. Decoding is greedy, so the text is the same
as token by token, up to near-ties of floating-point sums. An edit in one line costs the other lines nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scanmend.llm.draft_alignment import Draft
from scanmend.llm.draft_length import best_length, worth_verifying
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.llm.llama_batch import BatchToken
from scanmend.llm.llama_context import CacheFull, LlamaContext, Prediction
from scanmend.llm.rescoring import FinishedLine, Rescorer
from scanmend.page import Bound

# the longest answer, in tokens: so many for each token of its line, and some more for short lines
MAX_ANSWER_GROWTH = 1.3
SPARE_ANSWER_TOKENS = 8
REPETITION_BYTES = 24  # a line ends when the model repeats so many bytes off the OCR text
# share of draft tokens (0 to 1) with which the model is expected to agree
INITIAL_AGREEMENT = 0.95
GUESS_AGREEMENT = 0.5  # after a divergence, while the draft is a guess
MAX_AGREEMENT = 0.99  # after a long agreement
AGREEMENT_TOKENS = 8  # copied tokens over which the expectation recovers


@dataclass(slots=True)
class _LineState:
    """A line that is being decoded."""

    request: LineRequest
    sequence: int
    draft: Draft
    pending: list[int]
    """Tokens of the sequence that the KV cache lacks; empty when the line is done."""
    expected: list[int]
    """The rest of the draft, which the model is expected to write next."""
    position: int
    """Position in the sequence of the first pending token."""
    max_tokens: int
    """Limit of the answer's length."""
    copied: int = 0
    """Offset in bytes of the OCR text up to which it is copied or skipped."""
    tokens: int = 0
    """Length of the answer so far."""
    agreement: float = INITIAL_AGREEMENT
    """Share of draft tokens (0 to 1) with which the model is expected to agree."""
    diverged_at: int = 0
    """Offset in bytes of the answer at which the model last left the OCR text."""
    answer: LineAnswer = field(default_factory=LineAnswer)

    @property
    def finished(self) -> FinishedLine:
        """Return the line for the rescorer."""
        begin = self.position - len(self.answer.written)
        return FinishedLine(self.request, self.answer, self.sequence, begin)


class GuidedDecoder:
    """A decoder of the lines of a page, with one context.

    ``written`` counts the tokens of all answers, ``drafted`` the draft tokens that were verified, ``agreed`` the
    verified tokens that the model would have written too.
    """

    def __init__(self, context: LlamaContext, rescorer: Rescorer | None = None) -> None:
        """Use this context. ``rescorer`` replaces words of finished lines."""
        self.context = context
        self.rescorer = rescorer
        self._sequences = rescorer.first_sequence - 1 if rescorer else context.options.sequences
        self._max_lines = self._sequences  # decoded at a time; fewer after the cache was full
        self.written = self.drafted = self.agreed = 0

    def decode_lines(
        self, waiting: deque[LineRequest], expired: Callable[[], bool]
    ) -> dict[int, LineAnswer]:
        """Return the answers to the requests that this decoder took from ``waiting``, by number.

        A request without time or space in the cache has none. Other decoders may take from ``waiting`` too, each with
        its own context. ``expired`` ends the decoding; unfinished lines then keep the text written so far. Raises ChildError when llama.cpp fails.
        """
        lines: list[_LineState] = []
        answers: dict[int, LineAnswer] = {}
        try:
            while waiting or lines:
                if expired():
                    for line in lines:
                        line.answer.bound = Bound.SECONDS
                        answers[line.request.number] = line.answer
                    break
                self._admit(waiting, lines)
                if not lines:
                    break  # the next request does not fit, not even alone
                try:
                    self._step(lines)
                except CacheFull:
                    self._evict_last(waiting, lines)
                    continue
                self._finish(lines, answers)
        finally:
            for line in lines:
                self.context.truncate(line.sequence, 0)
        return answers

    def _admit(self, waiting: deque[LineRequest], lines: list[_LineState]) -> None:
        """Start as many of the next lines as the cache can hold at their greatest length."""
        reserved = sum(len(line.request.suffix) + line.max_tokens for line in lines)
        free = self.context.cells - reserved
        used = {line.sequence for line in lines}
        for sequence in range(1, self._sequences + 1):
            if len(lines) >= self._max_lines:
                return
            if sequence in used:
                continue
            try:
                request = waiting.popleft()
            except IndexError:
                return
            tokens = self.context.tokenize(request.text)
            limit = _max_answer_tokens(len(tokens))
            free -= len(request.suffix) + limit
            if free < 0:
                waiting.appendleft(request)
                return
            lines.append(
                _LineState(
                    request=request,
                    sequence=sequence,
                    draft=Draft(request.text),
                    pending=list(request.suffix),
                    expected=[*tokens, self.context.end_token],
                    position=0,
                    max_tokens=limit,
                )
            )

    def _evict_last(self, waiting: deque[LineRequest], lines: list[_LineState]) -> None:
        """Put the last line back, and truncate the other lines to their state before the failed call."""
        last = lines.pop()
        self.context.truncate(last.sequence, 0)
        self._max_lines = max(1, len(lines))  # until one of them finishes
        if lines:
            waiting.appendleft(last.request)
        for line in lines:
            self.context.truncate(line.sequence, line.position)

    def _finish(self, lines: list[_LineState], answers: dict[int, LineAnswer]) -> None:
        """Remove the finished lines from ``lines``, and add their answers to ``answers``."""
        done = [line for line in lines if not line.pending]
        if self.rescorer:
            self.rescorer.improve([line.finished for line in done if not line.answer.bound])
        for line in done:
            self._max_lines = self._sequences
            answers[line.request.number] = line.answer
            self.context.truncate(line.sequence, 0)
            lines.remove(line)

    def _step(self, lines: list[_LineState]) -> None:
        """Run the decoder once: verify each line's draft, and take the model's token after the agreed part."""
        shapes = [(len(line.pending), len(line.expected), line.agreement) for line in lines]
        length = best_length(shapes)
        batch: list[BatchToken] = []
        drafted = []
        for line in lines:
            remaining = line.max_tokens - line.tokens
            count = worth_verifying(line.agreement, min(length, len(line.expected), remaining))
            if count == len(line.expected) and count:
                count -= 1  # the draft's last token ends the line: it is compared, never copied
            drafted.append(count)
            batch += _batch_of(line, count)
        predictions = iter(self.context.decode(batch))
        for line, count in zip(lines, drafted, strict=True):
            self._accept(line, [next(predictions) for _ in range(count + 1)])

    def _accept(self, line: _LineState, predictions: Sequence[Prediction]) -> None:
        """Accept the part of the draft that the model agrees with, and the model's token after it."""
        drafted = len(predictions) - 1
        agreed = 0
        while agreed < drafted and predictions[agreed].token == line.expected[agreed]:
            agreed += 1
        for token in line.expected[:agreed]:
            self._copy(line, token)
        line.position += len(line.pending) + agreed
        if agreed < drafted:
            self.context.truncate(line.sequence, line.position)
        line.expected = line.expected[agreed:]
        if agreed == drafted >= 2:  # the draft is aligned again
            line.agreement = max(line.agreement, INITIAL_AGREEMENT)
        self.drafted += drafted
        self.agreed += agreed
        self._follow(line, predictions[agreed])

    def _copy(self, line: _LineState, token: int) -> None:
        """Append a token of the draft to the answer."""
        text = self.context.token_bytes(token)
        line.answer.written += text
        line.copied += len(text)
        line.diverged_at = len(line.answer.written)
        line.tokens += 1
        self.written += 1
        line.agreement += (MAX_AGREEMENT - line.agreement) / AGREEMENT_TOKENS

    def _follow(self, line: _LineState, prediction: Prediction) -> None:
        """Append the model's own token: the expected one, another one, or the end."""
        expected = line.expected[0] if line.expected else None
        written = line.answer.written
        start = len(written)
        if self.context.is_end(prediction.token):
            if expected is not None and not self.context.is_end(expected):
                line.answer.divergences.append((start, start, prediction.margin))
            line.pending = []
            return
        line.pending = [prediction.token]
        if prediction.token == expected:
            self._copy(line, prediction.token)
            line.expected = line.expected[1:]
        else:
            self._diverge(line, prediction, expected)
        line.answer.bound = _bound(line)
        if line.answer.bound or b"\n" in written[start:]:
            del written[(bytes(written) + b"\n").index(b"\n") :]
            line.pending = []

    def _diverge(self, line: _LineState, prediction: Prediction, expected: int | None) -> None:
        """Append a token that leaves the OCR text, and guess where copying resumes."""
        text = self.context.token_bytes(prediction.token)
        written, divergences = line.answer.written, line.answer.divergences
        start = len(written)
        written += text
        line.tokens += 1
        self.written += 1
        if expected is not None or not divergences:
            divergences.append((start, len(written), prediction.margin))
        else:  # inside a character no token was expected: the same divergence continues
            divergences[-1] = (divergences[-1][0], len(written), divergences[-1][2])
        line.agreement = GUESS_AGREEMENT
        line.copied = line.draft.resume(line.copied, bytes(written), text)
        rest = line.request.text[line.copied :]
        line.expected = []
        if _ends_with_whole_character(written) and not (rest and rest[0] & 0xC0 == 0x80):
            line.expected = [*self.context.tokenize(rest), self.context.end_token]


def _batch_of(line: _LineState, count: int) -> list[BatchToken]:
    """Return the pending tokens and ``count`` tokens of the draft; the last pending and all drafted ones ask for a prediction."""
    batch = []
    first = len(line.pending) - 1
    for n, token in enumerate([*line.pending, *line.expected[:count]]):
        position = line.position + n
        if n < first:
            batch.append(BatchToken(token, position, line.sequence))
        else:
            following = line.expected[n - first :]
            expected = following[0] if following else None
            batch.append(
                BatchToken(token, position, line.sequence, predict=True, expected=expected)
            )
    return batch


def _bound(line: _LineState) -> Bound | None:
    """Return the bound that the answer has reached, or None."""
    if line.tokens >= line.max_tokens:
        return Bound.TOKENS
    diverged = bytes(line.answer.written[line.diverged_at :])
    last = diverged[-REPETITION_BYTES:]
    first = len(diverged) - REPETITION_BYTES
    repeats = first > 0 and diverged.find(last) < first
    return Bound.REPETITION if repeats else None


def within_limit(context: LlamaContext, request: LineRequest) -> bool:
    """Return whether the line and its longest answer fit into one sequence."""
    answer = _max_answer_tokens(len(context.tokenize(request.text)))
    return len(request.suffix) + answer <= context.max_sequence_tokens


def _max_answer_tokens(line_tokens: int) -> int:
    """Return the greatest length of an answer to a line of so many tokens."""
    return int(MAX_ANSWER_GROWTH * line_tokens) + SPARE_ANSWER_TOKENS


def _ends_with_whole_character(written: bytearray) -> bool:
    """Return whether UTF-8 text ends with a complete character."""
    for length, byte in enumerate(reversed(written[-4:]), 1):
        if byte & 0xC0 != 0x80:  # the first byte of the last character
            needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return length >= needed
    return True
