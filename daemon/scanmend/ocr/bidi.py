"""Put a line's characters from visual order, left to right on the page, into logical order, as they are read.

A small inverse of the Unicode Bidirectional Algorithm (UAX 9), for one line without embeddings. The line reads from
right to left if it has at least as many right-to-left letters as others; numbers and foreign words in it keep their own
direction.
"""

import enum
import unicodedata
from collections.abc import Sequence


class _Class(enum.Enum):
    """The bidirectional classes of UAX 9, as far as they matter here."""

    LEFT = enum.auto()  # a letter that reads from left to right
    RIGHT = enum.auto()  # a letter that reads from right to left
    NUMBER = enum.auto()
    WITHIN_NUMBER = enum.auto()  # may stand within a number, such as a comma
    NEUTRAL = enum.auto()


_RIGHT_TO_LEFT = frozenset({"R", "AL"})
_CLASSES = {
    **dict.fromkeys(_RIGHT_TO_LEFT, _Class.RIGHT),
    **dict.fromkeys(("EN", "AN"), _Class.NUMBER),
    **dict.fromkeys(("CS", "ES", "ET", "NSM"), _Class.WITHIN_NUMBER),
    "L": _Class.LEFT,
}


def logical_order(pieces: Sequence[str]) -> list[str]:
    """Return the pieces of a line, given from left to right, in logical order; a piece is a character or a space."""
    classes = [_class(piece) for piece in pieces]
    right = classes.count(_Class.RIGHT)
    if not right:
        return list(pieces)
    if right >= classes.count(_Class.LEFT):
        return _from_right(pieces, classes)
    found: list[str] = []
    start = 0
    while start < len(pieces):
        if classes[start] is not _Class.RIGHT:
            found.append(pieces[start])
            start += 1
            continue
        end = _end_of_right(classes, start)
        found += _from_right(pieces[start:end], classes[start:end])
        start = end
    return found


def is_right_to_left(text: str) -> bool:
    """Return whether a character is a letter of a right-to-left script."""
    return unicodedata.bidirectional(text[0]) in _RIGHT_TO_LEFT


def reads_from_right(text: str) -> bool:
    """Return whether a line reads from right to left: at least half of its letters do."""
    classes = [_class(character) for character in text]
    right = classes.count(_Class.RIGHT)
    return right > 0 and right >= classes.count(_Class.LEFT)


def _class(piece: str) -> _Class:
    return _CLASSES.get(unicodedata.bidirectional(piece[0]), _Class.NEUTRAL)


def _end_of_right(classes: Sequence[_Class], start: int) -> int:
    """Return where the right-to-left words end that begin at ``start``."""
    end = start + 1
    for index in range(start + 1, len(classes)):
        if classes[index] is _Class.LEFT:
            break
        if classes[index] is _Class.RIGHT:
            end = index + 1
    return end


def _from_right(pieces: Sequence[str], classes: Sequence[_Class]) -> list[str]:
    """Return the pieces of right-to-left text in logical order: words and numbers within keep their order."""
    found: list[str] = []
    end = len(pieces)
    while end > 0:
        last = end - 1
        if classes[last] not in (_Class.LEFT, _Class.NUMBER):
            found.append(pieces[last])
            end = last
            continue
        start = _start_of_left(classes, last)
        found += pieces[start:end]
        end = start
    return found


def _start_of_left(classes: Sequence[_Class], last: int) -> int:
    """Return where the left-to-right stretch begins that ends at ``last``."""
    start = last
    letters = classes[last] is _Class.LEFT
    for index in range(last - 1, -1, -1):
        kind = classes[index]
        if kind is _Class.RIGHT or (kind is _Class.NEUTRAL and not letters):
            break
        if kind in (_Class.LEFT, _Class.NUMBER):
            start = index
            letters = letters or kind is _Class.LEFT
        elif (
            kind is _Class.WITHIN_NUMBER
            and not letters
            and last - index > 1
            and classes[index + 1] not in (_Class.NUMBER, _Class.WITHIN_NUMBER)
        ):
            break
    return start
