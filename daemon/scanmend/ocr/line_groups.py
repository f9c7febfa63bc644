"""Group the lines that the detector found by their axes and by their places, before anybody knows which way up they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scanmend.ocr import quads as geometry
from scanmend.ocr.detection import Quad
from scanmend.ocr.frames import Frame, angle_between
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.neighbours import beside_group, groups_of_boxes
from scanmend.page import Box

MAX_SLOPE_ERROR = 3.0  # degrees from a right angle, within which a line runs at a right angle
MIN_TILT_SLENDERNESS = 3.0  # of a line whose slope is exact
SAME_DIRECTION = 7.0  # degrees within which lines have the same direction


@dataclass(slots=True, eq=False)
class DetectedLine:
    """One line that the detector found, and how it is read.

    ``angle``: of the direction of reading, in degrees anti-clockwise. ``line``: the reading; None before it was read.
    """

    quad: Quad
    axis: float
    slenderness: float
    angle: float = 0.0
    line: RecognisedLine | None = None
    refused: bool = False

    @property
    def confidence(self) -> float:
        """Return the confidence of the reading; 0 if it has no text."""
        return self.line.confidence if self.line and self.line.text else 0.0


class LineArea:
    """The rectangle around lines in their frame, wider by ``along`` and ``between`` (heights of the highest line)."""

    def __init__(
        self, lines: Sequence[DetectedLine], frame: Frame, *, along: float, between: float = 0.0
    ) -> None:
        boxes = [geometry.level_box(f.quad, frame) for f in lines]
        height = max(geometry.thickness(f.quad) for f in lines)
        self._frame = frame
        self._left = min(b.x0 for b in boxes) - along * height
        self._right = max(b.x1 for b in boxes) + along * height
        self._top = min(b.y0 for b in boxes) - between * height
        self._bottom = max(b.y1 for b in boxes) + between * height

    def holds(self, quad: Quad) -> bool:
        """Return whether the middle of a line lies in this area."""
        x, y = quad.mean(axis=0)
        u, w = self._frame.point(float(x), float(y))
        return self._left <= u <= self._right and self._top <= w <= self._bottom


def groups_of_lines(found: Sequence[DetectedLine]) -> list[list[DetectedLine]]:
    """Return the lines in groups of neighbours with the same axis."""
    classes: list[list[DetectedLine]] = []
    for f in sorted(found, key=lambda f: -f.slenderness):
        known = next((c for c in classes if _have_same_axis(c[0], f)), None)
        if known is None:
            classes.append([f])
        else:
            known.append(f)
    return [
        [same[n] for n in numbers]
        for same in classes
        for numbers in groups_of_boxes(_boxes_along(same, same[0].axis))
    ]


def lines_beside(
    group: Sequence[DetectedLine], candidates: Sequence[DetectedLine]
) -> list[DetectedLine]:
    """Return the candidates that stand beside a line of a group."""
    near = beside_group(_boxes_along(group, 0.0), _boxes_along(candidates, 0.0))
    return [candidates[n] for n in near]


def _have_same_axis(first: DetectedLine, second: DetectedLine) -> bool:
    """Return whether two lines have the same axis. ``second``: the shorter one, whose slope may not be exact."""
    lean = angle_between(2 * first.axis, 2 * second.axis) / 2
    is_exact = second.slenderness >= MIN_TILT_SLENDERNESS
    return lean <= (SAME_DIRECTION if is_exact else geometry.STEEP_DEGREES)


def _boxes_along(found: Sequence[DetectedLine], axis: float) -> list[Box]:
    """Return the bounds of lines in the frame along an axis."""
    return [geometry.level_box(f.quad, Frame(axis)) for f in found]


def mean_axis(found: Sequence[DetectedLine]) -> float:
    """Return the mean axis of lines, weighted by their lengths."""
    weights = [geometry.length(f.quad) for f in found]
    return float(np.average([f.axis for f in found], weights=weights))


def snapped(angle: float) -> float:
    """Return the right angle beside an angle, if it is near; the slope of short lines is not exact."""
    right = round(angle / 90) * 90.0
    return right if abs(angle - right) < MAX_SLOPE_ERROR else angle
