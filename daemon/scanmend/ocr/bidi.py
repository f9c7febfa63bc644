"""From the order in which signs stand on a line to the order in which they are read.

A small inverse of the Unicode Bidirectional Algorithm (UAX 9), for one line without embeddings: the line reads
from the right if it has at least as many right-to-left letters as others; numbers and foreign words in it keep
their own direction.
"""

import unicodedata
from collections.abc import Sequence

_RIGHT = frozenset({"R", "AL"})
_NUMBER = frozenset({"EN", "AN"})
_WITHIN_NUMBER = frozenset({"CS", "ES", "ET", "NSM"})


def logical(pieces: Sequence[str]) -> list[str]:
    """Return the pieces of a line, given from left to right, in logical order; each piece is a sign or a space."""
    classes = [_direction(piece) for piece in pieces]
    right = sum(c == "R" for c in classes)
    if not right:
        return list(pieces)
    if right >= sum(c == "L" for c in classes):
        return _from_right(pieces, classes)
    found: list[str] = []
    start = 0
    while start < len(pieces):
        if classes[start] != "R":
            found.append(pieces[start])
            start += 1
            continue
        end = start + 1
        for place in range(start + 1, len(pieces)):
            if classes[place] == "L":
                break
            if classes[place] == "R":
                end = place + 1
        found += _from_right(pieces[start:end], classes[start:end])
        start = end
    return found


def reads_from_right(text: str) -> bool:
    """Return whether a sign is a letter of a right-to-left script."""
    return unicodedata.bidirectional(text[0]) in _RIGHT


def from_right(text: str) -> bool:
    """Return whether a line reads from the right: its letters do, as far as half of them tell."""
    classes = [_direction(sign) for sign in text]
    right = sum(c == "R" for c in classes)
    return right > 0 and right >= sum(c == "L" for c in classes)


def _direction(piece: str) -> str:
    """Return "R", "L", "N" for a number, "S" for what may stand within one, or "" for the rest."""
    kind = unicodedata.bidirectional(piece[0])
    if kind in _RIGHT:
        return "R"
    if kind in _NUMBER:
        return "N"
    if kind in _WITHIN_NUMBER:
        return "S"
    return "L" if kind == "L" else ""


def _from_right(pieces: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Return a line that reads from the right; words and numbers that read from the left keep their order."""
    found: list[str] = []
    end = len(pieces)
    while end > 0:
        last = end - 1
        if classes[last] not in ("L", "N"):
            found.append(pieces[last])
            end = last
            continue
        start = _start_of_left(classes, last)
        found += pieces[start:end]
        end = start
    return found


def _start_of_left(classes: Sequence[str], last: int) -> int:
    """Return where the stretch begins that ends at ``last`` and reads from the left."""
    start = last
    letters = classes[last] == "L"
    for place in range(last - 1, -1, -1):
        kind = classes[place]
        if kind == "R" or (kind == "" and not letters):
            break
        if kind in ("L", "N"):
            start = place
            letters = letters or kind == "L"
        elif (
            kind == "S"
            and not letters
            and last - place > 1
            and classes[place + 1] not in ("N", "S")
        ):
            break
    return start
