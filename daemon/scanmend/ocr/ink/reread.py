"""Read places of a page again, where ink has no text: rows at once, and larger areas in tiles at their letters' scale."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from scanmend.ocr.detection import Quad, as_bgr
from scanmend.ocr.engines.base import Engine, Reading, Segment, UprightPage
from scanmend.ocr.ink.rows import InkRow
from scanmend.ocr.ink.verdict import LineContext
from scanmend.ocr.line_models import LineModels
from scanmend.ocr.long_lines import RecognisedLine
from scanmend.ocr.pdf.coverage import share_covered
from scanmend.ocr.rapidocr_internals import Pixels
from scanmend.ocr.tiles import Tile, joined, tiles_over
from scanmend.page import Box

MAX_ROWS = 400  # that are recognised at once; on an ordinary page it is none or a few
ROW_BATCH = 24  # rows between two looks at the clock
# in heights of a row's letters: paper around it in the picture that is recognised
ROW_MARGIN = 0.3
MIN_ROW_CONFIDENCE = 0.9  # of what is read at such a place
# of one or two characters, as which lines and dots are easily read: with a digit, and without
MIN_FIGURE_CONFIDENCE, MIN_LETTER_CONFIDENCE, MAX_SHORT = 0.9, 0.95, 2
FIGURES = frozenset("0123456789.,-+%/: ")
DASH_READINGS = ("-", "–", "—", "一")  # as which a dash is read
# confidence of a dash: its shape and its place in a table say more than the recogniser, which is often unsure
CONFIDENCE_OF_DASH = 0.8
SURE_OF_NO_DASH = 0.7  # confidence of another reading, from which a stroke is no dash
LETTER_SHARE = 0.6  # height of letters over that of their line's box
TILE_LETTER_PX = 18.0  # height of letters to which a tile is scaled
TILE_SIDE_PX = 1000  # of a tile after scaling
MAX_TILE_SCALE = 4.0
TILE_OVERLAP_PX = 120
MAX_TILES = 80  # that are read again
MAX_ALREADY_READ = 0.4  # share of a line that other lines cover, from which it is no new line
MIN_REPLACED = 0.6  # share of a line that a new one covers, from which that may replace it
SAME_SCALE = 1.8  # ratio of letter heights that are read at one scale
MAX_CUT_PX = 3.0  # distance from a tile's inner border, within which a line is cut by it


@runtime_checkable
class LineReader(Protocol):
    """An engine that recognises lines at known places, without searching for them."""

    def read_lines(self, crops: Sequence[Pixels]) -> list[RecognisedLine]:
        """Return the text of each line, given as a picture (BGR)."""

    def read_quads(self, pixels: Pixels, quads: Sequence[Quad]) -> Reading:
        """Return the lines at these quadrangles of a page's picture (BGR)."""


class Place(NamedTuple):
    """A place that is read again, in pixels of the page, and the height of its letters."""

    box: Box
    letter_height: float


@dataclass(frozen=True, slots=True)
class Reread:
    """The result of reading places again: new segments, and lines that were found and could not be read."""

    segments: list[Segment] = field(default_factory=list)
    unreadable: list[Box] = field(default_factory=list)


# rows ---------------------------------------------------------------------------------------------


def read_rows(
    engine: Engine,
    page: UprightPage,
    rows: Sequence[InkRow],
    context: LineContext,
    deadline: float,
) -> list[Segment]:
    """Return the rows that are recognised at once, without searching for lines. ``context``: the lines read.

    If the engine can't do that, RapidOCR's recogniser reads figures, which are the same in most scripts.
    """
    recognise = engine.read_lines if isinstance(engine, LineReader) else _read_figures
    found: list[Segment] = []
    chosen = sorted(rows, key=lambda row: -row.letter_height)[:MAX_ROWS]
    for start in range(0, len(chosen), ROW_BATCH):
        if time.monotonic() > deadline:
            break
        batch = chosen[start : start + ROW_BATCH]
        boxes = [_with_margin(row, page) for row in batch]
        lines = recognise([_crop(page, box) for box in boxes])
        found += [
            _segment(line, box)
            for row, line, box in zip(batch, lines, boxes, strict=True)
            if _is_sure(line.text, line.confidence, row.box, row.letter_height, context)
        ]
    return found


def _read_figures(crops: Sequence[Pixels]) -> list[RecognisedLine]:
    """Return the text of each line that is a number; no text for any other line."""
    lines = LineModels().recognise(crops)
    return [
        line if set(line.text) <= FIGURES else replace(line, text="", confidence=0.0)
        for line in lines
    ]


