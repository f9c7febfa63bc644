"""An engine that reads nothing, to measure the cost of the daemon itself. Never for documents."""

import os

from scanmend.errors import NULL_ALLOWED, EngineUnusable
from scanmend.ocr.engines.base import Reading, Segment, UprightPage
from scanmend.page import Box, EngineInfo

NULL_LINE = "scanmend's null engine was here; this page was not read"


class Null:
    """The engine: returns the same line for every page, at once."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """Raise EngineUnusable outside of benches and tests, even if the daemon allowed the engine."""
        if os.environ.get(NULL_ALLOWED) != "1":
            raise EngineUnusable(
                "ocr.engine: null reads nothing", "it is for scanmend's own benches"
            )
        self._languages = languages

    def info(self) -> EngineInfo:
        """Return its name, which tells readers of the sidecar that nothing was read."""
        return EngineInfo("null", "0", self._languages)

    def read(self, page: UprightPage) -> Reading:
        """Return the line, with the box of the whole page."""
        return Reading((Segment(NULL_LINE, Box(0, 0, *page.image.size), 1.0),))
