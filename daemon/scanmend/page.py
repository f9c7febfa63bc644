"""Define a page on its way from the OCR engine to the outbox: as read, as proposed by the model, as published.

Each value is a frozen dataclass that msgspec encodes as a JSON object with the fields' names and decodes with
validation: a page travels between processes and is kept in the journal in this form. Rename no field.
"""

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from msgspec import Meta

TEXT_LAYER = "pdf-text"  # EngineInfo.name of a page whose whole text is the PDF's own

# The values of a page come from a sandboxed process, hence the limits.
Count = Annotated[int, Meta(ge=0, le=2**53)]
_LIMIT = 10**9
# JSON tells 300 from 300.0. The union keeps the difference, which the sidecar shows.
Number = (
    Annotated[int, Meta(ge=-_LIMIT, le=_LIMIT)]
    | Annotated[float, Meta(ge=-float(_LIMIT), le=float(_LIMIT))]
)


class TextSource(enum.StrEnum):
    """Where a page's or a line's text is from."""

    RECOGNISED = "ocr"  # the engine read it in the picture
    DRAWN = "pdf-text"  # the PDF draws it as text
    EARLIER = "pdf-ocr"  # an OCR program read it in the PDF's pictures and put it into the PDF
    MIXED = "mixed"  # some of it is drawn, some recognised
    TEXT = "text"  # a text file, given to `scanmend correct`


class CorrectionStatus(enum.StrEnum):
    """How the correction of a page ended."""

    DONE = "done"  # the model answered
    OFF = "off"  # correction is not configured
    NOTHING = "nothing"  # no text needs correction
    UNAVAILABLE = "unavailable"  # there is no model
    FAILED = "failed"  # the model failed on this page


class Bound(enum.StrEnum):
    """The limit that cut a model's answer short."""

    TOKENS = "tokens"
    SECONDS = "seconds"
    REPETITION = "repetition"


class HiddenReason(enum.StrEnum):
    """Why a page does not show text that it carries."""

    OFF_PAGE = "off-page"  # outside the page's box
    LAYER_OFF = "layer-off"  # on an optional layer that is switched off
    INVISIBLE = "invisible"  # in a text rendering mode that draws nothing
    UNSEEN = "unseen"  # white, clipped, or behind something


# as read ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the rendered, upright page; the origin is top left."""

    x0: Number
    y0: Number
    x1: Number
    y1: Number

    @property
    def width(self) -> float:
        """Return the width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Return the height in pixels."""
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class CharAlternatives:
    """The characters that an engine saw at one position of a line.

    ``at``: index of the character in the line's text. ``saw``: probability of each of the likeliest characters; "" stands
    for no character. ``between``: the engine read no character there; the position is just before ``at``.
    """

    at: int
    saw: dict[str, float]
    between: bool = False

    def moved(self, by: int) -> Self:
        """Return these alternatives shifted right by ``by`` characters."""
        return dataclasses.replace(self, at=self.at + by)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page in reading order.

    ``confidence``: 0..1, or None when the source has none (a PDF's own text). ``block``: index of the block (column,
    paragraph, table) on the page; an empty line is published between blocks. ``unsure``: indices of the characters that
    the engine was not sure of. ``doubts``: the alternatives that it saw, from left to right. Both are None when the
    engine does not tell.
    """

    text: str
    box: Box
    confidence: Number | None
    block: Count = 0
    unsure: tuple[int, ...] | None = None
    doubts: tuple[CharAlternatives, ...] | None = None
    source: TextSource = TextSource.RECOGNISED

    @property
    def exact(self) -> bool:
        """Return whether the file carries this text and draws it, so that nothing corrects it."""
        return self.source in (TextSource.DRAWN, TextSource.MIXED)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Text that a page carries and does not show."""

    text: str
    box: Box
    reason: HiddenReason


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine that read a page, and its settings: enough to read the page again in the same way."""

    name: str
    version: str
    languages: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    evaluation: bool = False


@dataclass(frozen=True, slots=True)
class PageText:
    """One page as read.

    ``index`` counts from 0. ``width`` and ``height``: pixels of the upright page, rendered at ``dpi``. ``rotation``:
    degrees clockwise by which the page was turned to be upright (0, 90, 180, 270). ``source``: of a MIXED page each line
    has its own. ``hidden``: text that the PDF carries and the page does not show. ``truncated``: the engine returned
    less than the page holds (Aspose without a licence). ``seconds``: duration of each stage, as "render", "ocr".
    """

    index: Count
    width: Count
    height: Count
    dpi: Number
    rotation: int
    lines: tuple[Line, ...]
    engine: EngineInfo
    source: TextSource = TextSource.RECOGNISED
    truncated: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hidden: tuple[Hidden, ...] = ()


# as proposed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that proposed: its file's name and sha256, its quantization, its layers on the GPU.

    ``context``: tokens that it can hold. ``device``: "gpu", "server", or "cpu: " and why only that.
    """

    name: str
    sha256: str
    quantization: str
    gpu_layers: Count
    context: Count
    device: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """A span of a proposed text in which the model left the OCR text: offsets in code points, end exclusive.

    ``margin``: log-odds (nats) of the model's own token over the OCR's.
    """

    start: Count
    end: Count
    margin: float


@dataclass(frozen=True, slots=True)
class LineProposal:
    """The model's text for one line. ``divergences`` None: the model does not tell how sure it is."""

    text: str
    divergences: tuple[Divergence, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageProposal:
    """The model's answer for one page: one entry for each line, in order.

    An entry is None for a line that the model was not asked for, or left out. ``bound``: the limit that cut the answer
    short. ``calls``: calls of the model's decoder, each of one batch. ``drafted``: tokens of the OCR text that were
    verified; ``agreed``: those of them that the model would have written too.
    """

    lines: tuple[LineProposal | None, ...]
    model: ModelInfo
    tokens: Count
    seconds: float
    bound: Bound | None = None
    calls: Count = 0
    method: str = ""
    drafted: Count = 0
    agreed: Count = 0


# as published -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """One differing span between a line's OCR text and the text that was proposed for it.

    ``line``: index of the line on the page. ``start``: offset in code points into its OCR text. ``rule``: the rule that
    decided, as "digits", "no-new-words", "repair-amount". ``margin``: as in ``Divergence``; None where the model does
    not tell or was not asked.
    """

    line: int
    start: int
    before: str
    after: str
    accepted: bool
    rule: str
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """Text that a person should look at, and why: ``text`` at offset ``start`` of the published line ``line``."""

    line: int
    start: int
    text: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hyphenated:
    """A word that the line's end divides: as printed on lines ``line`` and ``line + 1``, and joined."""

    line: int
    printed: tuple[str, ...]
    joined: str


@dataclass(frozen=True, slots=True)
class Correction:
    """How the correction of a page went. ``reason``: why it is OFF, NOTHING, UNAVAILABLE or FAILED."""

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
class PageResult:
    """One page, ready to be published: as read, the text of each line to publish, and how that text came about."""

    page: PageText
    lines: tuple[str, ...]
    edits: tuple[Edit, ...]
    correction: Correction
    suspects: tuple[Suspect, ...] = ()
    hyphenated: tuple[Hyphenated, ...] = ()
