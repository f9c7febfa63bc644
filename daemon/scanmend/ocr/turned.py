"""Recognise the lines of an upright page, each in its own direction: notes in the margin, axis titles, stamps, labels.

The detector returns a line with its slope, but not which way up it is. So a line that runs up or down the page is
recognised both ways, and the surer reading counts: `a 2 ] 2 :801` at .63, against `arXiv:2103.15348v2 [cs.CV] 21 Jun
2021` at .99. Lines beside each other decide together, since figures such as 6 and 9 read well either way. A line that
runs across the page is recognised as it is. The other way up is tried only where lines together read badly.
"""

from collections.abc import Sequence

from scanmend.ocr import quads as geometry
from scanmend.ocr.detection import Quad, bounds, crop
from scanmend.ocr.engines.base import Segment
from scanmend.ocr.frames import UPRIGHT, Frame
from scanmend.ocr.line_groups import (
    MIN_TILT_SLENDERNESS,
    DetectedLine,
    LineArea,
    groups_of_lines,
    lines_beside,
    mean_axis,
    snapped,
)
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.readability import LIMITS_OF_RAPIDOCR, FoundLine
from scanmend.ocr.stacks import with_stacks_parted

MIN_LINE_CONFIDENCE = 0.6  # below it, a line is noise, a picture or a stain
# A lone character is at most so slender, as "1" or "!". It shows no direction and is read upright.
MAX_LONE_SLENDERNESS = 2.3
MIN_STEEP_SLENDERNESS = 1.2  # from which a line that runs up or down the page may be turned
SURE_OF_TURNED = 0.9  # confidence from which a turned line proves its direction
MIN_PROVING_CHARACTERS = 4  # letters and digits of a line that proves its direction
MIN_TURNED_CONFIDENCE = 0.8  # of a line without a neighbour that proves its direction
MIN_TURNED_CHARACTERS = 2  # letters and digits of such a line; a rule reads as one character
# subtracted from the confidence of a reading that has less than half as many characters as the other one
FEWER_CHARACTERS_PENALTY = 0.1
MIN_TILT = 5.0  # degrees against the page, from which a line has a direction of its own
# from the end of a turned line to the middle of a short word that continues it, in line heights
MAX_TURNED_WORD_GAP = 1.2
CELL_MARGIN = 0.5  # line heights around a turned group, within which short lines belong to it
MIN_LINES_WITH_CELLS = 3  # of a turned group whose short cells are turned as well
BAD_READING = 0.85  # confidence below which a line may stand upside down
MIN_UPSIDE_DOWN_LINES = 2
MIN_UPSIDE_DOWN_CHARACTERS = 10  # letters and digits of upside-down lines together
MIN_GAIN = 0.02  # by which a reading is surer the other way up
PROBED_LINES = 3  # that are read the other way up before their neighbours are


def found_lines(models: LineModels, pixels: Pixels, quads: Sequence[Quad]) -> list[FoundLine]:
    """Return what was made of each line of an upright page at these quadrangles. ``pixels``: BGR."""
    parted = with_stacks_parted(models, pixels, quads)
    found = [DetectedLine(q, geometry.axis_angle(q), geometry.slenderness(q)) for q in parted]
    steep = [f for f in found if geometry.is_steep(f.axis) and not _may_be_lone(f)]
    level = [f for f in found if not geometry.is_steep(f.axis) or _may_be_lone(f)]
    _TurnedReader(models, pixels).read(level, steep)
    return [
        FoundLine(
            _segment(f, f.line),
            f.slenderness,
            LIMITS_OF_RAPIDOCR,
            f.line.skipped,
            is_text=bool(f.line.text) and f.confidence >= MIN_LINE_CONFIDENCE,
        )
        for f in found
        if f.line and not f.refused
    ]


