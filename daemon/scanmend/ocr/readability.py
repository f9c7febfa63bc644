"""Judge whether a page is in a script that its engine can't read.

An engine that does not know a script does not say so. RapidOCR's recogniser skips most letters of Cyrillic, Korean and
Arabic in silence and is sure of the digits between them, and takes Hebrew, Georgian or Thai for other letters without
confidence. Greek it knows in part. So three signs count for a line: ink to which no character belongs, a low
confidence, and letters of a script that the engine knows in part only.

Poor print looks alike in one way: its confidences are low. But then those of the page's other lines are low, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scanmend.languages import listed
from scanmend.ocr.engines.base import Reading, Segment
from scanmend.page import Box
from scanmend.scripts import COMMON, script_of

# Measured on 24 scripts and languages (clean, small and worn print), 63 scanned pages and receipts, and these worn in
# three degrees. Share of the length of all lines, in their heights, that was not read: at least 0.4 in unreadable scripts but Greek, at most
# 0.13 on readable pages, 0.37 on those that are worn.
MIN_SLENDERNESS_OF_LINE = 3.0  # of a line that counts; shorter ones are marks, logos, numbers
MIN_TOTAL_SLENDERNESS = 12.0  # of all lines together; less is too little to judge
MIN_UNREAD_LINES = 2
MIN_UNREAD_SHARE_OF_POOR_PRINT = 0.6
MIN_SKIPPED_SHARE = 0.3  # of a line's ink
MIN_PARTLY_KNOWN_SHARE, MIN_PARTLY_KNOWN_LETTERS = 0.5, 4

UNREADABLE_SCRIPT = "unreadable-script"  # begins the warning; the sidecar has a field, too


@dataclass(frozen=True, slots=True)
class ScriptLimits:
    """The limits that tell whether an engine read a line.

    ``line``: confidence of a line that was read. ``good_print``: mean confidence of these on a page that is not worn.
    ``unread_share``: of the lines' length, that was not read on a page in good print with an unreadable script.
    ``partly_known``: scripts of which the engine lacks letters.
    """

    line: float
    good_print: float
    unread_share: float
    partly_known: frozenset[str] = frozenset()


LIMITS_OF_RAPIDOCR = ScriptLimits(0.8, 0.95, 0.2, frozenset({"GREEK"}))
# Tesseract is less sure: lines below 0.6 are at most a third of a receipt, and nine tenths of a page in another script.
LIMITS_OF_TESSERACT = ScriptLimits(0.6, 0.85, 0.4)


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that was found on a page, and what the engine made of it (``segment``).

    ``slenderness``: its length over its height. ``skipped``: start and end of each stretch with ink but without a
    character, as shares of its length. ``is_text``: the segment is published, unless the page can't be read.
    """

    segment: Segment
    slenderness: float
    limits: ScriptLimits
    skipped: tuple[tuple[float, float], ...] = ()
    is_text: bool = True

    @property
    def confidence(self) -> float:
        """Return the engine's confidence in its reading."""
        return self.segment.confidence or 0.0

    @property
    def is_unread(self) -> bool:
        """Return whether most of the line was not read."""
        return self.is_mangled or self.skips_much or self._is_partly_known

    @property
    def is_mangled(self) -> bool:
        """Return whether its text, if any, is nothing that stands there."""
        return not self.segment.text or self.confidence < self.limits.line

    @property
    def skips_much(self) -> bool:
        """Return whether characters are missing for much of the line."""
        return sum(end - start for start, end in self.skipped) >= MIN_SKIPPED_SHARE

    @property
    def _is_partly_known(self) -> bool:
        scripts = [script for c in self.segment.text if (script := script_of(c)) != COMMON]
        known = sum(script in self.limits.partly_known for script in scripts)
        return known >= max(MIN_PARTLY_KNOWN_LETTERS, MIN_PARTLY_KNOWN_SHARE * len(scripts))


def is_unreadable(lines: Sequence[FoundLine]) -> bool:
    """Return whether much of a page is in a script that was not read."""
    counted = [line for line in lines if line.slenderness >= MIN_SLENDERNESS_OF_LINE]
    unread = [line for line in counted if line.is_unread]
    if len(unread) < MIN_UNREAD_LINES:
        return False
    total = sum(line.slenderness for line in counted)
    if total < MIN_TOTAL_SLENDERNESS:
        return False
    share = sum(line.slenderness for line in unread) / total
    if share >= MIN_UNREAD_SHARE_OF_POOR_PRINT:
        return True
    read = [line for line in counted if not line.is_unread]
    sureness = sum(line.confidence * line.slenderness for line in read)
    limits = unread[0].limits
    return share >= limits.unread_share and sureness >= limits.good_print * sum(
        line.slenderness for line in read
    )


def reading_of(lines: Sequence[FoundLine], engine: str, languages: Sequence[str]) -> Reading:
    """Return the reading of a page, with a warning and without its mangled lines if its script can't be read."""
    unreadable = tuple(line.segment.box for line in lines if not line.is_text)
    if not is_unreadable(lines):
        text = tuple(line.segment for line in lines if line.is_text)
        return Reading(text, unreadable=unreadable)
    return Reading(
        tuple(line.segment for line in lines if line.is_text and not line.is_mangled),
        warnings=(warning_of(engine, languages),),
        unreadable_script=True,
        unread=tuple(place for line in lines for place in places_left_out(line)),
        unreadable=unreadable,
    )


def warning_of(engine: str, languages: Sequence[str]) -> str:
    """Return the warning for a page in a script that the engine does not read."""
    return (
        f"{UNREADABLE_SCRIPT}: much of this page is in a script that {engine} does not read with ocr.languages"
        f" {listed(languages)}, or in very poor print; name the page's language in ocr.languages"
    )


def places_left_out(line: FoundLine) -> list[Box]:
    """Return the parts of a line's box of which no text is published: all of it, or what was skipped."""
    box = line.segment.box
    if line.is_mangled or box.width < box.height:
        return [box] if line.is_unread else []
    return [
        Box(box.x0 + start * box.width, box.y0, box.x0 + end * box.width, box.y1)
        for start, end in line.skipped
    ]
