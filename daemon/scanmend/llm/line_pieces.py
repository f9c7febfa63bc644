"""Cut lines for a model that reads few bytes at a time: into pieces, and these down to the text around suspect words."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from scanmend.correction.lexical_evidence import words_in_doubt
from scanmend.correction.lexicon import Lexicon
from scanmend.llm.line_request import LineAnswer, LineRequest
from scanmend.page import CharAlternatives

# The model sees so many characters on each side of a suspect word, and the rest of the words there.
SURROUNDING_CHARACTERS = 16
_CELL = re.compile(rb"(.+?)( {3,}|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of line number ``line``, with the spaces behind it.

    ``head`` and ``tail``: the beginning and the end of the piece that the model does not see.
    """

    line: int
    text: bytes
    spaces: bytes
    head: bytes = b""
    tail: bytes = b""

    def append_to(self, whole: LineAnswer, answer: LineAnswer | None) -> None:
        """Append the answer for this piece to ``whole``, its line's answer; None leaves the piece as it was read."""
        if answer is None:
            whole.written += self.text + self.spaces
        else:
            whole.append(answer, self.head, self.tail + self.spaces)


def pieces(line: bytes, max_bytes: int) -> list[tuple[bytes, bytes]]:
    """Return the pieces of a line, each with the spaces behind it; ``max_bytes`` 0 keeps the line whole.

    A piece ends at the gap of a table, since a small model can't count spaces; those that begin a line belong to an empty
    piece for the same reason. A piece longer than ``max_bytes`` is cut
    between words.

    >>> pieces(b"the quick brown fox", 10)
    [(b'the quick', b' '), (b'brown fox', b'')]
    >>> pieces(b"Total    12.50", 200)
    [(b'Total', b'    '), (b'12.50', b'')]
    >>> pieces(b"  indented", 0)
    [(b'', b'  '), (b'indented', b'')]
    """
    text = line.lstrip(b" ")
    parts = [(b"", line[: len(line) - len(text)])] if len(text) < len(line) else []
    if not max_bytes:
        return [*parts, (text, b"")]
    for cell, gap in _CELL.findall(text):
        rest = cell
        while len(rest) > max_bytes and b" " in rest:
            cut = rest.rfind(b" ", 0, max_bytes + 1)
            cut = rest.find(b" ") if cut < 0 else cut
            parts.append((rest[:cut], b" "))
            rest = rest[cut + 1 :]
        parts.append((rest, gap))
    return parts


def requests_of(
    number: int,
    line: bytes,
    max_bytes: int,
    alternatives: Sequence[CharAlternatives] | None,
    first: int,
) -> Iterator[tuple[Piece, LineRequest]]:
    """Yield the pieces of line ``number``, each with its request; requests are numbered from ``first`` on.

    ``alternatives`` are the whole line's; each request gets those of its piece.
    """
    start = 0  # offset of the piece in code points
    for n, (text, spaces) in enumerate(pieces(line, max_bytes), first):
        length = len(text.decode(errors="replace"))
        inside = None
        if alternatives is not None:
            inside = [a.moved(-start) for a in alternatives if start <= a.at < start + length]
        yield Piece(number, text, spaces), LineRequest(n, text, (), inside)
        start += length + len(spaces)


def doubtful_spans(request: LineRequest, lexicon: Lexicon) -> list[tuple[int, int]]:
    """Return the spans (start, end in code points) of the words that may be misread.

    The span is the whole text where the OCR engine reports no alternatives.
    """
    text = request.text.decode(errors="replace")
    if request.alternatives is None:
        return [(0, len(text))]
    unsure = {a.at for a in request.alternatives if not a.between}
    return list(words_in_doubt(text, unsure, lexicon, request.alternatives))


def narrowed(
    request: LineRequest, piece: Piece, spans: Collection[tuple[int, int]]
) -> tuple[Piece, LineRequest]:
    """Return the piece and the request, cut down to the words that may be misread and the text around them."""
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