class _TurnedReader:
    """Recognises the lines of one page. ``pixels``: BGR."""

    def __init__(self, models: LineModels, pixels: Pixels) -> None:
        self._models = models
        self._pixels = pixels

    def read(self, level: list[DetectedLine], steep: list[DetectedLine]) -> None:
        """Recognise lines across the page as they are, and the others both ways."""
        ways = [(f, f.axis + turn) for f in steep for turn in (0.0, 180.0)]
        crops = [_upright_crop(self._pixels, f) for f in level]
        crops += [geometry.crop_along(self._pixels, f.quad, angle) for f, angle in ways]
        lines = self._models.recognise(crops)
        for f, line in zip(level, lines, strict=False):
            f.line = line
        turned = lines[len(level) :]
        both = {
            id(f): (up, down) for f, up, down in zip(steep, turned[::2], turned[1::2], strict=True)
        }
        doubtful = [
            f for f in level if _is_short_and_steep(f) and f.confidence < MIN_TURNED_CONFIDENCE
        ]
        both |= self._both_ways(doubtful)
        for group in groups_of_lines(steep + doubtful):
            _decide(group, both)
            self._turn_cells(group, level)
        self._turn_upside_down(level)
        for group in groups_of_lines([f for f in level if _is_tilted(f)]):
            _tilt(group, level)

    def _both_ways(
        self, found: Sequence[DetectedLine]
    ) -> dict[int, tuple[RecognisedLine, RecognisedLine]]:
        """Return the readings of lines along their axes, and the other way round."""
        lines = self._along([(f, f.axis + turn) for f in found for turn in (0.0, 180.0)])
        return {
            id(f): (up, down) for f, up, down in zip(found, lines[::2], lines[1::2], strict=True)
        }

    def _along(self, ways: Sequence[tuple[DetectedLine, float]]) -> list[RecognisedLine]:
        return self._models.recognise(
            [geometry.crop_along(self._pixels, f.quad, angle) for f, angle in ways]
        )

    def _turn_cells(self, group: list[DetectedLine], level: list[DetectedLine]) -> None:
        """Read short lines in the direction of a turned group: cells of its table, and words that continue its lines.

        A short line, as a lone figure, has no direction of its own.
        """
        proven = [f for f in group if not f.refused and f.angle]
        if not proven:
            return
        frame = Frame(proven[0].angle)
        whole = [LineArea(proven, frame, along=CELL_MARGIN, between=CELL_MARGIN)]
        whole = whole if len(proven) >= MIN_LINES_WITH_CELLS else []
        ends = [LineArea([f], frame, along=MAX_TURNED_WORD_GAP) for f in proven]
        short = [f for f in level if f not in group and f.slenderness < MIN_TILT_SLENDERNESS]
        cells = [
            f
            for f in short
            if (_lies_along(f, frame) and any(area.holds(f.quad) for area in ends))
            or (_fits(f, frame) and any(area.holds(f.quad) for area in whole))
        ]
        lines = self._along([(f, frame.angle) for f in cells])
        turned = [
            (f, line)
            for f, line in zip(cells, lines, strict=True)
            if any(area.holds(f.quad) for area in whole)
            or (line.confidence >= SURE_OF_TURNED and _alnum(line) >= MIN_TURNED_CHARACTERS)
        ]
        for f, line in turned:
            f.angle, f.line = frame.angle, line
        if turned:
            group += [f for f, _ in turned]
            self._turn_cells(group, level)

    def _turn_upside_down(self, level: list[DetectedLine]) -> None:
        """Turn groups of lines that read badly as they are and well the other way up."""
        bad = [
            f
            for f in level
            if not f.angle and f.confidence < BAD_READING and f.slenderness > MAX_LONE_SLENDERNESS
        ]
        for group in groups_of_lines(bad):
            if len(group) < MIN_UPSIDE_DOWN_LINES:
                continue
            group.sort(key=lambda f: -geometry.length(f.quad))
            probed = self._along([(f, 180.0) for f in group[:PROBED_LINES]])
            if not _reads_well(probed):
                continue
            rest = self._along([(f, 180.0) for f in group[PROBED_LINES:]])
            for f, line in zip(group, probed + rest, strict=True):
                if line.confidence > f.confidence:
                    f.angle, f.line = 180.0, line
            self._turn_beside(group, level)
            self._turn_cells(group, level)

    def _turn_beside(self, group: list[DetectedLine], level: list[DetectedLine]) -> None:
        """Add to an upside-down group the lines beside it that read better that way, and those beside these."""
        tried = {id(f) for f in group}
        candidates = [f for f in level if not f.angle or id(f) in tried]
        while True:
            beside = [f for f in lines_beside(group, candidates) if id(f) not in tried]
            tried |= {id(f) for f in beside}
            lines = self._along([(f, 180.0) for f in beside])
            better = [
                (f, line)
                for f, line in zip(beside, lines, strict=True)
                if f.line and _is_better(line, f.line)
            ]
            for f, line in better:
                f.angle, f.line = 180.0, line
            group += [f for f, _ in better]
            if not better:
                return


# decisions ----------------------------------------------------------------------------------------


def _decide(
    group: list[DetectedLine], both: dict[int, tuple[RecognisedLine, RecognisedLine]]
) -> None:
    """Choose one of two readings for each line of a group, by those that prove a direction."""
    votes = 0.0
    for f in group:
        up, down = both[id(f)]
        votes += (_score(up, down) - _score(down, up)) * max(_alnum(up), _alnum(down))
    axis = mean_axis(group)
    is_proven = any(_proves(line) for f in group for line in both[id(f)])
    for f in group:
        up, down = both[id(f)]
        chosen, other = (up, down) if votes >= 0 else (down, up)
        turn = 0.0 if votes >= 0 else 180.0
        if _proves(other) and _score(other, chosen) > _score(chosen, other):
            chosen, other, turn = other, chosen, 180.0 - turn
        needed = MIN_LINE_CONFIDENCE if is_proven else MIN_TURNED_CONFIDENCE
        few = _alnum(chosen) < MIN_TURNED_CHARACTERS
        if few:
            needed = SURE_OF_TURNED
        is_text = chosen.confidence >= needed and (is_proven or not few)
        if f.line is not None and not (is_text and chosen.confidence > f.confidence):
            continue  # a short line that reads better upright
        f.angle, f.line, f.refused = snapped(axis + turn), chosen, not is_text


