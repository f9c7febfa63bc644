"""A page's lines in, a proposal for each line that was asked for out. Only a proposal: the gate decides."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from scanmend.correction.lexical_evidence import words_in_doubt
from scanmend.correction.lexicon import shipped
from scanmend.errors import ChildError
from scanmend.llm.context import Context, Entry, NoRoom
from scanmend.llm.guided import SHARED, Guided, within_reach
from scanmend.llm.loader import Loaded
from scanmend.llm.prompt import Prompt
from scanmend.llm.requests import Answer, Request
from scanmend.llm.rescoring import Offers, questioned
from scanmend.page import Bound, CharAlternatives, PageProposal

_CELL = re.compile(rb"(.+?)( {3,}|$)", re.DOTALL)
AROUND = 16  # characters on each side of what may be another word that the model sees, and the rest of their words
PAGE_SHARE = 0.4  # of the context: what the page may take, the lines in work have the rest


def correct(
    loaded: Loaded,
    instruction: str,
    lines: Sequence[str],
    wanted: Sequence[int],
    seconds: float,
    doubts: Mapping[int, Sequence[CharAlternatives]] | None = None,
) -> PageProposal:
    """Ask the model for the ``wanted`` lines; a line that there was no time or room for is None.

    ``doubts``: of the engine, by line, where it tells them.
    """
    started = time.monotonic()

    def expired() -> bool:
        return time.monotonic() - started >= seconds

    calls = sum(context.calls for context in loaded.contexts)
    prompt = loaded.prompt(instruction)
    # a model that is given lines by bytes is a corrector like the built-in one: its tokens are bytes
    first = loaded.context
    offers = bool(loaded.most_bytes) and loaded.drafts and first.lanes > 1 and not first.backend
    crew = [Guided(c, loaded.curve, loaded.drafts, Offers(c, shipped()) if offers else None) for c in loaded.contexts]  # fmt: skip
    chosen = set(wanted)
    answers: dict[int, Answer] = {}
    for numbers in _parts(loaded, lines) if prompt.shows_page else [range(len(lines))]:
        asked = [n for n in numbers if n in chosen]
        if not asked or expired():
            continue
        page = first.tokenize(_bytes("\n".join(lines[n] for n in numbers)))[: _room(loaded)]
        before = prompt.before_lines(page)
        known = {n: (doubts or {}).get(n) for n in asked}
        answers |= _answers(crew, loaded, prompt, before, {n: lines[n] for n in asked}, known, expired)  # fmt: skip
    bounds = {answer.bound for answer in answers.values()} - {None}
    missed = Bound.SECONDS if expired() else Bound.TOKENS if len(answers) < len(chosen) else None
    return PageProposal(
        tuple(answers[n].proposed() if n in answers else None for n in range(len(lines))),
        loaded.info,
        sum(guided.count for guided in crew),
        time.monotonic() - started,
        missed or next(iter(sorted(b for b in bounds if b)), None),
        sum(context.calls for context in loaded.contexts) - calls,
        loaded.method,
        sum(guided.drafted for guided in crew),
        sum(guided.agreed for guided in crew),
    )


def _parts(loaded: Loaded, lines: Sequence[str]) -> Iterator[range]:
    """Runs of lines that the model sees together."""
    room = _room(loaded)
    start = used = 0
    for number, line in enumerate(lines):
        need = len(loaded.context.tokenize(_bytes(line))) + 1
        if used + need > room and number > start:
            yield range(start, number)
            start, used = number, 0
        used += need
    yield range(start, len(lines))


def _room(loaded: Loaded) -> int:
    return int(PAGE_SHARE * loaded.context.reach)


def _answers(
    crew: Sequence[Guided], loaded: Loaded, prompt: Prompt, before: list[int], lines: dict[int, str],
    doubts: Mapping[int, Sequence[CharAlternatives] | None], expired: Callable[[], bool],
) -> dict[int, Answer]:  # fmt: skip
    """An answer for each line; of a line that is given in pieces, those of its pieces behind each other."""
    offers = bool(crew[0].offers)
    parts: list[_Part] = []
    requests: list[Request] = []
    for number, line in lines.items():
        at = 0
        for text, space in pieces(_bytes(line), loaded.most_bytes):
            long = len(text.decode(errors="replace"))
            known = doubts[number]
            if known is not None:
                known = [d.moved(-at) for d in known if at <= d.at < at + long]
            if text:
                requests.append(Request(len(parts), text, (), known))
            parts.append(_Part(number, text, space))
            at += long + len(space)
    if offers:
        places = {r.number: _doubtful(r) for r in requests}
        requests = questioned([r for r in requests if places[r.number]], shipped(), expired)
        requests = [_narrowed(r, parts[r.number], places[r.number]) for r in requests]
    requests = [replace(r, suffix=prompt.of_line(loaded.context.tokenize(r.text))) for r in requests]  # fmt: skip
    left = set(lines) - {parts[r.number].line for r in requests}  # nothing is to be asked of them
    requests = [r for r in requests if within_reach(loaded.context, len(before), r)]
    found = _together(crew, before, requests, expired)
    answers: dict[int, Answer] = {}
    for n, part in enumerate(parts):
        _append(answers.setdefault(part.line, Answer()), found.get(n), part)
    asked = left | {parts[n].line for n in found}
    return {number: answer for number, answer in answers.items() if number in asked}


@dataclass(slots=True)
class _Part:
    """A piece of a line and the spaces behind it; of the piece, what is not asked about before and behind the rest."""

    line: int
    text: bytes
    space: bytes
    head: bytes = b""
    tail: bytes = b""


def _doubtful(request: Request) -> list[tuple[int, int]]:
    """Where its words are that may be others; all of it where the engine does not tell its doubts."""
    text = request.text.decode(errors="replace")
    if request.doubts is None:
        return [(0, len(text))]
    unsure = {d.at for d in request.doubts if not d.between}
    return list(words_in_doubt(text, unsure, shipped(), request.doubts))


def _narrowed(request: Request, part: _Part, places: Sequence[tuple[int, int]]) -> Request:
    """Only the words that may be others, and what stands around them."""
    text = request.text.decode(errors="replace")
    places = [*places, *((spot.start, spot.end) for spot in request.spots)]
    start = text.rfind(" ", 0, max(0, min(a for a, _ in places) - AROUND)) + 1
    end = text.find(" ", max(b for _, b in places) + AROUND)
    end = len(text) if end < 0 else end
    part.head, part.tail = text[:start].encode(), text[end:].encode()
    return replace(
        request,
        text=text[start:end].encode(),
        doubts=None
        if request.doubts is None
        else [d.moved(-start) for d in request.doubts if start <= d.at < end],
        spots=[replace(s, start=s.start - start) for s in request.spots],
    )


def _together(
    crew: Sequence[Guided], before: list[int], requests: Sequence[Request], expired: Callable[[], bool]
) -> dict[int, Answer]:  # fmt: skip
    """Each of the crew takes the next line when it is done with one."""
    waiting = deque(requests)

    def work(guided: Guided) -> dict[int, Answer]:
        _share(guided.context, before)
        return guided.lines(len(before), waiting, expired)

    answers: dict[int, Answer] = {}
    with ThreadPoolExecutor(len(crew)) as pool:
        for found in pool.map(work, crew):
            answers |= found
    return answers


def pieces(line: bytes, most: int) -> list[tuple[bytes, bytes]]:
    """The line in pieces, each with the spaces behind it; whole when ``most`` is 0.

    Cut at the gaps of a table, for a small model does not count spaces; and where a piece would have more than
    ``most`` bytes, between words.

    >>> pieces(b"the quick brown fox", 10)
    [(b'the quick', b' '), (b'brown fox', b'')]
    >>> pieces(b"Total    12.50", 200)
    [(b'Total', b'    '), (b'12.50', b'')]
    """
    if not most:
        return [(line, b"")]
    out = []
    for cell, gap in _CELL.findall(line):
        while len(cell) > most and b" " in cell:
            cut = cell.rfind(b" ", 0, most + 1)
            cut = cell.find(b" ") if cut < 0 else cut
            out.append((cell[:cut], b" "))
            cell = cell[cut + 1 :]  # noqa: PLW2901
        out.append((cell, gap))
    return out


def _append(answer: Answer, more: Answer | None, part: _Part) -> None:
    """``more``: what was written for the part; None: nothing was asked, or there was no room."""
    start = len(answer.written) + len(part.head)
    if more is None:
        answer.written += part.text + part.space
        return
    answer.written += part.head + more.written + part.tail + part.space
    answer.divergences += [(start + a, start + b, margin) for a, b, margin in more.divergences]
    answer.bound = answer.bound or more.bound


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a PDF's text may hold half a surrogate pair


def _share(context: Context, tokens: list[int]) -> None:
    """Bring the shared sequence to these tokens; what it holds of them already stays."""
    held = context.held
    same = 0
    while same < min(len(held), len(tokens)) and held[same] == tokens[same]:
        same += 1
    if same < len(held) and not context.cut(SHARED, same):
        context.clear()
        same = 0
    held[:] = tokens[:same]  # right even when the next call fails
    try:
        context.decode([Entry(t, same + n, SHARED) for n, t in enumerate(tokens[same:])])
    except NoRoom:
        context.clear()
        held.clear()
        raise ChildError(
            f"the prompt and the page are {len(tokens)} tokens: raise llm.context ({context.cells})"
        ) from None
    held[:] = tokens
