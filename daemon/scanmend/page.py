"""Define a page on its way from the OCR engine to the outbox: as read, as proposed by the model, as published.

Each value is a frozen dataclass, which msgspec encodes as a JSON object with the fields' names, and decodes with
validation. In this form a page travels between processes and is stored in the journal, so rename no field.
"""

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from msgspec import Meta

TEXT_LAYER_ENGINE = "pdf-text"  # EngineInfo.name of a page whose whole text is the PDF's own

# The values of a page come from a sandboxed process, which may be compromised: hence the limits.
Count = Annotated[int, Meta(ge=0, le=2**53)]
_LIMIT = 10**9
# JSON distinguishes 300 from 300.0. The union preserves the difference, which the sidecar shows.
Number = (
    Annotated[int, Meta(ge=-_LIMIT, le=_LIMIT)]
    | Annotated[float, Meta(ge=-float(_LIMIT), le=float(_LIMIT))]
)


class TextSource(enum.StrEnum):
    """The source of a page's or a line's text."""

    RECOGNISED = "ocr"  # the engine read it in the picture
    DRAWN = "pdf-text"  # the PDF draws it as text
    EARLIER = "pdf-ocr"  # an OCR program read it in the PDF's pictures and put it into the PDF
    MIXED = "mixed"  # some of it is drawn, some recognised
    TEXT = "text"  # a text file, given to `scanmend correct`


class CorrectionStatus(enum.StrEnum):
    """The outcome of the correction of a page."""

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
    """The reason why a page does not show text that it carries."""

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
    """The characters that an engine considered at one position of a line.

    ``at``: index of the character in the line's text. ``saw``: probability of each of the likeliest characters; "" stands
    for no character. ``between``: the engine read no character there, and the position is just before ``at``.
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

    ``confidence``: 0 to 1, or None if the source has none (a PDF's own text). ``block``: index of the block (column,
    paragraph, table) on the page; an empty line is published between blocks. ``unsure``: indices of the characters that
    the engine doubted. ``doubts``: the alternatives that it considered, from left to right. Both are None if the engine
    does not report them. ``turn``: degrees clockwise (0 to 359) from the direction in which the page's lines run to that
    of this line: 90 reads down, 270 up.
    """

    text: str
    box: Box
    confidence: Number | None
    block: Count = 0
    unsure: tuple[int, ...] | None = None
    doubts: tuple[CharAlternatives, ...] | None = None
    source: TextSource = TextSource.RECOGNISED
    turn: Annotated[int, Meta(ge=0, lt=360)] = 0

    @property
    def exact(self) -> bool:
        """Return whether the PDF itself draws this text, so that it needs no correction."""
        return self.source in (TextSource.DRAWN, TextSource.MIXED)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Text that a page carries but does not show."""

    text: str
    box: Box
    reason: HiddenReason


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine that read a page, with the settings that are needed to read the page again in the same way.

    ``evaluation``: it ran without a licence, in evaluation mode.
    """

    name: str
    version: str
    languages: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    evaluation: bool = False


@dataclass(frozen=True, slots=True)
class PageError:
    """The reason why a page could not be read: the ``code`` of its last error, and ``what`` happened, for people."""

    code: str
    what: str


@dataclass(frozen=True, slots=True)
class PageText:
    """One page as read.

    ``index`` counts from 0. ``width`` and ``height``: pixels of the upright page, rendered at ``dpi``. ``rotation``:
    degrees clockwise by which the page was turned upright (0, 90, 180, 270). ``tilt``: degrees clockwise by which most of
    its lines then slope. ``source``: on a MIXED page, each line has its own. ``hidden``: text that the PDF carries and the page does not show. ``unread``: areas with ink that looks like
    text and of which no text is published. ``unreadable_script``: much of the page is in a script that the engine does not
    read, so the page is not corrected. ``truncated``: the engine returned less than the page holds (Aspose without a
    licence). ``seconds``: duration of each stage, as "render", "ocr". ``error``: why the page could not be read; then the
    other values say nothing.
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
    unread: tuple[Box, ...] = ()
    unreadable_script: bool = False
    tilt: Number = 0
    error: PageError | None = None

    @classmethod
    def failed(cls, index: int, error: PageError) -> Self:
        """Return a page that could not be read."""
        return cls(index, 0, 0, 0, 0, (), EngineInfo("", ""), error=error)


# as proposed --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that made a proposal: its file's name and sha256, its quantization, its layers on the GPU.

    ``context``: number of tokens that it can hold. ``device``: "gpu", "server", or "cpu: " with the reason why not the
    GPU. ``unused_gpu``: the name and the size of a GPU that should hold layers and holds none; "" if there is none.
    ``unused_server``: why the configured server did not judge, so that this model worked alone; "" otherwise.
    """

    name: str
    sha256: str
    quantization: str
    gpu_layers: Count
    context: Count
    device: str = ""
    unused_gpu: str = ""
    unused_server: str = ""

    @property
    def why_gpu_unused(self) -> str:
        """Return which GPU is not used, and why, for people; "" unless there is such a GPU."""
        if not self.unused_gpu:
            return ""
        short = "its memory is too short for even one layer"
        return f"{self.unused_gpu}: {short if self.device == 'gpu' else self.device}"


@dataclass(frozen=True, slots=True)
class Divergence:
    """A span of a proposed text where the model diverged from the OCR text: offsets in code points, end exclusive.

    ``margin``: log-odds (nats) of the model's own token over the OCR's. ``judged``: a language model compared the texts
    that may stand there, with the words around them.
    """

    start: Count
    end: Count
    margin: float
    judged: bool = False


@dataclass(frozen=True, slots=True)
class LineProposal:
    """The model's text for one line. ``divergences`` None: the model does not report how sure it is."""

    text: str
    divergences: tuple[Divergence, ...] | None = None


@dataclass(frozen=True, slots=True)
class PageProposal:
    """The model's answer for one page: one entry for each line, in order.

    An entry is None for a line that was not requested, or that the model left out. ``bound``: the limit that cut the
    answer short. ``calls``: calls of the model's decoder, each with one batch. ``drafted``: number of tokens of the OCR
    text that were verified; ``agreed``: how many of them the model would have written too. ``note``: what went wrong with
    some lines, for people.
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
    note: str = ""


# as published -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Edit:
    """One difference between a line's OCR text and the text proposed for it.

    ``line``: index of the line on the page. ``start``: offset in code points into its OCR text. ``rule``: the rule that
    decided, as "digits", "no-new-words", "repair-amount". ``margin``: as in ``Divergence``; None if the model does
    not report it or was not asked.
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
    """A word that is divided at a line's end: as printed on lines ``line`` and ``line + 1``, and joined."""

    line: int
    printed: tuple[str, ...]
    joined: str


@dataclass(frozen=True, slots=True)
class Correction:
    """The record of a page's correction. ``reason``: why it is OFF, NOTHING, UNAVAILABLE or FAILED; or DONE in part, or by the stand-in."""

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
    """One page, ready to be published: the page as read, the text to publish for each line, and its provenance."""

    page: PageText
    lines: tuple[str, ...]
    edits: tuple[Edit, ...]
    correction: Correction
    suspects: tuple[Suspect, ...] = ()
    hyphenated: tuple[Hyphenated, ...] = ()
