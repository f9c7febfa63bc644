"""Propose a corrected text for each wanted line of a page. The gate decides which edits are accepted."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scanmend.correction.lexicon import shipped
from scanmend.errors import ChildError
from scanmend.llm.guided_decoding import SHARED, GuidedDecoder, within_limit
from scanmend.llm.line_pieces import Piece, doubtful_spans, narrowed, requests_of
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.llm.llama_context import BatchToken, CacheFull, LlamaContext
from scanmend.llm.loader import LoadedModel
from scanmend.llm.rescoring import Rescorer, with_suspects
from scanmend.llm.time_note import time_note
from scanmend.page import Bound, CharAlternatives, LineProposal, PageProposal

PAGE_SHARE = (
    0.4  # of a sequence's tokens for the page's text; the rest is for the line and its answer
)


def propose_page(
    model: LoadedModel,
    instruction: str,
    lines: Sequence[str],
    wanted: Sequence[int],
    seconds: float,
    alternatives: Mapping[int, Sequence[CharAlternatives]] | None = None,
) -> PageProposal:
    """Return the model's proposals for the ``wanted`` lines; None for a line that time or cells did not suffice for.

    ``instruction``: the system prompt. ``wanted``: indices into ``lines``. ``seconds``: the time limit of the page.
    ``alternatives``: the OCR engine's, by line index, where it reports them. Raises ChildError when llama.cpp fails or
    the prompt does not fit.
    """
    started = time.monotonic()
    calls_before = model.calls
    page = _PageDecoding(model, instruction, lambda: time.monotonic() - started >= seconds)
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
        method=model.method,
        drafted=sum(decoder.drafted for decoder in page.decoders),
        agreed=sum(decoder.agreed for decoder in page.decoders),
        note=time_note(late, len(set(wanted)), seconds),
    )


class _PageDecoding:
    """The decoding of one page, by a decoder for each context of the model."""

    def __init__(self, model: LoadedModel, instruction: str, expired: Callable[[], bool]) -> None:
        self.expired = expired
        self._model = model
        self._prompt = model.prompt(instruction)
        self._lexicon = shipped() if model.can_rescore else None
        self.decoders = [self._decoder(context) for context in model.contexts]

    def _decoder(self, context: LlamaContext) -> GuidedDecoder:
        model = self._model
        rescorer = None if self._lexicon is None else Rescorer(context, self._lexicon)
        return GuidedDecoder(context, model.curve, drafts=model.drafts, rescorer=rescorer)

    def answers(
        self,
        lines: Sequence[str],
        wanted: set[int],
        alternatives: Mapping[int, Sequence[CharAlternatives]],
    ) -> dict[int, LineAnswer]:
        """Return the answers by line number; a line without time or space in the cache has none."""
        answers: dict[int, LineAnswer] = {}
        parts = _parts(self._model, lines) if self._prompt.shows_page else [range(len(lines))]
        for part in parts:
            numbers = [number for number in part if number in wanted]
            if not numbers or self.expired():
                continue
            page = self._model.context.tokenize(_utf8("\n".join(lines[n] for n in part)))
            before = self._prompt.before_lines(page[: _max_page_tokens(self._model)])
            texts = {number: _utf8(lines[number]) for number in numbers}
            answers |= self._part_answers(before, texts, alternatives)
        return answers

    def _part_answers(
        self,
        before: list[int],
        lines: Mapping[int, bytes],
        alternatives: Mapping[int, Sequence[CharAlternatives]],
    ) -> dict[int, LineAnswer]:
        """Return the answers for lines that the model sees together; ``before`` are the tokens before each of them."""
        pieces, requests = self._requests(lines, alternatives)
        requests = [
            replace(r, suffix=self._prompt.of_line(self._model.context.tokenize(r.text)))
            for r in requests
        ]
        requested = {pieces[r.number].line for r in requests}
        context = self._model.context
        requests = [r for r in requests if within_limit(context, len(before), r)]
        decoded = self._decoded(before, requests)
        answers: dict[int, LineAnswer] = {}
        for number, piece in enumerate(pieces):
            piece.append_to(answers.setdefault(piece.line, LineAnswer()), decoded.get(number))
        unchanged = set(lines) - requested  # none of their words may be misread
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
        if self._lexicon is None:
            return pieces, requests
        spans = {r.number: doubtful_spans(r, self._lexicon) for r in requests}
        doubtful = [r for r in requests if spans[r.number]]
        narrowed_requests = []
        for request in with_suspects(doubtful, self._lexicon, self.expired):
            n = request.number
            pieces[n], narrowed_request = narrowed(request, pieces[n], spans[n])
            narrowed_requests.append(narrowed_request)
        return pieces, narrowed_requests

    def _decoded(self, before: list[int], requests: Sequence[LineRequest]) -> dict[int, LineAnswer]:
        """Return the answers by request number. Each decoder has a thread, and takes the next request when it is free."""
        waiting = deque(requests)

        def work(decoder: GuidedDecoder) -> dict[int, LineAnswer]:
            _decode_shared(decoder.context, before)
            return decoder.decode_lines(len(before), waiting, self.expired)

        answers: dict[int, LineAnswer] = {}
        with ThreadPoolExecutor(len(self.decoders)) as pool:
            for decoder_answers in pool.map(work, self.decoders):
                answers |= decoder_answers
        return answers


def _parts(model: LoadedModel, lines: Sequence[str]) -> Iterator[range]:
    """Yield runs of lines that together fit into the page's share of a sequence."""
    limit = _max_page_tokens(model)
    start = used = 0
    for number, line in enumerate(lines):
        needed = len(model.context.tokenize(_utf8(line))) + 1
        if used + needed > limit and number > start:
            yield range(start, number)
            start, used = number, 0
        used += needed
    yield range(start, len(lines))


def _max_page_tokens(model: LoadedModel) -> int:
    """Return the page's share of a sequence, in tokens."""
    return int(PAGE_SHARE * model.context.max_sequence_tokens)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a PDF's text may hold half a surrogate pair


def _decode_shared(context: LlamaContext, tokens: list[int]) -> None:
    """Make the shared sequence hold these tokens; a beginning that it holds already stays in the cache.

    Raises ChildError when the tokens don't fit, or llama.cpp fails.
    """
    held = context.shared_tokens
    kept = 0
    while kept < min(len(held), len(tokens)) and held[kept] == tokens[kept]:
        kept += 1
    if kept < len(held) and not context.truncate(SHARED, kept):
        context.clear()
        kept = 0
    held[:] = tokens[:kept]  # true even when the next call fails
    batch = [BatchToken(token, kept + n, SHARED) for n, token in enumerate(tokens[kept:])]
    try:
        context.decode(batch)
    except CacheFull:
        context.clear()
        held.clear()
        what = f"prompt and page have {len(tokens)} tokens, but llm.context is {context.cells}"
        raise ChildError(what, "raise llm.context") from None
    held[:] = tokens
