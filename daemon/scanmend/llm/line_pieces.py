"""Lines cut for a model that reads few bytes at a time: into pieces, and in these the text around suspect words."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from scanmend.correction.lexical_evidence import words_in_doubt
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.page import CharAlternatives

SURROUNDING_CHARACTERS = (
    16  # that the model sees on each side of a suspect word, and the rest of their words
)
_CELL = re.compile(rb"(.+?)( {3,}|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a line, with the spaces behind it.

    ``head`` and ``tail``: its beginning and its end, as far as the model is not asked about them.
    """

    line: int
    text: bytes
    spaces: bytes
    head: bytes = b""
    tail: bytes = b""

    def append_to(self, whole: LineAnswer, answer: LineAnswer | None) -> None:
        """Append the answer for this piece to that for its line; None leaves the piece as it was read."""
        if answer is None:
            whole.written += self.text + self.spaces
        else:
            whole.append(answer, self.head, self.tail + self.spaces)


def pieces(line: bytes, max_bytes: int) -> list[tuple[bytes, bytes]]:
    """Return the line in pieces, each with the spaces behind it; whole when ``max_bytes`` is 0.

    The gaps of a table part pieces, since a small model does not count spaces. Longer pieces than ``max_bytes`` are cut
    between words.

    >>> pieces(b"the quick brown fox", 10)
    [(b'the quick', b' '), (b'brown fox', b'')]
    >>> pieces(b"Total    12.50", 200)
    [(b'Total', b'    '), (b'12.50', b'')]
    """
    if not max_bytes:
        return [(line, b"")]
    found = []
    for cell, gap in _CELL.findall(line):
        rest = cell
        while len(rest) > max_bytes and b" " in rest:
            cut = rest.rfind(b" ", 0, max_bytes + 1)
            cut = rest.find(b" ") if cut < 0 else cut
            found.append((rest[:cut], b" "))
            rest = rest[cut + 1 :]
        found.append((rest, gap))
    return found


def requests_of(
    number: int,
    line: bytes,
    max_bytes: int,
    alternatives: Sequence[CharAlternatives] | None,
    first: int,
) -> Iterator[tuple[Piece, LineRequest]]:
    """Yield the pieces of line ``number``, each with its request; requests are numbered from ``first`` on."""
    start = 0  # of the piece, in code points of the line
    for n, (text, spaces) in enumerate(pieces(line, max_bytes), first):
        length = len(text.decode(errors="replace"))
        mine = None
        if alternatives is not None:
            mine = [a.moved(-start) for a in alternatives if start <= a.at < start + length]
        yield Piece(number, text, spaces), LineRequest(n, text, (), mine)
        start += length + len(spaces)


def doubtful_spans(request: LineRequest, lexicon: Lexicon) -> list[tuple[int, int]]:
    """Return the spans (start, end in code points) of the words that may be misread; all of it without alternatives."""
    text = request.text.decode(errors="replace")
    if request.alternatives is None:
        return [(0, len(text))]
    unsure = {a.at for a in request.alternatives if not a.between}
    return list(words_in_doubt(text, unsure, lexicon, request.alternatives))


def narrowed(
    request: LineRequest, piece: Piece, spans: Collection[tuple[int, int]]
) -> tuple[Piece, LineRequest]:
    """Return piece and request reduced to the words that may be misread and the text around them."""
    text = request.text.decode(errors="replace")
    spans = [*spans, *((suspect.start, suspect.end) for suspect in request.suspects)]
    first = min(start for start, _ in spans) - SURROUNDING_CHARACTERS
    start = text.rfind(" ", 0, max(0, first)) + 1
    end = text.find(" ", max(end for _, end in spans) + SURROUNDING_CHARACTERS)
    end = len(text) if end < 0 else end
    alternatives = request.alternatives
    if alternatives is not None:
        alternatives = [a.moved(-start) for a in alternatives if start <= a.at < end]
    return (
        replace(piece, head=text[:start].encode(), tail=text[end:].encode()),
        replace(
            request,
            text=text[start:end].encode(),
            alternatives=alternatives,
            suspects=[replace(s, start=s.start - start) for s in request.suspects],
        ),
    )
