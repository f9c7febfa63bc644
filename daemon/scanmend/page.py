"""The plain values that travel between the steps, and to and from the children as JSON.

Standard library only: every process of scanmend imports this module.
"""

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Any, Self

from scanmend.jsonable import Json

TEXT_LAYER = "pdf-text"  # the engine's name for a page whose whole text is the PDF's own
PARTS = "parts"  # folder in an OCR child's scratch folder


class TextSource(enum.StrEnum):
    """Where a page's or a line's text is from."""

    RECOGNISED = "ocr"  # by the engine, from the picture
    DRAWN = "pdf-text"  # by the PDF, which draws it as text
    EARLIER = "pdf-ocr"  # by the PDF: an OCR program read it in the PDF's pictures
    MIXED = "mixed"  # drawn text and recognised text
    TEXT = "text"  # a text file, given to `scanmend correct`


class CorrectionStatus(enum.StrEnum):
    """How the correction of a page ended."""

    DONE = "done"  # the model was asked
    OFF = "off"  # not configured
    NOTHING = "nothing"  # no text to correct
    UNAVAILABLE = "unavailable"  # no model
    FAILED = "failed"  # the model failed on this page


class Bound(enum.StrEnum):
    """The bound that cut a model's answer short."""

    TOKENS = "tokens"
    SECONDS = "seconds"
    REPETITION = "repetition"


class HiddenReason(enum.StrEnum):
    """Why a page does not show text that it carries."""

    OFF_PAGE = "off-page"  # outside the page's box
    LAYER_OFF = "layer-off"  # on an optional layer that is switched off
    INVISIBLE = "invisible"  # in a text rendering mode that draws nothing
    UNSEEN = "unseen"  # white, clipped, or behind something


