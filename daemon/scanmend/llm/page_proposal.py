"""Propose a corrected text for each wanted line of a page with a byte-level corrector. The gate decides which edits are accepted."""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scanmend.correction.lexicon import shipped
from scanmend.llm.guided_decoding import GuidedDecoder, within_limit
from scanmend.llm.line_pieces import Piece, doubtful_spans, narrowed, requests_of
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.llm.loader import LoadedCorrector
from scanmend.llm.rescoring import Rescorer, with_suspects
from scanmend.llm.time_note import time_note
from scanmend.page import Bound, CharAlternatives, LineProposal, PageProposal

CORRECTOR_METHOD = "parallel"  # published in the sidecar


def propose_page(
    model: LoadedCorrector,
    lines: Sequence[str],
    wanted: Sequence[int],
    seconds: float,
    alternatives: Mapping[int, Sequence[CharAlternatives]] | None = None,
) -> PageProposal:
    """Return the model's proposals for the ``wanted`` lines; None for a line that time or cells did not suffice for.

    ``wanted``: indices into ``lines``. ``seconds``: the time limit of the page. ``alternatives``: the OCR engine's, by line
    index, where it reports them. Raises ChildError when llama.cpp fails.
    """
    started = time.monotonic()
    calls_before = model.calls
    page = _PageDecoding(model, lambda: time.monotonic() - started >= seconds)
    answers = page.answers(lines, set(wanted), alternatives or {})
    if page.expired():
        bound: Bound | None = Bound.SECONDS
    elif len(answers) < len(set(wanted)):
        bound = Bound.TOKENS
    else:
        bound = min((a.bound for a in answers.values() if a.bound), default=None)
    late = len(set(wanted)) - len(answers) if bound is Bound.SECONDS else 0
    proposals: list[LineProposal | None] = [None] * len(lines)
    for number, answer in answers.items():
        proposals[number] = answer.proposal()
    return PageProposal(
        lines=tuple(proposals),
        model=model.info,
        tokens=sum(decoder.written for decoder in page.decoders),
        seconds=time.monotonic() - started,
        bound=bound,
        calls=model.calls - calls_before,
        method=CORRECTOR_METHOD,
        drafted=sum(decoder.drafted for decoder in page.decoders),
        agreed=sum(decoder.agreed for decoder in page.decoders),
        note=time_note(late, len(set(wanted)), seconds),
    )


class _PageDecoding:
    """The decoding of one page, by a decoder for each context of the model."""

    def __init__(self, model: LoadedCorrector, expired: Callable[[], bool]) -> None:
        self.expired = expired
        self._model = model
        self._lexicon = shipped()
        self.decoders = [
            GuidedDecoder(context, Rescorer(context, self._lexicon)) for context in model.contexts
        ]

    def answers(
        self,
        lines: Sequence[str],
        wanted: set[int],
        alternatives: Mapping[int, Sequence[CharAlternatives]],
    ) -> dict[int, LineAnswer]:
        """Return the answers by line number; a line without time or space in the cache has none."""
        if self.expired():
            return {}
        texts = {number: _utf8(lines[number]) for number in sorted(wanted)}
        pieces, requests = self._requests(texts, alternatives)
        context = self._model.context
        requests = [
            replace(r, suffix=[*context.tokenize(r.text), *self._model.line_end]) for r in requests
        ]
        requested = {pieces[r.number].line for r in requests}
        decoded = self._decoded([r for r in requests if within_limit(context, r)])
        answers: dict[int, LineAnswer] = {}
        for number, piece in enumerate(pieces):
            piece.append_to(answers.setdefault(piece.line, LineAnswer()), decoded.get(number))
        unchanged = set(texts) - requested  # none of their words may be misread
        answered = unchanged | {pieces[number].line for number in decoded}
        return {number: answer for number, answer in answers.items() if number in answered}

    def _requests(
        self,
        lines: Mapping[int, bytes],
        alternatives: Mapping[int, Sequence[CharAlternatives]],
    ) -> tuple[list[Piece], list[LineRequest]]:
        """Return the pieces of the lines, and the requests for the pieces that the model must see.

        A request's number is the index of its piece.
        """
        pieces: list[Piece] = []
        requests: list[LineRequest] = []
        limit = self._model.max_line_bytes
        for number, line in lines.items():
            cut = requests_of(number, line, limit, alternatives.get(number), len(pieces))
            for piece, request in cut:
                pieces.append(piece)
                if piece.text:
                    requests.append(request)
        spans = {r.number: doubtful_spans(r, self._lexicon) for r in requests}
        doubtful = [r for r in requests if spans[r.number]]
        narrowed_requests = []
        for request in with_suspects(doubtful, self._lexicon, self.expired):
            n = request.number
            pieces[n], narrowed_request = narrowed(request, pieces[n], spans[n])
            narrowed_requests.append(narrowed_request)
        return pieces, narrowed_requests

    def _decoded(self, requests: Sequence[LineRequest]) -> dict[int, LineAnswer]:
        """Return the answers by request number. Each decoder has a thread, and takes the next request when it is free."""
        waiting = deque(requests)

        def work(decoder: GuidedDecoder) -> dict[int, LineAnswer]:
            return decoder.decode_lines(waiting, self.expired)

        answers: dict[int, LineAnswer] = {}
        with ThreadPoolExecutor(len(self.decoders)) as pool:
            for decoder_answers in pool.map(work, self.decoders):
                answers |= decoder_answers
        return answers


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a PDF's text may hold half a surrogate pair
