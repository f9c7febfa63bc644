"""An engine that reads nothing: what the daemon itself costs is measured with it. Never for documents."""

import os

from scanmend.errors import NULL_ALLOWED, EngineUnusable
from scanmend.ocr.engines.base import Reading, Segment, Upright
from scanmend.page import Box, EngineInfo

LINE = "scanmend's null engine was here; this page was not read"


class Null:
    """The engine; at once, the same line for every page."""

    def __init__(self, languages: tuple[str, ...]) -> None:
        """EngineUnusable outside of the benches and tests, whatever the daemon believed."""
        if os.environ.get(NULL_ALLOWED) != "1":
            raise EngineUnusable("ocr.engine: null reads nothing; it is for scanmend's own benches")
        self._languages = languages

    def info(self) -> EngineInfo:
        """Its name says in the sidecar that this is no reading."""
        return EngineInfo("null", "0", self._languages)

    def read(self, page: Upright) -> Reading:
        """The line, over the whole page."""
        return Reading((Segment(LINE, Box(0, 0, *page.image.size), 1.0),))
