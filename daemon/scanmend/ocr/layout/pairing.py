"""Decide whether the text on the two sides of a gutter stands apart or belongs together line by line.

Lines belong together in tables, forms and receipts: a value stands level with its label, its date or its item. Blocks
stand apart: addresses, adverts, a chart beside a table. Their lines are level only by chance, or both sides consist of
words that describe nothing on the other side.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean, median

from scanmend.ocr.engines.base import Segment
from scanmend.ocr.layout.rows import bottom, middle_y, top

MIN_LINES = 2  # on each side of a gutter that separates blocks, ...
MIN_LINES_IN_ALL = 6  # and on both of them
MIN_WIDTH = 0.8  # of such a gutter, in line heights
LEVEL = 0.25  # line heights between the middles of two lines that are level
LOOSELY_LEVEL = 0.6  # the same on a page that is bent
MAX_TILT = 0.5  # line heights by which a tilted page moves one side against the other
TILT_STEP = 0.125  # between two such shifts that are tried
MIN_LEVEL_SHARE = (
    0.6  # of the shorter side's lines that are level with a line of the other side in a table
)
SURE_LEVEL_SHARE = 0.75
MIN_LINE_OVERLAP = 0.3  # of the lower one of two lines that are not one below the other
MIN_LINES_OVERLAPPING = 0.6  # share of lines that overlap with some line of another block
MIN_NUMBERS = 0.4  # share of numbers among the cells of a table's column
MANY_NUMBERS = 0.7
MIN_LABELS = 0.4  # share of cells with a colon or leader in a column of labels
MAX_NUMBER_WORDS = 2  # in a cell with a number: the number and its unit
MIN_DIGIT_SHARE = 0.5  # of the letters and digits of a number
MAX_MARKER_CHARACTERS = 3  # of a bullet or a list's number
MAX_SIDE_HEADS = 0.6  # of them, per line of the text beside
MAX_SIDE_HEAD_WORDS = 3.0  # on average
MIN_SENTENCE_WORDS = 4.5  # on average, in lines that are no cells
MIN_WORDS_OF_ADDRESS = 1.9  # on average, in the lines of an address
MIN_LINES_WITH_DIGITS = 0.25  # share, in an address; labels have none
WIDTH_BETWEEN = 2.0  # line heights of a gutter between blocks whose lines are not level
WIDE = 2.5  # line heights of a gutter between blocks whose lines are level
WIDER = 4.0  # line heights of a gutter that is no space between two columns of a table
MIN_ROWS_CUT = 2  # of a table, by a gutter that can't separate blocks
MIN_ITEMS = 3  # rows of a table with items on the left and numbers on the right
MIN_REMARK_WORDS = 3.0  # on average, in the column next to the items; labels have fewer
MIN_ITEM_SHARE = 0.7  # share of the rows on the left that are level with a number
MIN_PITCH_LINES = 4  # of a block with a pitch
MAX_UNEVENNESS = 0.15  # share of the pitch by which most lines of a block differ from it
MAX_DRIFT = 0.5  # of the pitch, that the lines of two blocks move against each other
MIN_LOOSE_LINES = 5  # on each side, if the lines do not follow each other closely
MAX_LINE_GAP = 1.2  # line heights between two lines of a block
MIN_LEVEL_LINES = 3  # on each side of a gutter between blocks whose lines are level
MAX_PARTNERS = 0.5  # share of a table's rows that have a level line in the block beside the table

_LONG_WORD = re.compile(r"[^\W\d_]{4}")  # longer than a unit or a currency
_GROUPED = re.compile(r"\D{0,4}\d{1,3}(?: \d{3})+(?:[.,]\d+)?\D{0,4}$")  # 1 234 567,00
_LABEL = re.compile(r"[:：]\s*$|(?:[.…_]\s?){3,}$")


def stand_apart(
    left: Sequence[Sequence[Segment]], right: Sequence[Sequence[Segment]], height: float
) -> bool:
    """Return whether the rows left and right of a gutter are blocks of their own. ``height``: the line height.

    Both sides are compared where they stand beside each other.
    """
    left, right = _beside(left, right), _beside(right, left)
    if min(len(left), len(right)) < MIN_LINES or len(left) + len(right) < MIN_LINES_IN_ALL:
        return False
    ends, starts = [row[-1] for row in left], [_first_cell(row) for row in right]
    width = min(s.box.x0 for s in starts) - max(s.box.x1 for s in ends)
    if width < MIN_WIDTH * height or _are_markers(ends) or are_items(left, right, height):
        return False
    if cuts_rows(left, right, height):
        return False
    numbers = sum(map(_is_row_of_numbers, right)) / len(right)
    if _has_table_beside(left, right, height):
        return True
    loosely = _share_level(ends, starts, LOOSELY_LEVEL * height)
    if numbers >= MIN_NUMBERS and loosely >= SURE_LEVEL_SHARE:
        return False
    level = _share_level_when_shifted(ends, starts, height)
    if level < MIN_LEVEL_SHARE or _have_other_pitches(left, right):
        if width < WIDTH_BETWEEN * height or _are_side_heads(ends, starts, height):
            return False
        dense = _is_dense(left, height) and _is_dense(right, height)
        several = min(len(left), len(right)) >= MIN_LOOSE_LINES
        return (dense or several) and _share_overlapping(ends, starts) >= MIN_LINES_OVERLAPPING
    if width < WIDE * height or share_of_labels(ends) >= MIN_LABELS:
        return False
    if min(len(left), len(right)) < MIN_LEVEL_LINES:
        return False
    if share_of_labels(starts) >= MIN_LABELS:
        return True
    return _are_addresses(ends, starts) or _has_own_columns(left, right, width, height)


def are_items(
    left: Sequence[Sequence[Segment]], right: Sequence[Sequence[Segment]], height: float
) -> bool:
    """Return whether the rows on the left are the items of a table, with remarks and numbers on the right."""
    numbers = [row[-1] for row in right if len(row) > 1 and is_number(row[-1])]
    if len(numbers) < MIN_ITEMS or _words([_first_cell(row) for row in right]) < MIN_REMARK_WORDS:
        return False
    level = sum(
        min(abs(middle_y(row[0]) - middle_y(n)) for n in numbers) < LOOSELY_LEVEL * height
        for row in left
    )
    return level >= MIN_ITEM_SHARE * len(left)


def cuts_rows(
    left: Sequence[Sequence[Segment]], right: Sequence[Sequence[Segment]], height: float
) -> bool:
    """Return whether several rows of a table with numbers on the left go on with numbers on the right."""
    places = [middle_y(row[0]) for row in right if _is_row_of_numbers(row)]
    count = sum(
        len(row) > 1
        and is_number(row[-1])
        and any(abs(middle_y(row[-1]) - y) <= LEVEL * height for y in places)
        for row in left
    )
    return count >= MIN_ROWS_CUT


def _beside(
    rows: Sequence[Sequence[Segment]], others: Sequence[Sequence[Segment]]
) -> list[Sequence[Segment]]:
    """Return the rows that are not wholly above or below all the others."""
    upper, lower = top(others[0]), bottom(others[-1])
    return [row for row in rows if bottom(row) > upper and top(row) < lower]


def _have_other_pitches(
    left: Sequence[Sequence[Segment]], right: Sequence[Sequence[Segment]]
) -> bool:
    """Return whether the distances from line to line differ so much that lines level at first do not stay level.

    Where one distance is a multiple of the other, a table may have gaps.
    """
    count = min(len(left), len(right))
    if count < MIN_PITCH_LINES:
        return False
    pitches = [_pitch(rows) for rows in (left, right)]
    small, large = min(pitches), max(pitches)
    if not small:
        return False
    drift = abs(large - round(large / small) * small) * (count - 1)
    return drift > MAX_DRIFT * small


def _pitch(rows: Sequence[Sequence[Segment]]) -> float:
    """Return the distance from line to line, in pixels; 0 if it is not regular."""
    steps = [middle_y(low[0]) - middle_y(up[0]) for up, low in pairwise(rows)]
    usual = median(steps)
    regular = sum(abs(step - usual) <= MAX_UNEVENNESS * usual for step in steps)
    return usual if regular >= MANY_NUMBERS * len(steps) else 0.0


def _is_dense(rows: Sequence[Sequence[Segment]], height: float) -> bool:
    """Return whether most rows follow each other closely, as in a block of text."""
    close = [top(low) - bottom(up) <= MAX_LINE_GAP * height for up, low in pairwise(rows)]
    return sum(close) >= MIN_LEVEL_SHARE * len(close)


def _has_table_beside(
    left: Sequence[Sequence[Segment]],
    right: Sequence[Sequence[Segment]],
    height: float,
) -> bool:
    """Return whether few lines, as of a chart, stand beside a table whose rows have labels of their own."""
    ends, starts = [row[-1] for row in left], [_first_cell(row) for row in right]
    several = sum(len(row) > 1 for row in right)
    partners = _share_level(starts, ends, LEVEL * height) * min(len(left), len(right))
    return (
        len(left) < len(right)
        and share_of_numbers(starts) < MIN_NUMBERS
        and several >= MIN_LEVEL_SHARE * len(right)
        and partners < MAX_PARTNERS * len(right)
        and share_of_numbers([row[-1] for row in right]) >= MIN_NUMBERS
    )


def _first_cell(row: Sequence[Segment]) -> Segment:
    """Return the first cell of a row that is no mere sign, such as a colon."""
    return next((s for s in row if any(map(str.isalnum, s.text))), row[0])


def _are_side_heads(ends: Sequence[Segment], starts: Sequence[Segment], height: float) -> bool:
    """Return whether a few words stand beside the first lines of longer texts: labels of a form or side heads."""
    few = len(ends) <= MAX_SIDE_HEADS * len(starts) and _words(ends) <= MAX_SIDE_HEAD_WORDS
    level = abs(middle_y(ends[0]) - middle_y(starts[0])) <= LOOSELY_LEVEL * height
    return few and level and not any(map(str.isdigit, "".join(s.text for s in ends)))


def belong_together(
    left: Sequence[Sequence[Segment]], right: Sequence[Sequence[Segment]], height: float
) -> bool:
    """Return whether rows are labels and their values, though a rule stands between them: all are level."""
    ends, starts = [row[-1] for row in left], [row[0] for row in right]
    if _share_level(ends, starts, LOOSELY_LEVEL * height) < SURE_LEVEL_SHARE:
        return False
    labels = share_of_labels(ends)
    return max(labels, share_of_numbers(starts), share_of_numbers(ends)) >= MIN_NUMBERS


def share_of_numbers(cells: Sequence[Segment]) -> float:
    """Return the share of cells that are numbers, dates or amounts."""
    return sum(map(is_number, cells)) / len(cells)


def is_number(cell: Segment) -> bool:
    """Return whether a cell holds one number, date or amount, perhaps with a unit; no telephone number or address."""
    text = cell.text.strip()
    digits = sum(map(str.isdigit, text))
    alnum = sum(map(str.isalnum, text))
    is_short = len(text.split()) <= MAX_NUMBER_WORDS or _GROUPED.match(text) is not None
    return 0 < digits >= MIN_DIGIT_SHARE * alnum and is_short and not _LONG_WORD.search(text)


def _is_row_of_numbers(row: Sequence[Segment]) -> bool:
    """Return whether a row holds only numbers, with signs, units and marks as on a receipt."""
    text = " ".join(s.text for s in row)
    if len(row) == 1:
        return is_number(row[0])
    digits = sum(map(str.isdigit, text))
    return digits >= MIN_DIGIT_SHARE * sum(map(str.isalnum, text)) and not _LONG_WORD.search(text)


def share_of_labels(cells: Sequence[Segment]) -> float:
    """Return the share of cells that end in a colon or a leader."""
    return sum(bool(_LABEL.search(cell.text)) for cell in cells) / len(cells)


def _are_markers(cells: Sequence[Segment]) -> bool:
    """Return whether most cells are bullets or the numbers of a list."""
    short = sum(len(cell.text.strip()) <= MAX_MARKER_CHARACTERS for cell in cells)
    return short >= MANY_NUMBERS * len(cells)


def _share_level_when_shifted(
    ends: Sequence[Segment], starts: Sequence[Segment], height: float
) -> float:
    """Return the largest share of level lines when one side is shifted as by a tilt of the page."""
    steps = round(MAX_TILT / TILT_STEP)
    shifts = (number * TILT_STEP * height for number in range(-steps, steps + 1))
    return max(_share_level(ends, starts, LEVEL * height, shift) for shift in shifts)


def _share_level(
    ends: Sequence[Segment], starts: Sequence[Segment], tolerance: float, shift: float = 0.0
) -> float:
    """Return the share of the shorter side's lines that have a level line on the other side."""
    few, many = sorted((ends, starts), key=len)
    places = [middle_y(s) for s in many]
    move = shift if few is ends else -shift
    level = sum(min(abs(middle_y(s) + move - y) for y in places) <= tolerance for s in few)
    return level / len(few)


