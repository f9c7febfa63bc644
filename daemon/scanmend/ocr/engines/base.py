"""The protocol of OCR engines, and its types."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from numpy.typing import NDArray
from PIL.Image import Image

from scanmend.ocr.frames import UPRIGHT, Frame
from scanmend.page import Box, CharAlternatives, EngineInfo, TextSource


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text as an engine returns it: usually the words of one line.

    ``box``: in pixels of the upright page. ``frame``: the frame along its direction of reading; ``level``: its box in that
    frame, None if it is upright. ``confidence``: 0..1, or None if the source has none. ``unsure``, ``doubts``
    and ``source``: as in ``page.Line``. ``spaces``: middle and width of each space of ``text``, in pixels of the page or of
    its frame; empty if the engine does not tell.
    """

    text: str
    box: Box
    confidence: float | None
    unsure: tuple[int, ...] | None = None
    spaces: tuple[tuple[float, float], ...] = ()
    doubts: tuple[CharAlternatives, ...] | None = None
    source: TextSource = TextSource.RECOGNISED
    frame: Frame = UPRIGHT
    level: Box | None = None

    def part(self, start: int, end: int, box: Box, spaces: tuple[tuple[float, float], ...]) -> Self:
        """Return the characters from ``start`` to ``end`` as a segment with this box and these spaces.

        Both offsets are ends of words.
        """
        unsure, doubts = self.unsure, self.doubts
        if unsure is not None:
            unsure = tuple(n - start for n in unsure if start <= n < end)
        if doubts is not None:
            doubts = tuple(d.moved(-start) for d in doubts if start <= d.at < end)
        return replace(
            self, text=self.text[start:end], box=box, unsure=unsure, spaces=spaces, doubts=doubts
        )


@dataclass(frozen=True, slots=True)
class Straightening:
    """How a page was turned so that its lines are level.

    ``tilt``: the former slope of the lines, in degrees anti-clockwise. ``size``: of the page before, in pixels.
    ``to_page``: the rows of the affine matrix that maps a point to the page before.
    """

    tilt: float
    size: tuple[int, int]
    to_page: tuple[tuple[float, ...], tuple[float, ...]]

    def on_page(self, box: Box) -> Box:
        """Return the bounds on the page before of a box of the straightened page."""
        (a, b, c), (d, e, f) = self.to_page
        corners = [(x, y) for x in (box.x0, box.x1) for y in (box.y0, box.y1)]
        xs = [min(max(a * x + b * y + c, 0.0), self.size[0]) for x, y in corners]
        ys = [min(max(d * x + e * y + f, 0.0), self.size[1]) for x, y in corners]
        return Box(min(xs), min(ys), max(xs), max(ys))


@dataclass(frozen=True, slots=True)
class UprightPage:
    """An upright page for an engine, in mode L or RGB.

    ``turn``: degrees clockwise (0, 90, 180, 270) by which it was turned. ``coarse_lines``: the lines that were found
    when its direction was determined, as quadrangles; None if it was not searched as it is now. ``straightening``: how
    the image was straightened after that turn; None if it was level.
    """

    image: Image
    dpi: float
    turn: int = 0
    coarse_lines: list[NDArray[Any]] | None = None
    straightening: Straightening | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the upright page in pixels, before it was straightened."""
        return self.straightening.size if self.straightening else self.image.size

    @property
    def tilt(self) -> float:
        """Return the degrees clockwise by which the lines sloped before the page was straightened."""
        return -self.straightening.tilt if self.straightening else 0

    def on_page(self, box: Box) -> Box:
        """Return a box of the image in pixels of the upright page, as it is published."""
        return self.straightening.on_page(box) if self.straightening else box


@dataclass(frozen=True, slots=True)
class Reading:
    """All segments of a page, in no order.

    ``truncated``: the engine returned less than the page holds. ``unreadable_script``: much of the page is in a script
    that the engine does not read; ``unread``: the places of which no text is returned. ``unreadable``: lines that the
    engine found and of which it returns no text; some are pictures.
    """

    segments: tuple[Segment, ...]
    truncated: bool = False
    warnings: tuple[str, ...] = ()
    unreadable_script: bool = False
    unread: tuple[Box, ...] = ()
    unreadable: tuple[Box, ...] = ()


class Engine(Protocol):
    """An OCR engine, loaded once in a child and used for page after page."""

    def info(self) -> EngineInfo:
        """Return name, version, languages and settings, for the sidecar."""

    def read(self, page: UprightPage) -> Reading:
        """Return the segments of a page. Raise ChildError if the engine fails on it."""
