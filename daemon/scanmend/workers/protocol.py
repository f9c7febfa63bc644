"""Define every message between the daemon and its children; ``codec`` turns them into frames and back.

The daemon sends one ``Request``; the child answers with any number of ``Step`` and then one ``Reply`` or ``Failure``. A
path is bytes, as the file system has it, since JSON holds no text that is not Unicode.

The values that replies carry (``Contents``, ``PageText``, ``PageProposal``) are also kept and published: they are
defined in ``document`` and ``page``.
"""

import os
from typing import Generic, TypeVar

from msgspec import Struct

from scanmend.document import Contents
from scanmend.errors import ScanmendError, by_code, show
from scanmend.gguf_notes import Fact
from scanmend.page import CharAlternatives, Count, ModelInfo, PageProposal, PageText

R = TypeVar("R")

MESSAGE_CHARACTERS = 4_000  # of an error's message that are taken over from a child


class Request(Struct, Generic[R], frozen=True, tag_field="do", forbid_unknown_fields=True):
    """What the daemon asks of a child, which replies with a value of type ``R``."""

    def objection(self, reply: R) -> str:  # noqa: ARG002
        """Return why a well-formed reply does not answer this request; "" if it does."""
        return ""


# OCR children -------------------------------------------------------------------------------------


class ContentsRequest(Request[Contents], frozen=True, tag="contents"):
    """Ask what a file holds. ``file`` is its absolute path; ``passwords`` are tried in turn.

    ``extract``: extract embedded PDFs and pictures, at most ``room_parts`` of them, of at most ``max_bytes`` each and
    ``room_bytes`` in all. ``depth``: levels of attachments that may follow. ``ancestors``: the sha256 of this file and
    of those that it lies in. ``doubtful``: the file's end is odd, so that it is Damaged unless all its pages are there.
    """

    file: bytes
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

    @property
    def path(self) -> str:
        """The path as Python's functions take it."""
        return os.fsdecode(self.file)

    def objection(self, reply: Contents) -> str:
        """Compare the reply with the request's limits."""
        if not 0 < reply.pages <= self.max_pages:
            return f"{reply.pages} pages of at most {self.max_pages}"
        sizes = [part.size for part in reply.parts]
        if len(sizes) > self.room_parts or any(size < 0 for size in sizes):
            return f"{len(sizes)} attachments of at most {self.room_parts}"
        if sum(sizes) > self.room_bytes:
            return f"attachments of {sum(sizes)} bytes of at most {self.room_bytes}"
        return ""


class PageRequest(Request[PageText], frozen=True, tag="page"):
    """Ask for page ``index`` (from 0) of a file as text.

    ``engine``: "rapidocr", "aspose" or "tesseract". ``dpi``: the resolution at which PDF pages are rendered.
    ``rotate``: find out which way up the page lies. ``pdf_text``: "auto", "always_ocr" or "trust".
    ``licence_file``: the path of Aspose's licence.
    """

    file: bytes
    index: int
    engine: str
    languages: tuple[str, ...]
    dpi: int
    rotate: bool
    pdf_text: str
    max_pixels: int
    licence_file: bytes | None = None
    allow_evaluation: bool = False
    passwords: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The path as Python's functions take it."""
        return os.fsdecode(self.file)

    @property
    def licence(self) -> str | None:
        """The path of the licence as Python's functions take it."""
        return None if self.licence_file is None else os.fsdecode(self.licence_file)

    def objection(self, reply: PageText) -> str:
        """Compare the page's number with the one that was asked for."""
        return "" if reply.index == self.index else f"page {reply.index} in place of {self.index}"


class EngineStatus(Struct, frozen=True):
    """Whether an engine can be used on this machine; if not, why, and what to do about it."""

    name: str
    usable: bool
    version: str = ""
    licensed: bool = True
    reason: str = ""
    remedy: str = ""


class ProbeRequest(Request[EngineStatus], frozen=True, tag="probe"):
    """Ask whether an engine can be loaded; the fields are those of ``PageRequest``."""

    engine: str
    languages: tuple[str, ...]
    licence_file: bytes | None = None
    allow_evaluation: bool = False

    @property
    def licence(self) -> str | None:
        """The path of the licence as Python's functions take it."""
        return None if self.licence_file is None else os.fsdecode(self.licence_file)


# LLM children -------------------------------------------------------------------------------------


