"""Convert a line from visual order (left to right on the page) into logical order (the order of reading).

A small inverse of the Unicode Bidirectional Algorithm (UAX 9), for one line without embeddings. The line reads from
right to left if it has at least as many right-to-left letters as others; numbers and foreign words in it keep their own
direction.
"""

import enum
import unicodedata
from collections.abc import Sequence


class _Class(enum.Enum):
    """The bidirectional classes of UAX 9, reduced to those that this module tells apart."""

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
    """Return the pieces of a line in logical order. ``pieces``: characters or spaces, from left to right."""
    classes = [_class(piece) for piece in pieces]
    right = classes.count(_Class.RIGHT)
    if not right:
        return list(pieces)
    if right >= classes.count(_Class.LEFT):
        return _from_right(pieces, classes)
    ordered: list[str] = []
    start = 0
    while start < len(pieces):
        if classes[start] is not _Class.RIGHT:
            ordered.append(pieces[start])
            start += 1
            continue
        end = _end_of_right(classes, start)
        ordered += _from_right(pieces[start:end], classes[start:end])
        start = end
    return ordered


def is_right_to_left(text: str) -> bool:
    """Return whether a character is a letter of a right-to-left script."""
    return unicodedata.bidirectional(text[0]) in _RIGHT_TO_LEFT


def reads_from_right(text: str) -> bool:
    """Return whether a line reads from right to left, as at least half of its letters do."""
    classes = [_class(character) for character in text]
    right = classes.count(_Class.RIGHT)
    return right > 0 and right >= classes.count(_Class.LEFT)


def _class(piece: str) -> _Class:
    return _CLASSES.get(unicodedata.bidirectional(piece[0]), _Class.NEUTRAL)


def _end_of_right(classes: Sequence[_Class], start: int) -> int:
    """Return the end (exclusive) of the right-to-left words that begin at ``start``."""
    end = start + 1
    for index in range(start + 1, len(classes)):
        if classes[index] is _Class.LEFT:
            break
        if classes[index] is _Class.RIGHT:
            end = index + 1
    return end


def _from_right(pieces: Sequence[str], classes: Sequence[_Class]) -> list[str]:
    """Return the pieces of right-to-left text in logical order; left-to-right words and numbers in it keep theirs."""
    ordered: list[str] = []
    end = len(pieces)
    while end > 0:
        last = end - 1
        if classes[last] not in (_Class.LEFT, _Class.NUMBER):
            ordered.append(pieces[last])
            end = last
            continue
        start = _start_of_left(classes, last)
        ordered += pieces[start:end]
        end = start
    return ordered


def _start_of_left(classes: Sequence[_Class], last: int) -> int:
    """Return the first index of the left-to-right stretch whose last index is ``last``."""
    start = last
    has_letters = classes[last] is _Class.LEFT
    for index in range(last - 1, -1, -1):
        here = classes[index]
        if here is _Class.RIGHT or (here is _Class.NEUTRAL and not has_letters):
            break
        if here in (_Class.LEFT, _Class.NUMBER):
            start = index
            has_letters = has_letters or here is _Class.LEFT
        elif (
            here is _Class.WITHIN_NUMBER
            and not has_letters
            and last - index > 1
            and classes[index + 1] not in (_Class.NUMBER, _Class.WITHIN_NUMBER)
        ):
            break
    return start
