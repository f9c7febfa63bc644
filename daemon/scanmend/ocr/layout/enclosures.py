"""Find the frames of a page and the grids of its tables: rectangles that rules enclose."""

from collections.abc import Sequence
from dataclasses import dataclass

from scanmend.ocr.rulings import Rulings
from scanmend.page import Box

MAX_JOINT_GAP_PX = 7  # between two rules that meet
MIN_SIDE_SHARE = 0.85  # of a frame's side that is drawn
MAX_RULES = 400  # of a page whose frames are searched; more are a picture
MIN_FRAME_PX = 24  # shorter side of a frame


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A frame: a rectangle with rules on its four sides.

    ``columns`` and ``rows``: the edges of the cells inside, with those of the frame; two of each without cells.
    ``regular``: each edge inside goes through the whole frame.
    """

    box: Box
    columns: tuple[float, ...]
    rows: tuple[float, ...]
    regular: bool = True

    @property
    def is_grid(self) -> bool:
        """Return whether rules divide the frame into cells."""
        return len(self.columns) > 2 or len(self.rows) > 2


def enclosures_of(rules: Rulings) -> list[Enclosure]:
    """Return the frames that these rules draw, the outer ones first."""
    all_rules = [*rules.horizontal, *rules.vertical]
    if not rules.horizontal or not rules.vertical or len(all_rules) > MAX_RULES:
        return []
    groups = _connected(all_rules)
    frames = [frame for group in groups if (frame := _enclosure(group))]
    return sorted(frames, key=lambda f: -f.box.width * f.box.height)


def _connected(rules: Sequence[Box]) -> list[list[Box]]:
    """Return the rules in groups that touch or cross each other."""
    groups: list[list[Box]] = []
    for rule in rules:
        touching = [group for group in groups if any(_meet(rule, other) for other in group)]
        merged = [rule, *(other for group in touching for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append(merged)
    return groups


def _meet(one: Box, other: Box) -> bool:
    gap = MAX_JOINT_GAP_PX
    return (
        one.x0 <= other.x1 + gap
        and other.x0 <= one.x1 + gap
        and one.y0 <= other.y1 + gap
        and other.y0 <= one.y1 + gap
    )


def _enclosure(rules: Sequence[Box]) -> Enclosure | None:
    """Return the frame that connected rules draw; None if they enclose nothing."""
    across = [r for r in rules if r.width >= r.height]
    down = [r for r in rules if r.width < r.height]
    if len(across) < 2 or len(down) < 2:
        return None
    box = Box(
        min(r.x0 for r in down),
        min(r.y0 for r in across),
        max(r.x1 for r in down),
        max(r.y1 for r in across),
    )
    if min(box.width, box.height) < MIN_FRAME_PX:
        return None
    columns = _edges([((r.x0 + r.x1) / 2, r.y0, r.y1) for r in down])
    rows = _edges([((r.y0 + r.y1) / 2, r.x0, r.x1) for r in across])
    sides = (columns[0], columns[-1]), (rows[0], rows[-1])
    drawn = [length >= MIN_SIDE_SHARE * box.height for _, length in sides[0]]
    drawn += [length >= MIN_SIDE_SHARE * box.width for _, length in sides[1]]
    if not all(drawn):
        return None
    inner = [length / box.height for _, length in columns[1:-1]]
    inner += [length / box.width for _, length in rows[1:-1]]
    return Enclosure(
        Box(columns[0][0], rows[0][0], columns[-1][0], rows[-1][0]),
        tuple(at for at, _ in columns),
        tuple(at for at, _ in rows),
        all(share >= MIN_SIDE_SHARE for share in inner),
    )


def _edges(rules: list[tuple[float, float, float]]) -> list[tuple[float, float]]:
    """Return the place of each edge and how much of it is drawn. ``rules``: place, start and end of each rule."""
    edges: list[list[tuple[float, float, float]]] = []
    for rule in sorted(rules):
        if edges and rule[0] - edges[-1][-1][0] <= MAX_JOINT_GAP_PX:
            edges[-1].append(rule)
        else:
            edges.append([rule])
    return [
        (sum(at for at, _, _ in edge) / len(edge), _covered([(a, b) for _, a, b in edge]))
        for edge in edges
    ]


def _covered(spans: list[tuple[float, float]]) -> float:
    """Return the length of a union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
