"""What every OCR engine is to the rest: an image in, segments of text with boxes and confidences out."""

from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image

from scanmend.values import Box, EngineInfo


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text as an engine gives it: usually a run of words on one line.

    ``box`` in pixels of the upright page; ``confidence`` 0..1, or None when the source has none.
    """

    text: str
    box: Box
    confidence: float | None
    unsure: tuple[int, ...] | None = None  # as in values.Line
    # middle and width of each space in ``text``, in pixels of the page, where the engine knows them
    spaces: tuple[tuple[float, float], ...] = ()


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

    def read(self, image: Image, dpi: float) -> Reading:
        """Read an upright page, mode L or RGB."""


def load(
    name: str, languages: tuple[str, ...], licence: str | None, allow_evaluation: bool
) -> Engine:
    """Load an engine; EngineUnusable with the remedy when that can't be done here."""
    if name == "aspose":
        from scanmend.ocr.aspose import Aspose  # noqa: PLC0415 - only the engine in use is imported

        return Aspose(languages, licence, allow_evaluation)
    if name == "tesseract":
        from scanmend.ocr.tesseract import Tesseract  # noqa: PLC0415

        return Tesseract(languages)
    if name == "null":
        from scanmend.ocr.null import Null  # noqa: PLC0415

        return Null(languages)
    from scanmend.ocr.rapid import Rapid  # noqa: PLC0415

    return Rapid(languages)