def _share_overlapping(ends: Sequence[Segment], starts: Sequence[Segment]) -> float:
    """Return the share of the shorter side's lines that are not wholly above or below the lines of the other side.

    Where lines of both sides alternate, a name stands in one line, and its numbers in the next.
    """
    few, many = sorted((ends, starts), key=len)
    upper, lower = min(s.box.y0 for s in many), max(s.box.y1 for s in many)
    among = [s for s in few if upper < middle_y(s) < lower]

    def overlaps(line: Segment) -> bool:
        return any(
            min(line.box.y1, s.box.y1) - max(line.box.y0, s.box.y0)
            > MIN_LINE_OVERLAP * min(line.box.height, s.box.height)
            for s in many
        )

    return sum(map(overlaps, among)) / max(1, len(among))


def _words(cells: Sequence[Segment]) -> float:
    return mean(len(cell.text.split()) for cell in cells)


def _share_with_digits(cells: Sequence[Segment]) -> float:
    return sum(any(map(str.isdigit, cell.text)) for cell in cells) / len(cells)


def _are_addresses(ends: Sequence[Segment], starts: Sequence[Segment]) -> bool:
    """Return whether both sides are lines of several words, with digits in some: labels and their values are not."""
    words = min(_words(ends), _words(starts))
    if words >= MIN_SENTENCE_WORDS:
        return True
    digits = min(_share_with_digits(ends), _share_with_digits(starts))
    return words >= MIN_WORDS_OF_ADDRESS and digits >= MIN_LINES_WITH_DIGITS


def _has_own_columns(
    left: Sequence[Sequence[Segment]],
    right: Sequence[Sequence[Segment]],
    width: float,
    height: float,
) -> bool:
    """Return whether lines stand left of a wide gutter, and labels with their values right of it."""
    pairs = sum(len(row) == 2 for row in right)
    single = sum(len(row) == 1 for row in left)
    return (
        width >= WIDER * height
        and pairs >= MIN_LEVEL_SHARE * len(right)
        and single >= MIN_LEVEL_SHARE * len(left)
        and _words([row[-1] for row in left]) >= MIN_WORDS_OF_ADDRESS
        and _share_with_digits([row[-1] for row in left]) >= MIN_LINES_WITH_DIGITS
    )