def _score(line: RecognisedLine, other: RecognisedLine) -> float:
    """Return how well a reading is, against the reading of the same line the other way round."""
    if not line.text:
        return 0.0
    fewer = 2 * _alnum(line) < _alnum(other)
    return line.confidence - (FEWER_CHARACTERS_PENALTY if fewer else 0.0)


def _is_better(line: RecognisedLine, other: RecognisedLine) -> bool:
    """Return whether a reading is certain, and surer or longer than the reading of the same line the other way up."""
    if line.confidence < SURE_OF_TURNED or len(line.text) < len(other.text):
        return False
    return line.confidence > other.confidence + MIN_GAIN or len(line.text) > len(other.text)


def _proves(line: RecognisedLine) -> bool:
    return line.confidence >= SURE_OF_TURNED and _alnum(line) >= MIN_PROVING_CHARACTERS


def _reads_well(lines: Sequence[RecognisedLine]) -> bool:
    """Return whether lines that were read the other way up are certainly text."""
    characters = sum(map(_alnum, lines))
    if characters < MIN_UPSIDE_DOWN_CHARACTERS:
        return False
    mean = sum(line.confidence * _alnum(line) for line in lines) / characters
    good = sum(line.confidence >= SURE_OF_TURNED for line in lines)
    return mean >= SURE_OF_TURNED and good >= MIN_UPSIDE_DOWN_LINES


def _tilt(group: list[DetectedLine], level: list[DetectedLine]) -> None:
    """Give the lines of a stamp, and its short lines, their common direction."""
    angle = snapped(mean_axis(group))
    inside = LineArea(group, Frame(angle), along=CELL_MARGIN, between=CELL_MARGIN)
    for f in level:
        if f in group or (
            not f.angle and f.slenderness < MIN_TILT_SLENDERNESS and inside.holds(f.quad)
        ):
            f.angle = angle


def _alnum(line: RecognisedLine) -> int:
    return sum(c.isalnum() for c in line.text)


def _may_be_lone(f: DetectedLine) -> bool:
    return f.slenderness < MAX_LONE_SLENDERNESS


def _is_short_and_steep(f: DetectedLine) -> bool:
    return geometry.is_steep(f.axis) and f.slenderness >= MIN_STEEP_SLENDERNESS


def _lies_along(f: DetectedLine, frame: Frame) -> bool:
    """Return whether a short line is longer in the direction of a frame than across it."""
    is_steep = geometry.is_steep(f.axis)
    return f.slenderness >= MIN_STEEP_SLENDERNESS and is_steep == _is_steep_frame(frame)


def _fits(f: DetectedLine, frame: Frame) -> bool:
    """Return whether a short line may be a cell of a turned table: it is no word that runs across the frame."""
    across = geometry.is_steep(f.axis) != _is_steep_frame(frame)
    is_word = f.line is not None and _alnum(f.line) > 1
    return not (across and is_word and f.slenderness >= MIN_STEEP_SLENDERNESS)


def _is_steep_frame(frame: Frame) -> bool:
    return abs(frame.angle % 180 - 90) < geometry.STEEP_DEGREES


def _is_tilted(f: DetectedLine) -> bool:
    """Return whether a line across the page certainly slopes."""
    return not f.angle and abs(f.axis) >= MIN_TILT and f.slenderness >= MIN_TILT_SLENDERNESS


def _upright_crop(pixels: Pixels, f: DetectedLine) -> Pixels:
    if geometry.is_steep(f.axis):
        return geometry.crop_along(pixels, f.quad, 0.0)
    return crop(pixels, f.quad)


def _segment(f: DetectedLine, line: RecognisedLine) -> Segment:
    """Return a reading as a segment."""
    frame = Frame(f.angle) if f.angle else UPRIGHT
    if frame == UPRIGHT:
        box, level = bounds(f.quad), None
        reading = box
    else:
        level = reading = geometry.level_box(f.quad, frame)
        box = frame.to_page(level)
    spaces = tuple(
        (reading.x0 + middle * reading.width, width * reading.width)
        for middle, width in line.spaces
    )
    return Segment(
        line.text, box, line.confidence, line.unsure, spaces, line.doubts, frame=frame, level=level
    )
