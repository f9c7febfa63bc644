"""What every OCR engine is to the rest: an image in, segments of text with boxes and confidences out."""

from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from numpy.typing import NDArray
from PIL.Image import Image

from scanmend.page import Box, CharAlternatives, EngineInfo, TextSource


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text as an engine gives it: usually a run of words on one line.

    ``box`` in pixels of the upright page; ``confidence`` 0..1, or None when the source has none.
    """

    text: str
    box: Box
    confidence: float | None
    unsure: tuple[int, ...] | None = None  # as in values.Line, and ``doubts``
    # middle and width of each space in ``text``, in pixels of the page, where the engine knows them
    spaces: tuple[tuple[float, float], ...] = ()
    doubts: tuple[CharAlternatives, ...] | None = None
    source: TextSource = TextSource.RECOGNISED  # as in page.Line

    def part(self, start: int, end: int, box: Box, spaces: tuple[tuple[float, float], ...]) -> Self:
        """The characters from ``start`` to ``end``, which end where words do; they have this box."""
        unsure, doubts = self.unsure, self.doubts
        if unsure is not None:
            unsure = tuple(n - start for n in unsure if start <= n < end)
        if doubts is not None:
            doubts = tuple(d.moved(-start) for d in doubts if start <= d.at < end)
        return replace(
            self, text=self.text[start:end], box=box, unsure=unsure, spaces=spaces, doubts=doubts
        )


@dataclass(frozen=True, slots=True)
class Upright:
    """A page as it is to be read, mode L or RGB.

    ``turn``: degrees clockwise (0, 90, 180, 270) by which it was turned; ``lines``: quadrangles of those that the
    look at its direction found (detect.look), None where it was not looked at as it is now.
    """

    image: Image
    dpi: float
    turn: int = 0
    lines: list[NDArray[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """All segments of a page, in no order. ``truncated``: the engine gave less than the page holds."""

    segments: tuple[Segment, ...]
    truncated: bool = False
    warnings: tuple[str, ...] = ()


class Engine(Protocol):
    """An OCR engine, loaded once in a child and used for page after page."""

    def info(self) -> EngineInfo:
        """Name, version, languages and settings, for the sidecar."""

    def read(self, page: Upright) -> Reading:
        """Read a page."""


def load(
    name: str, languages: tuple[str, ...], licence: str | None, allow_evaluation: bool
) -> Engine:
    """Load an engine; EngineUnusable with the remedy when that can't be done here."""
    if name == "aspose":
        from scanmend.ocr.engines.aspose import Aspose  # noqa: PLC0415 - only the engine in use is imported

        return Aspose(languages, licence, allow_evaluation)
    if name == "tesseract":
        from scanmend.ocr.engines.tesseract import Tesseract  # noqa: PLC0415

        return Tesseract(languages)
    if name == "null":
        from scanmend.ocr.engines.null import Null  # noqa: PLC0415

        return Null(languages)
    from scanmend.ocr.engines.rapid import Rapid  # noqa: PLC0415

    return Rapid(languages)