def read_dashes(engine: Engine, page: UprightPage, places: Sequence[Box]) -> list[Segment]:
    """Return the places of lone dashes as segments, unless the engine is sure of something else there."""
    if not places:
        return []
    recognise = engine.read_lines if isinstance(engine, LineReader) else LineModels().recognise
    chosen = places[:MAX_ROWS]
    padded = [Box(b.x0 - b.height / 2, b.y0, b.x1 + b.height / 2, b.y1) for b in chosen]
    lines = recognise([_crop(page, box) for box in padded])
    return [
        Segment("-", box, max(line.confidence, CONFIDENCE_OF_DASH), (), (), ())
        for box, line in zip(chosen, lines, strict=True)
        if line.text in DASH_READINGS or line.confidence < SURE_OF_NO_DASH
    ]


def _with_margin(row: InkRow, page: UprightPage) -> Box:
    margin = ROW_MARGIN * row.letter_height
    return Box(
        max(0.0, row.box.x0 - margin),
        max(0.0, row.box.y0 - margin),
        min(float(page.image.width), row.box.x1 + margin),
        min(float(page.image.height), row.box.y1 + margin),
    )


def _crop(page: UprightPage, box: Box) -> Pixels:
    return as_bgr(page.image.crop((int(box.x0), int(box.y0), round(box.x1), round(box.y1))))


def _is_sure(
    text: str, confidence: float | None, box: Box, letter_height: float, context: LineContext
) -> bool:
    """Return whether a reading of a place without a line is no misread drawing.

    One or two characters count only beside a line.
    """
    characters = [c for c in text if not c.isspace()]
    sureness = confidence or 0.0
    if len(characters) > MAX_SHORT:
        return sureness >= MIN_ROW_CONFIDENCE and any(c.isalnum() for c in characters)
    needed = (
        MIN_FIGURE_CONFIDENCE if any(c.isdigit() for c in characters) else MIN_LETTER_CONFIDENCE
    )
    return (
        sureness >= needed
        and any(c.isalnum() for c in characters)
        and context.has_beside(box, letter_height)
    )


def _segment(line: RecognisedLine, box: Box) -> Segment:
    spaces = tuple(
        (box.x0 + middle * box.width, width * box.width) for middle, width in line.spaces
    )
    return Segment(line.text, box, line.confidence, line.unsure, spaces, line.doubts)


# tiles --------------------------------------------------------------------------------------------


def read_tiles(
    engine: Engine,
    page: UprightPage,
    places: Sequence[Place],
    known: Sequence[Box],
    deadline: float,
) -> Reread:
    """Return the lines that the engine finds around these places, in tiles where their letters have a usual height.

    ``known``: lines that were read already; no other line is returned there.
    """
    result = Reread()
    boxes = list(known)
    context = LineContext.of(known)
    left = MAX_TILES
    pixels: Pixels | None = None
    for scale, tiles in _tiles_by_scale(places, page):
        chosen = list(_until(deadline, tiles[:left]))
        left -= len(tiles)
        if isinstance(engine, LineReader):
            pixels = as_bgr(page.image) if pixels is None else pixels
            reading = _read_found(engine, pixels, chosen, scale, boxes)
        else:
            reading = _read_each(engine, page, chosen, scale)
        result.unreadable.extend(reading.unreadable)
        for segment in reading.segments:
            if share_covered(segment.box, boxes) >= MAX_ALREADY_READ:
                continue
            height = LETTER_SHARE * segment.box.height
            if _is_sure(segment.text, segment.confidence, segment.box, height, context):
                result.segments.append(segment)
                boxes.append(segment.box)
            else:
                result.unreadable.append(segment.box)
    return result


def _until(deadline: float, tiles: Sequence[Tile]) -> Iterator[Tile]:
    for tile in tiles:
        if time.monotonic() > deadline:
            return
        yield tile


def _tiles_by_scale(
    places: Sequence[Place], page: UprightPage
) -> Iterator[tuple[float, list[Tile]]]:
    """Yield the scales at which places are read, and the tiles that cover them at each scale."""
    for group in _groups_of_one_scale(places):
        letter_height = float(np.median([place.letter_height for place in group]))
        scale = min(MAX_TILE_SCALE, TILE_LETTER_PX / letter_height)
        side, overlap = round(TILE_SIDE_PX / scale), round(TILE_OVERLAP_PX / scale)
        yield scale, _tiles_around(group, page, side, overlap)


