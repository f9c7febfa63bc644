"""The sidecar's statements about a whole document, gathered page by page."""

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scanmend.page import (
    TEXT_LAYER_ENGINE,
    CorrectionStatus,
    EngineInfo,
    ModelInfo,
    PageResult,
    TextSource,
)

# a document has the first of these statuses that one of its pages has
_STATUS_ORDER = (
    CorrectionStatus.FAILED,
    CorrectionStatus.UNAVAILABLE,
    CorrectionStatus.DONE,
    CorrectionStatus.NOTHING,
    CorrectionStatus.OFF,
)


TRUNCATED_WARNING = (
    "the text is TRUNCATED: Aspose.OCR ran without a licence; set one with: scanmend setup aspose"
)
MAX_UNREAD_WARNINGS = 10  # pages that are named one by one


@dataclass(slots=True)
class Summary:
    """The engines, model, correction and durations of all added pages.

    ``unread``: number of places with unread ink, by the index of the page. ``unreadable``: indices of the pages in a
    script that the engine does not read. ``failed``: why a page could not be read, by its index; nothing else of such a
    page is added. ``seconds``: by stage.
    """

    engine: EngineInfo | None = None
    text_layer: EngineInfo | None = None
    model: ModelInfo | None = None
    truncated: bool = False
    statuses: Counter[CorrectionStatus] = field(default_factory=Counter)
    reasons: dict[CorrectionStatus, str] = field(default_factory=dict)
    profile: str = ""
    prompt_sha256: str = ""
    accepted: int = 0
    rejected: int = 0
    suspects: int = 0
    unread: dict[int, int] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def gather(self, pages: Iterable[PageResult]) -> Iterator[PageResult]:
        """Yield the pages, and add each one."""
        for result in pages:
            self.add(result)
            yield result

    def add(self, result: PageResult) -> None:
        """Add one page."""
        page, correction = result.page, result.correction
        if page.error:
            self.failed[page.index] = page.error.what
            return
        if page.source != TextSource.RECOGNISED:
            self.text_layer = EngineInfo(TEXT_LAYER_ENGINE, importlib.metadata.version("pypdfium2"))
        if page.engine.name != TEXT_LAYER_ENGINE:
            self.engine = page.engine
        self.truncated |= page.truncated
        self.model = correction.model or self.model
        self.statuses[correction.status] += 1
        self.reasons[correction.status] = self.reasons.get(correction.status) or correction.reason
        self.profile = correction.profile or self.profile
        self.prompt_sha256 = correction.prompt_sha256 or self.prompt_sha256
        accepted = sum(edit.accepted for edit in result.edits)
        self.accepted += accepted
        self.rejected += len(result.edits) - accepted
        self.suspects += len(result.suspects)
        if page.unreadable_script:
            self.unreadable.append(page.index)
        if page.unread:
            self.unread[page.index] = len(page.unread)
        for stage, seconds in page.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self.seconds["correct"] = self.seconds.get("correct", 0.0) + correction.seconds

    @property
    def status(self) -> CorrectionStatus:
        """Return the first status in ``_STATUS_ORDER`` that a page has; NOTHING without pages."""
        return next((s for s in _STATUS_ORDER if self.statuses[s]), CorrectionStatus.NOTHING)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the document's warnings that its pages give rise to."""
        failed = [
            f"page {index + 1} is missing, it could not be read: {what}"
            for index, what in sorted(self.failed.items())
        ]
        named = sorted(self.unread.items())[:MAX_UNREAD_WARNINGS]
        warnings = [f"page {index + 1}: {_unread(count)}" for index, count in named]
        if self.truncated:
            warnings.insert(0, TRUNCATED_WARNING)
        if self.unreadable:
            warnings.insert(0, _unreadable(sorted(self.unreadable)))
        if rest := len(self.unread) - len(named):
            pages = "1 more page has" if rest == 1 else f"{rest} more pages have"
            warnings.append(f"{pages} ink that could not be read (see pages[].unread)")
        return (*failed, *warnings)

    @property
    def correction(self) -> dict[str, Any]:
        """Return the sidecar's ``correction``."""
        return {
            "status": self.status,
            "reason": self.reasons.get(self.status, ""),
            "pages": dict(self.statuses),
            "profile": self.profile,
            "prompt_sha256": self.prompt_sha256,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "suspects": self.suspects,
        }


def _unreadable(pages: list[int]) -> str:
    named = ", ".join(str(index + 1) for index in pages[:MAX_UNREAD_WARNINGS])
    more = " and more" if len(pages) > MAX_UNREAD_WARNINGS else ""
    noun = "page" if len(pages) == 1 else "pages"
    return f"unreadable-script: {noun} {named}{more} in a script that the engine does not read; see ocr.languages"


def _unread(places: int) -> str:
    count = "1 place" if places == 1 else f"{places} places"
    return f"{count} with ink that could not be read (see pages[].unread)"