@dataclass(frozen=True, slots=True)
class Box(Json):
    """A rectangle in pixels of the rendered, upright page; origin top left."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class CharAlternatives(Json):
    """What an engine saw in the place of the character at ``at`` of a line; ``between``: just before it, where it read none.

    ``saw``: the probabilities of the likeliest characters, and of none as "".
    """

    at: int
    saw: dict[str, float]
    between: bool = False

    def moved(self, by: int) -> Self:
        """The same, so many characters further on."""
        return dataclasses.replace(self, at=self.at + by)


@dataclass(frozen=True, slots=True)
class Line(Json):
    """One line of a page in reading order.

    ``confidence`` is 0..1, or None when the source has none (a PDF's own text). ``block`` counts the blocks
    (columns, paragraphs, tables) of the page from 0; an empty line is published between blocks.
    ``unsure``: offsets of the characters that the engine was not sure of; None when it does not tell. ``doubts``: what
    it saw there and elsewhere, from left to right; None when it does not tell. ``source``: where the text is from, a
    ``TextSource``.
    """

    text: str
    box: Box
    confidence: float | None
    block: int = 0
    unsure: tuple[int, ...] | None = None
    doubts: tuple[CharAlternatives, ...] | None = None
    source: TextSource = TextSource.RECOGNISED

    @property
    def exact(self) -> bool:
        """Whether the file carries this text and draws it: nothing corrects it."""
        return self.source in (TextSource.DRAWN, TextSource.MIXED)


@dataclass(frozen=True, slots=True)
class Hidden(Json):
    """Text that a page carries and does not show."""

    text: str
    box: Box
    reason: HiddenReason


@dataclass(frozen=True, slots=True)
class Part(Json):
    """An embedded file that an OCR child extracted: ``name`` as the PDF tells it; ``kind``, by its bytes, as ".pdf"."""

    name: str
    kind: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartOf(Json):
    """Where a part lay: in the file of this path (percent-encoded bytes) and sha256, under the name ``attachment``.

    ``ancestors``: the sha256 of the files that that one lay in, the outermost first. ``room_parts``, ``room_bytes``: what
    may be extracted of the part in turn.
    """

    path_percent: str
    sha256: str
    attachment: str
    ancestors: tuple[str, ...] = ()
    room_parts: int = 0
    room_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Contents(Json):
    """What a file holds: its media type (``image/tiff`` …) and its number of pages.

    ``off_pages``: warnings of what no page shows. ``parts``: embedded files to be read as documents of their own; the
    bytes of the first are in the child's scratch folder as ``parts/0``.
    """

    media_type: str
    pages: int
    warnings: tuple[str, ...] = ()
    off_pages: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class ContentsRequest(Json):
    """To an OCR child: what is in this file? ``path`` is absolute, by ``os.fsdecode``; ``passwords`` are tried in turn.

    ``extract``: embedded PDFs and pictures, of ``max_bytes`` each at most, ``room_parts`` of them and ``room_bytes`` in all.
    ``depth``: levels of attachments that may follow. ``ancestors``: the sha256 of this file and of those that it lies in.
    ``doubtful``: its end is odd, so that it counts as damaged when not all of its pages are there.
    """

    path: str
    max_pages: int
    max_pixels: int
    passwords: tuple[str, ...] = ()
    extract: bool = False
    max_bytes: int = 0
    room_parts: int = 0
    room_bytes: int = 0
    depth: int = 0
    ancestors: tuple[str, ...] = ()
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest(Json):
    """To an OCR child: read page ``index`` (from 0) of this file.

    ``engine``: "rapidocr", "aspose" or "tesseract". ``dpi``: at which PDF pages are rendered.
    ``rotate``: find out which way up the page lies. ``pdf_text``: "auto", "always_ocr" or "trust".
    """

    path: str
    index: int
    engine: str
    languages: tuple[str, ...]
    dpi: int
    rotate: bool
    pdf_text: str
    max_pixels: int
    licence: str | None = None
    allow_evaluation: bool = False
    passwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineStatus(Json):
    """Whether an engine can be used here; if not, why, and what to do about it."""

    name: str
    usable: bool
    version: str = ""
    licensed: bool = True
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class EngineInfo(Json):
    """Which engine read a page, and how: enough to read it again in the same way."""

    name: str
    version: str
    languages: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    evaluation: bool = False


@dataclass(frozen=True, slots=True)
class PageText(Json):
    """One page as read.

    ``width`` and ``height`` in pixels of the upright rendered page, at ``dpi``. ``rotation``: degrees
    clockwise by which the page was turned to be upright (0, 90, 180, 270). ``source``: a ``TextSource``; of a mixed page each line has its own.
    ``hidden``: what the PDF carries and the page does not show. ``truncated``: the engine gave less than the page holds (Aspose without a licence).
    ``seconds``: per stage, as "render", "ocr".
    """

    index: int
    width: int
    height: int
    dpi: float
    rotation: int
    lines: tuple[Line, ...]
    engine: EngineInfo
    source: TextSource = TextSource.RECOGNISED
    truncated: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hidden: tuple[Hidden, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInfo(Json):
    """Which model proposed: file name, sha256 of the file, quantization, layers on the GPU.

    ``device``: "gpu", "server", or "cpu: " and why only that.
    """

    name: str
    sha256: str
    quantization: str
    gpu_layers: int
    context: int
    device: str = ""


@dataclass(frozen=True, slots=True)
class Divergence(Json):
    """Where the model left the OCR text, until it was back: offsets in code points into the proposed text.

    ``margin``: the logarithm (base e) of how many times more probable its own token was to it than the OCR's.
    """

    start: int
    end: int
    margin: float


@dataclass(frozen=True, slots=True)
class LineProposal(Json):
    """What the model made of a line. ``divergences`` None: the model does not tell how sure it is."""

    text: str
    divergences: tuple[Divergence, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageProposal(Json):
    """What the model made of a page: one for each line of the page, in order.

    None for a line that it was not asked for, or left out. ``calls``: of the model's decoder, each one batch.
    ``drafted``: tokens of the OCR text that were verified; ``agreed``: those the model would have written too.
    ``bound``: what cut the model short, or None.
    """

    lines: tuple[LineProposal | None, ...]
    model: ModelInfo
    tokens: int
    seconds: float
    bound: Bound | None = None
    calls: int = 0
    method: str = ""
    drafted: int = 0
    agreed: int = 0


@dataclass(frozen=True, slots=True)
class Edit(Json):
    """One differing span between a line's OCR text and what was proposed for it.

    ``start`` is the offset in code points into the OCR text of line ``line`` (an index into the page's
    lines); ``rule`` is the rule that decided, as "digits", "no-new-words", "repair-amount" (``rules.RuleName``); ``margin`` as in Divergence, None where the model does not tell or was not asked.
    """

    line: int
    start: int
    before: str
    after: str
    accepted: bool
    rule: str
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Suspect(Json):
    """Something that a person should look at: ``text`` at ``start`` of line ``line`` as published, and why."""

    line: int
    start: int
    text: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hyphenated(Json):
    """A word that the line's end parts: printed on lines ``line`` and ``line + 1``, and joined."""

    line: int
    printed: tuple[str, ...]
    joined: str


@dataclass(frozen=True, slots=True)
class Correction(Json):
    """How the correction of a page went.

    UNAVAILABLE and FAILED have a ``reason``.
    """

    status: CorrectionStatus
    reason: str = ""
    model: ModelInfo | None = None
    profile: str = ""
    prompt_sha256: str = ""
    tokens: int = 0
    seconds: float = 0.0
    bound: Bound | None = None
    calls: int = 0
    method: str = ""


@dataclass(frozen=True, slots=True)
class PageResult(Json):
    """One page, ready to be published: as read, the text of each line to publish, and how it came about."""

    page: PageText
    lines: tuple[str, ...]
    edits: tuple[Edit, ...]
    correction: Correction
    suspects: tuple[Suspect, ...] = ()
    hyphenated: tuple[Hyphenated, ...] = ()