def _groups_of_one_scale(places: Sequence[Place]) -> list[list[Place]]:
    """Return the places by the heights of their letters, the smallest first."""
    groups: list[list[Place]] = []
    for place in sorted(places, key=lambda place: place.letter_height):
        if groups and place.letter_height <= SAME_SCALE * groups[-1][0].letter_height:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _tiles_around(
    places: Sequence[Place], page: UprightPage, side: int, overlap: int
) -> list[Tile]:
    """Return tiles that cover the places with the paper around them."""
    width, height = page.image.size
    area = Tile(
        max(0, int(min(p.box.x0 for p in places)) - overlap // 2),
        max(0, int(min(p.box.y0 for p in places)) - overlap // 2),
        min(width, int(max(p.box.x1 for p in places)) + overlap // 2),
        min(height, int(max(p.box.y1 for p in places)) + overlap // 2),
    )
    tiles = tiles_over(area, (side, side), overlap)
    return [tile for tile in tiles if any(meet(place.box, Box(*tile)) for place in places)]


def meet(a: Box, b: Box) -> bool:
    """Return whether two boxes overlap."""
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def _read_found(
    engine: LineReader, pixels: Pixels, tiles: Sequence[Tile], scale: float, known: Sequence[Box]
) -> Reading:
    """Return the lines that the detector finds in the tiles, and that are not known."""
    models = LineModels()
    found = [
        [
            quad + np.array([tile.left, tile.top], np.float32)
            for quad in models.find_lines_at(tile.of(pixels), scale)
        ]
        for tile in tiles
    ]
    quads = [
        quad
        for quad in joined(found, tiles)
        if share_covered(_bounds(quad), known) < MAX_ALREADY_READ
    ]
    return engine.read_quads(pixels, quads) if quads else Reading(())


def _bounds(quad: Quad) -> Box:
    (left, top), (right, bottom) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    return Box(left, top, right, bottom)


def _read_each(engine: Engine, page: UprightPage, tiles: Sequence[Tile], scale: float) -> Reading:
    """Return what an engine that searches for lines itself reads in the tiles; no line that a tile's border cuts."""
    segments: list[Segment] = []
    unreadable: list[Box] = []
    for tile in tiles:
        part = page.image.crop(tile)
        size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
        method = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
        part = part.resize(size, method)
        for segment in engine.read(UprightPage(part, page.dpi * scale)).segments:
            moved = _on_page(segment, tile, scale)
            if not _is_cut(moved.box, tile, page):
                segments.append(moved)
        lines = LineModels().find_lines(as_bgr(part))
        unreadable += [_from_tile(_bounds(quad), tile, scale) for quad in lines]
    return Reading(tuple(segments), unreadable=tuple(unreadable))


def _from_tile(box: Box, tile: Tile, scale: float) -> Box:
    """Return a box of a scaled tile in pixels of the page."""
    return Box(
        tile.left + box.x0 / scale,
        tile.top + box.y0 / scale,
        tile.left + box.x1 / scale,
        tile.top + box.y1 / scale,
    )


def _on_page(segment: Segment, tile: Tile, scale: float) -> Segment:
    spaces = tuple((tile.left + x / scale, width / scale) for x, width in segment.spaces)
    return replace(segment, box=_from_tile(segment.box, tile, scale), spaces=spaces)


def _is_cut(box: Box, tile: Tile, page: UprightPage) -> bool:
    """Return whether a line reaches a border of the tile that is no border of the page."""
    width, height = page.image.size
    return (
        (tile.left > 0 and box.x0 - tile.left < MAX_CUT_PX)
        or (tile.top > 0 and box.y0 - tile.top < MAX_CUT_PX)
        or (tile.right < width and tile.right - box.x1 < MAX_CUT_PX)
        or (tile.bottom < height and tile.bottom - box.y1 < MAX_CUT_PX)
    )


# lines that were read in part ---------------------------------------------------------------------


def with_replaced(old: Sequence[Segment], new: Sequence[Segment]) -> list[Segment]:
    """Return old and new segments together; where both cover a place, those with more text."""
    kept, taken = list(old), []
    for segment in new:
        covered = [s for s in kept if share_covered(s.box, [segment.box]) >= MIN_REPLACED]
        if sum(_characters(s) for s in covered) > _characters(segment):
            continue
        kept = [s for s in kept if all(s is not other for other in covered)]
        taken.append(segment)
    return kept + taken


def _characters(segment: Segment) -> int:
    return sum(c.isalnum() for c in segment.text)
