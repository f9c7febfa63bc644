"""Part stacks: cells one below the other that the detector took for one line.

In a dense table the detector joins neighbours of a narrow column, as ``14``, ``9``, ``5``, into one box. Read as a line,
across or down the page, it gives figures that are not there, and it hides the cells from the account of the ink. The
cells of a stack stand apart by more than the letters of a turned line do, and they read well as they are.
"""

import enum
import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from scanmend.ocr.detection import Quad
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.pdf.coverage import share_covered
from scanmend.ocr.quads import axis_angle, crop_along, is_steep, slenderness, thickness
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.page import Box

MIN_STACK_SLENDERNESS = 1.2  # height over width of a column that may be parted
MIN_STACK_RATIO = 1.5  # height over that of the page's lines, of a line across that may be two
MIN_CELLS = 2
MIN_GAP_RATIO = (
    0.4  # median gap between cells over their median height; letters of a line stand closer
)
MIN_CELL_RATIO = 0.6  # height over the median height; lower ink is a comma or dust
MAX_CELL_RATIO = 1.6
MIN_EVEN_SHARE = 0.8  # of the cells that have about the median height
MIN_CELL_PX = 5
RULE_SHARE = 0.75  # share of ink in a row or column of pixels that is a rule
MIN_CELL_CONFIDENCE = 0.9  # mean over the cells, from which a column is parted
SAME_CONFIDENCE = (
    0.03  # difference of two readings that are equally sure: a lone 0 reads well in any direction
)
MAX_COVERED = 0.5  # share of a cell that other lines cover, from which it was found with its row
PROBED_CELLS = 12  # that are recognised to find out
STACK_CELL_MARGIN = 0.3  # of a cell's height: paper above and below it


def with_stacks_parted(models: LineModels, pixels: Pixels, quads: Sequence[Quad]) -> list[Quad]:
    """Return the lines with each stack of cells as one line for each cell. ``pixels``: an upright page, BGR.

    A stack of single characters also reads like a turned line: it is parted only beside a stack that does not.
    """
    if not quads:
        return []
    usual = float(np.median([thickness(quad) for quad in quads]))
    found = [_cells(pixels, quad) if _may_be_stack(quad, usual) else [] for quad in quads]
    kinds = [
        _kind(models, pixels, cells, quad) if cells else _Kind.LINE
        for quad, cells in zip(quads, found, strict=True)
    ]
    parted = {_Kind.STACK, _Kind.EITHER} if _Kind.STACK in kinds else set()
    lines = [quad for quad, kind in zip(quads, kinds, strict=True) if kind not in parted]
    others = [_bounds(quad) for quad in lines]
    for cells, kind in zip(found, kinds, strict=True):
        if kind in parted:
            lines += [c for c in cells if share_covered(_bounds(c), others) < MAX_COVERED]
    return lines


def _bounds(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    return Box(left, top, right, bottom)


class _Kind(enum.Enum):
    """What a box of the detector holds."""

    LINE = enum.auto()
    STACK = enum.auto()
    EITHER = enum.auto()  # it reads well both ways


def _may_be_stack(quad: Quad, usual: float) -> bool:
    """Return whether a line may be a stack, by its shape. ``usual``: height of the page's lines in pixels."""
    if is_steep(axis_angle(quad)):
        return slenderness(quad) >= MIN_STACK_SLENDERNESS
    return thickness(quad) >= MIN_STACK_RATIO * usual


def _cells(pixels: Pixels, quad: Quad) -> list[Quad]:
    """Return the cells of a column, from the top; empty if its ink does not stand like cells."""
    left, top, right, bottom = _edges(quad, pixels)
    ink = _ink(pixels[top:bottom, left:right])
    spans = [
        span for span in _spans(np.asarray(ink.any(axis=1))) if span[1] - span[0] >= MIN_CELL_PX
    ]
    if len(spans) < MIN_CELLS:
        return []
    median = float(np.median([end - start for start, end in spans]))
    spans = [(start, end) for start, end in spans if end - start >= MIN_CELL_RATIO * median]
    if len(spans) < MIN_CELLS:
        return []
    even = np.mean([end - start <= MAX_CELL_RATIO * median for start, end in spans])
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    if even < MIN_EVEN_SHARE or float(np.median(gaps)) < MIN_GAP_RATIO * median:
        return []
    margin = STACK_CELL_MARGIN * median
    return [
        np.array(
            [
                [left, top + start - margin],
                [right, top + start - margin],
                [right, top + end + margin],
                [left, top + end + margin],
            ],
            np.float32,
        )
        for start, end in spans
    ]


def _edges(quad: Quad, pixels: Pixels) -> tuple[int, int, int, int]:
    height, width = pixels.shape[:2]
    left, top = (max(0, int(v)) for v in quad.min(axis=0))
    right, bottom = quad.max(axis=0)
    return left, top, min(width, round(float(right))), min(height, round(float(bottom)))


def _ink(column: Pixels) -> NDArray[np.bool_]:
    """Return where a column has ink: the rarer of dark and light pixels, without rules."""
    grey = cv2.cvtColor(column, cv2.COLOR_BGR2GRAY)
    _, mask = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    ink: NDArray[np.bool_] = mask.astype(bool)
    if ink.mean() > 0.5:
        ink = ~ink
    ink[:, ink.mean(axis=0) > RULE_SHARE] = False
    ink[ink.mean(axis=1) > RULE_SHARE] = False
    return ink


def _spans(filled: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of each run of true values."""
    steps = np.diff(filled.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _kind(models: LineModels, pixels: Pixels, cells: Sequence[Quad], quad: Quad) -> _Kind:
    """Return what the box is, by how well its cells read as they are, and the whole as one line."""
    step = max(1, len(cells) // PROBED_CELLS)
    level = [_crop(pixels, cell) for cell in cells[::step][:PROBED_CELLS]]
    angle = axis_angle(quad)
    ways = (0.0, 180.0) if is_steep(angle) else (0.0,)
    whole = [crop_along(pixels, quad, angle + turn) for turn in ways]
    lines = models.recognise([*level, *whole])
    confidence = sum(line.confidence for line in lines[: len(level)]) / len(level)
    best_whole = max(line.confidence for line in lines[len(level) :])
    if confidence < max(MIN_CELL_CONFIDENCE, best_whole - SAME_CONFIDENCE):
        return _Kind.LINE
    has_words = any(len(line.text.strip()) > 1 for line in lines[: len(level)])
    return _Kind.STACK if has_words and confidence > best_whole + SAME_CONFIDENCE else _Kind.EITHER


def _crop(pixels: Pixels, cell: Quad) -> Pixels:
    left, top, right, bottom = _edges(cell, pixels)
    return pixels[top:bottom, left:right]
