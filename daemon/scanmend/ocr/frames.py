"""Coordinate frames along the direction of reading."""

import math
from dataclasses import dataclass

from scanmend.page import Box


@dataclass(frozen=True, slots=True)
class Frame:
    """A coordinate frame in pixels: ``u`` runs along the baseline, ``w`` from one line to the next.

    ``angle``: of the baseline, in degrees anti-clockwise. ``mirrored``: lines follow each other in the other direction.
    """

    angle: float
    mirrored: bool = False

    def is_near(self, other: "Frame", degrees: float) -> bool:
        """Return whether the other frame is mirrored like this one and turned by at most ``degrees`` against it."""
        return self.mirrored == other.mirrored and angle_between(self.angle, other.angle) <= degrees

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page (pixels, y down) as ``u`` and ``w``."""
        turn = math.radians(self.angle)
        u = x * math.cos(turn) - y * math.sin(turn)
        w = x * math.sin(turn) + y * math.cos(turn)
        return u, -w if self.mirrored else w

    def from_page(self, box: Box) -> Box:
        """Return the bounds of a box of the page in this frame."""
        corners = [self.point(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
        us, ws = zip(*corners, strict=True)
        return Box(min(us), min(ws), max(us), max(ws))

    def to_page(self, box: Box) -> Box:
        """Return the bounds of a box of this frame on the page."""
        turn = math.radians(self.angle)
        corners = []
        for u in (box.x0, box.x1):
            for w in (box.y0, box.y1):
                down = -w if self.mirrored else w
                x = u * math.cos(turn) + down * math.sin(turn)
                y = down * math.cos(turn) - u * math.sin(turn)
                corners.append((x, y))
        xs, ys = zip(*corners, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


def angle_between(first: float, second: float) -> float:
    """Return the angle between two directions, 0 to 180 degrees."""
    return abs((first - second + 180) % 360 - 180)


UPRIGHT = Frame(0.0)
