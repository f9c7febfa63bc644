"""Input-guided decoding, many lines of a page at once.

The lines are parallel sequences over one shared prompt that holds the page. Each line's draft is its OCR text:
one call of the decoder verifies the drafts of all lines, each line takes its longest agreed beginning and the
model's own token after it, finds its way back to the OCR text (``draft``) and drafts on. Greedy, hence the same
text as token by token, but for float near-ties. An edit in one line costs the others nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from scanmend.llm.context import Choice, Context, Entry, NoRoom
from scanmend.llm.draft_alignment import Draft
from scanmend.llm.draft_length import Curve, ahead, choose
from scanmend.llm.requests import Answer, Request
from scanmend.llm.rescoring import Finished, Offers
from scanmend.page import Bound

GROWTH = 1.3  # tokens out for each token of the line
SPARE = 8  # tokens out besides, for each line
REPEATED = 24  # bytes that, written twice since the model left the OCR text, end a line
TRUST = 0.95  # share of draft tokens that a model is taken to agree with, at first
DOUBT = 0.5  # the same where the draft is a guess
MOST_TRUST = 0.99  # the same after a long agreement
TRUST_OF = 8  # tokens over which doubt goes
SHARED = 0  # the sequence of the prompt


@dataclass(slots=True)
class _Lane:
    """A line in work. ``pending``: chosen, not yet in the memory; ``draft_tokens``: what is expected next."""

    request: Request
    sequence: int
    draft: Draft
    pending: list[int]
    draft_tokens: list[int]
    place: int  # in the sequence, of the first pending token
    most: int  # tokens of the answer
    at: int = 0  # bytes of the OCR text that are copied or passed over
    count: int = 0
    trust: float = TRUST
    stray: int = 0  # bytes written when the OCR text was left last
    answer: Answer = field(default_factory=Answer)


class Guided:
    """Decodes lines of a page with one context."""

    def __init__(
        self, context: Context, curve: Curve, drafts: bool, offers: Offers | None = None
    ) -> None:
        """``drafts`` False: plain greedy decoding, for models whose memory can't be cut.

        ``offers``: other words for what was copied; for models whose tokens are bytes, with drafts.
        """
        self.context = context
        self._curve = curve
        self._drafts = drafts
        self.offers = offers
        self._lanes = offers.first - 1 if offers else context.lanes
        self._most_lanes = self._lanes
        self.count = 0  # tokens written
        self.drafted = 0  # tokens of drafts that were verified
        self.agreed = 0  # of them, those that the model would have written

    def lines(
        self, shared: int, waiting: deque[Request], expired: Callable[[], bool]
    ) -> dict[int, Answer]:
        """An answer for each request that is taken from ``waiting``, as far as there is time and room.

        Others may take from it, too, each with a context of their own. ``shared``: the number of tokens that the
        sequence ``SHARED`` holds. ``expired`` ends the work.
        """
        lanes: list[_Lane] = []
        answers: dict[int, Answer] = {}
        try:
            while waiting or lanes:
                if expired():
                    for lane in lanes:
                        lane.answer.bound = Bound.SECONDS
                        answers[lane.request.number] = lane.answer
                    break
                self._admit(shared, waiting, lanes)
                if not lanes:
                    break  # the next one does not fit, not even alone
                try:
                    self._step(lanes)
                except NoRoom:
                    self._make_room(waiting, lanes)
                    continue
                done = [lane for lane in lanes if not lane.pending]
                if self.offers:
                    self.offers.improve([_finished(x) for x in done if not x.answer.bound])
                for lane in done:
                    self._most_lanes = self._lanes
                    answers[lane.request.number] = lane.answer
                    self.context.cut(lane.sequence, 0)
                    lanes.remove(lane)
        finally:
            for lane in lanes:
                self.context.cut(lane.sequence, 0)
        return answers

    def _admit(self, shared: int, waiting: deque[Request], lanes: list[_Lane]) -> None:
        """Start the next lines as far as the memory reaches."""
        free = self.context.cells - shared - sum(len(x.request.suffix) + x.most for x in lanes)
        used = {lane.sequence for lane in lanes}
        for sequence in range(1, self._lanes + 1):
            if len(lanes) >= self._most_lanes:
                return
            if sequence in used:
                continue
            try:
                request = waiting.popleft()
            except IndexError:
                return
            tokens = [*self.context.tokenize(request.text), self.context.end]
            most = _most(len(tokens) - 1)
            free -= len(request.suffix) + most
            if free < 0:
                waiting.appendleft(request)
                return
            self.context.copy(SHARED, sequence)
            lanes.append(
                _Lane(
                    request,
                    sequence,
                    Draft(request.text),
                    list(request.suffix),
                    tokens,
                    shared,
                    most,
                )
            )

    def _make_room(self, waiting: deque[Request], lanes: list[_Lane]) -> None:
        """The last line comes later; what the failed call left of the others is forgotten."""
        last = lanes.pop()
        self.context.cut(last.sequence, 0)
        self._most_lanes = max(1, len(lanes))  # until one of them is done
        if lanes:
            waiting.appendleft(last.request)
        for lane in lanes:
            self.context.cut(lane.sequence, lane.place)

    def _step(self, lanes: list[_Lane]) -> None:
        """One call: verify what each line expects, and take what the model says."""
        length = 0
        if self._drafts:
            shapes = [(len(x.pending), len(x.draft_tokens), x.trust) for x in lanes]
            length = choose(self._curve, shapes)
        entries: list[Entry] = []
        counts = []
        for lane in lanes:
            left = lane.most - lane.count
            count = ahead(lane.trust, min(length, len(lane.draft_tokens), left))
            if count == len(lane.draft_tokens) and count:
                count -= 1  # the end is only compared, never copied
            counts.append(count)
            tokens = lane.pending + lane.draft_tokens[:count]
            first = len(lane.pending) - 1
            for number, token in enumerate(tokens):
                against = None
                if number >= first:
                    rest = lane.draft_tokens[number - first :]
                    against = rest[0] if rest else -1
                entries.append(Entry(token, lane.place + number, lane.sequence, against))
        choices = iter(self.context.decode(entries))
        for lane, count in zip(lanes, counts, strict=True):
            self._take(lane, [next(choices) for _ in range(count + 1)])

    def _take(self, lane: _Lane, choices: list[Choice]) -> None:
        """Accept the agreed beginning of the draft and the token after it."""
        drafted = len(choices) - 1
        agreed = 0
        while agreed < drafted and choices[agreed].token == lane.draft_tokens[agreed]:
            agreed += 1
        for token in lane.draft_tokens[:agreed]:
            self._copy(lane, token)
        lane.place += len(lane.pending) + agreed
        if agreed < drafted:
            self.context.cut(lane.sequence, lane.place)
        expected = lane.draft_tokens[agreed] if agreed < len(lane.draft_tokens) else None
        lane.draft_tokens = lane.draft_tokens[agreed:]
        if agreed == drafted >= 2:  # the way back is found
            lane.trust = max(lane.trust, TRUST)
        self.drafted += drafted
        self.agreed += agreed
        self._follow(lane, choices[agreed], expected)

    def _copy(self, lane: _Lane, token: int) -> None:
        piece = self.context.piece(token)
        lane.answer.written += piece
        lane.at += len(piece)
        lane.stray = len(lane.answer.written)
        lane.count += 1
        self.count += 1
        lane.trust += (MOST_TRUST - lane.trust) / TRUST_OF

    def _follow(self, lane: _Lane, choice: Choice, expected: int | None) -> None:
        """Take the model's own token: the expected one, another, or the end."""
        written = lane.answer.written
        start = len(written)
        if self.context.ends(choice.token):
            if expected is not None and not self.context.ends(expected):
                lane.answer.divergences.append((start, start, choice.margin))
            lane.pending = []
            return
        lane.pending = [choice.token]
        if choice.token == expected:
            self._copy(lane, choice.token)
            lane.draft_tokens = lane.draft_tokens[1:]
        else:
            self._depart(lane, choice, expected)
        lane.answer.bound = self._bound(lane)
        if lane.answer.bound or b"\n" in written[start:]:
            del written[(bytes(written) + b"\n").index(b"\n") :]
            lane.pending = []

    def _depart(self, lane: _Lane, choice: Choice, expected: int | None) -> None:
        """The model leaves the OCR text: note it, and guess where copying goes on."""
        piece = self.context.piece(choice.token)
        written, divergences = lane.answer.written, lane.answer.divergences
        start = len(written)
        written += piece
        lane.count += 1
        self.count += 1
        if expected is not None or not divergences:
            divergences.append((start, len(written), choice.margin))
        else:  # in the middle of a character nothing was expected: the same departure goes on
            divergences[-1] = (divergences[-1][0], len(written), divergences[-1][2])
        lane.trust = DOUBT
        lane.at = lane.draft.resume(lane.at, bytes(written), piece)
        rest = lane.request.text[lane.at :]
        lane.draft_tokens = []
        if _is_boundary(written) and not (rest and rest[0] & 0xC0 == 0x80):
            lane.draft_tokens = [*self.context.tokenize(rest), self.context.end]

    def _bound(self, lane: _Lane) -> Bound | None:
        if lane.count >= lane.most:
            return Bound.TOKENS
        stray = bytes(lane.answer.written[lane.stray :])
        again = len(stray) > REPEATED and stray.find(stray[-REPEATED:]) < len(stray) - REPEATED
        return Bound.REPETITION if again else None


def within_reach(context: Context, shared: int, request: Request) -> bool:
    """Whether the line and its answer are no longer than what the model was trained on."""
    tokens = len(context.tokenize(request.text))
    return shared + len(request.suffix) + _most(tokens) <= context.reach


def _finished(lane: _Lane) -> Finished:
    begin = lane.place - len(lane.answer.written)
    return Finished(lane.request, lane.answer, lane.sequence, begin)


def _most(tokens: int) -> int:
    """Of the answer to a line of so many tokens."""
    return int(GROWTH * tokens) + SPARE


def _is_boundary(written: bytearray) -> bool:
    """Whether UTF-8 text ends with a whole character."""
    for back, byte in enumerate(reversed(written[-4:]), 1):
        if byte & 0xC0 != 0x80:
            return back >= (4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1)
    return True
