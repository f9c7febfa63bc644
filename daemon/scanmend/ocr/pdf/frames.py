"""Directions of reading, and where things lie in them."""

import math
from dataclasses import dataclass

from scanmend.page import Box


@dataclass(frozen=True, slots=True)
class Frame:
    """A direction of reading: ``u`` runs along the baseline, ``w`` from one line to the next.

    ``angle``: of the baseline, in degrees anti-clockwise; ``mirrored``: lines follow each other the other way round.
    """

    angle: float
    mirrored: bool = False

    def nearly(self, other: "Frame", degrees: float) -> bool:
        """Return whether the other frame differs by no more than so many degrees."""
        return self.mirrored == other.mirrored and turned_by(self.angle, other.angle) <= degrees

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return a point of the page (pixels, y down) as ``u`` and ``w``."""
        turn = math.radians(self.angle)
        u = x * math.cos(turn) - y * math.sin(turn)
        w = x * math.sin(turn) + y * math.cos(turn)
        return u, -w if self.mirrored else w

    def box(self, box: Box) -> Box:
        """Return the bounds of a page's box in this frame."""
        corners = [self.place(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
        us, ws = zip(*corners, strict=True)
        return Box(min(us), min(ws), max(us), max(ws))

    def page_box(self, box: Box) -> Box:
        """Return the bounds on the page of a box of this frame."""
        turn = math.radians(self.angle)
        corners = []
        for u in (box.x0, box.x1):
            for w in (box.y0, box.y1):
                down = -w if self.mirrored else w
                corners.append(
                    (
                        u * math.cos(turn) + down * math.sin(turn),
                        down * math.cos(turn) - u * math.sin(turn),
                    )
                )
        xs, ys = zip(*corners, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))


def turned_by(one: float, other: float) -> float:
    """Return by how many degrees two directions differ."""
    return abs((one - other + 180) % 360 - 180)