class LoadRequest(Request[ModelInfo], frozen=True, tag="load"):
    """Ask to load a GGUF file.

    ``gpu_layers`` None: as many layers on the GPU as fit. ``gpu``: which GPU, and how large; "": none. ``max_layers``:
    more were tried in a process that did not survive it. ``method``: the highest rung of the ladder of decoding methods
    to try ("auto", "parallel", "single", "greedy"); benchmarks compare them.
    """

    file: bytes
    gpu_layers: int | None = None
    context: int = 8192
    threads: int | None = None
    gpu: str = ""
    max_layers: int | None = None
    method: str = "auto"

    @property
    def path(self) -> str:
        """The path as Python's functions take it."""
        return os.fsdecode(self.file)


class ConnectRequest(Request[ModelInfo], frozen=True, tag="connect"):
    """Ask to use a server. ``model`` "auto": its first model. ``key``: for the Authorization header, or ""."""

    base_url: str
    model: str = "auto"
    key: str = ""
    seconds: float = 60.0


class ProposeRequest(Request[PageProposal], frozen=True, tag="propose"):
    """Ask the model for the lines ``wanted`` (indices into ``lines``) of a page, within ``seconds``.

    ``alternatives``: what the engine saw besides, by index of the line; a line of an engine that does not tell is left
    out.
    """

    prompt: str
    lines: tuple[str, ...]
    wanted: tuple[int, ...]
    seconds: float
    alternatives: dict[int, tuple[CharAlternatives, ...]] = {}

    def objection(self, reply: PageProposal) -> str:
        """Compare the number of lines."""
        if len(reply.lines) != len(self.lines):
            return f"{len(reply.lines)} lines in place of {len(self.lines)}"
        return ""


class Fetched(Struct, frozen=True):
    """A model that was downloaded: the path of its (first) file."""

    file: bytes


class FetchRequest(Request[Fetched], frozen=True, tag="fetch"):
    """Ask to download a model from the Hub into ``directory``."""

    repo_id: str
    quantization: str
    directory: bytes


class Digest(Struct, frozen=True):
    """A file's sha256 in hexadecimal."""

    sha256: str


class DigestRequest(Request[Digest], frozen=True, tag="digest"):
    """Ask for the sha256 of a file, computed anew."""

    file: bytes


class HubFile(Struct, frozen=True):
    """A file of a repository on the Hub; ``sha256`` None: the Hub does not tell it."""

    name: str
    size: Count
    sha256: str | None


class Listing(Struct, frozen=True):
    """The files of a repository on the Hub."""

    files: tuple[HubFile, ...]


class ListingRequest(Request[Listing], frozen=True, tag="listing"):
    """Ask which files a repository has at a revision (None: its latest); of one quantization, or ("") all."""

    repo_id: str
    revision: str | None
    quantization: str
    directory: bytes


# what a child tells while it works -----------------------------------------------------------------


class LayersTried(Struct, frozen=True, tag="layers"):
    """A load begins with this many layers on the GPU."""

    layers: Count


class FactsFound(Struct, frozen=True, tag="facts"):
    """Facts about the model file, for the daemon to keep: the child may not write beside the file."""

    facts: dict[str, Fact]


class Said(Struct, frozen=True, tag="said"):
    """A message for people."""

    text: str


class DownloadBegun(Struct, frozen=True, tag="begun"):
    """A download begins; ``size`` in bytes of all files together."""

    licence: str
    files: tuple[str, ...]
    size: Count


class Downloaded(Struct, frozen=True, tag="downloaded"):
    """Bytes of a file that are there; ``checking``: the file is whole and its sha256 is compared."""

    file: str
    done: Count
    total: Count
    checking: bool = False


Progress = LayersTried | FactsFound | Said | DownloadBegun | Downloaded


# envelopes ----------------------------------------------------------------------------------------


class Reply(Struct, Generic[R], frozen=True, tag_field="is", tag="reply"):
    """The answer to a request."""

    value: R


class Step(Struct, frozen=True, tag_field="is", tag="progress"):
    """Progress of a request."""

    progress: Progress


class Failure(Struct, frozen=True, tag_field="is", tag="failure"):
    """An error in place of a reply: the fields of a ScanmendError."""

    code: str
    what: str
    remedy: str = ""

    @classmethod
    def of(cls, error: ScanmendError) -> "Failure":
        """Return the message that stands for an error."""
        return cls(error.code, show(error.what), show(error.remedy))

    def error(self) -> ScanmendError:
        """Return the error that the message stands for."""
        what, remedy = self.what[:MESSAGE_CHARACTERS], self.remedy[:MESSAGE_CHARACTERS]
        return by_code(self.code, show(what), show(remedy))


Answer = Reply[R] | Step | Failure
