"""A quick look at a page, whatever engine reads it: RapidOCR's detector and recogniser, shared with ``orient``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from scanmend.ocr.engines.rapid import Rapid

Array = NDArray[Any]


class Eyes(Protocol):
    """What finds lines in a small picture and reads single ones."""

    def look(self, pixels: Array) -> list[Array]:
        """Return the lines of a page (BGR) as quadrangles."""

    def read(self, crops: Sequence[Array]) -> list[tuple[str, float]]:
        """Return text and confidence (0..1) of each line image."""


class RapidEyes:
    """RapidOCR's models; loaded with the first use."""

    def look(self, pixels: Array) -> list[Array]:
        """Return the lines of a page (BGR) as quadrangles."""
        return _rapid().look(pixels)

    def read(self, crops: Sequence[Array]) -> list[tuple[str, float]]:
        """Return text and confidence (0..1) of each line image."""
        return [(line.text, line.confidence) for line in _rapid().recognise(crops)]


def _rapid() -> "Rapid":
    from scanmend.ocr.engines.rapid import Rapid  # noqa: PLC0415 - its models are loaded once a process, when they are needed

    return Rapid(())
