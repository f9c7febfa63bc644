"""Define every message between the daemon and its children; ``codec`` turns them into frames and back.

The daemon sends one ``Request``; the child answers with any number of ``Step``, and then one ``Reply`` or ``ErrorReply``. A
path is bytes, as in the file system, since a path may not be Unicode, and JSON text must be.

``document`` and ``page`` define the values of replies that are also stored and published (``Contents``, ``PageText``,
``PageProposal``).
"""

import os
from typing import Generic, TypeVar

from msgspec import Struct

from scanmend.document import Contents
from scanmend.errors import ScanmendError, by_code, show
from scanmend.gguf_notes import Fact
from scanmend.page import CharAlternatives, Count, ModelInfo, PageProposal, PageText

R = TypeVar("R")  # the reply to a request

MAX_MESSAGE_CHARACTERS = 4_000  # a longer error message from a child is cut


class Request(Struct, Generic[R], frozen=True, tag_field="do", forbid_unknown_fields=True):
    """A request of the daemon to a child, which replies with a value of type ``R``."""

    def objection(self, reply: R) -> str:  # noqa: ARG002
        """Return why a well-formed reply does not answer this request; "" if it does."""
        return ""


# OCR children -------------------------------------------------------------------------------------


class ContentsRequest(Request[Contents], frozen=True, tag="contents"):
    """A request for the contents of a file.

    ``file`` is its absolute path; the child tries the ``passwords`` in turn. ``extract``: extract embedded PDFs and
    pictures, at most ``room_parts`` of them, of at most ``max_bytes`` each and ``room_bytes`` in all. ``depth``: levels
    of attachments below this file that may still be extracted. ``ancestors``: the sha256 of this file and of the files
    that it is embedded in. ``doubtful``: the file's end looks odd, so the file is Damaged unless it has all its pages.
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
        """Return the path as a string for Python's functions."""
        return os.fsdecode(self.file)

    def objection(self, reply: Contents) -> str:
        """Return how the reply exceeds the request's limits; "" if it does not."""
        if not 0 < reply.pages <= self.max_pages:
            return f"{reply.pages} pages of at most {self.max_pages}"
        sizes = [part.size for part in reply.parts]
        if len(sizes) > self.room_parts or any(size < 0 for size in sizes):
            return f"{len(sizes)} attachments of at most {self.room_parts}"
        if sum(sizes) > self.room_bytes:
            return f"attachments of {sum(sizes)} bytes of at most {self.room_bytes}"
        return ""


class PageRequest(Request[PageText], frozen=True, tag="page"):
    """A request for the text of page ``index`` (from 0) of a file.

    ``engine``: "rapidocr", "aspose" or "tesseract". ``dpi``: the resolution at which PDF pages are rendered.
    ``rotate``: find out which way up the page lies, and turn it. ``pdf_text``: "auto", "always_ocr" or "trust".
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
        """Return the path as a string for Python's functions."""
        return os.fsdecode(self.file)

    @property
    def licence(self) -> str | None:
        """Return the licence's path as a string for Python's functions; None without a licence."""
        return None if self.licence_file is None else os.fsdecode(self.licence_file)

    def objection(self, reply: PageText) -> str:
        """Return a complaint if the reply is another page; "" otherwise."""
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
    """A request to find out whether an engine can be loaded; the fields are those of ``PageRequest``."""

    engine: str
    languages: tuple[str, ...]
    licence_file: bytes | None = None
    allow_evaluation: bool = False

    @property
    def licence(self) -> str | None:
        """Return the licence's path as a string for Python's functions; None without a licence."""
        return None if self.licence_file is None else os.fsdecode(self.licence_file)


# LLM children -------------------------------------------------------------------------------------


class LoadRequest(Request[ModelInfo], frozen=True, tag="load"):
    """A request to load a GGUF file.

    ``gpu_layers`` None: as many layers on the GPU as fit. ``gpu``: the GPU's name and size; "": none. ``max_layers``:
    an earlier process died when it loaded more. ``corrector``: the built-in corrector's file, which then corrects, with
    the model as the judge of its words; b"": the model corrects alone.
    """

    file: bytes
    gpu_layers: int | None = None
    context: int = 8192
    threads: int | None = None
    gpu: str = ""
    max_layers: int | None = None
    corrector: bytes = b""

    @property
    def path(self) -> str:
        """Return the path as a string for Python's functions."""
        return os.fsdecode(self.file)


class ConnectRequest(Request[ModelInfo], frozen=True, tag="connect"):
    """A request to use a server.

    ``model`` "auto": the server's first model that can judge. ``key``: for the Authorization header, or "".
    ``seconds``: time limit of the connection; ``load_seconds``: for which to wait for a server that is loading its model,
    here and at each page (at least ``seconds``). ``corrector``: the built-in corrector's file, which corrects beside the
    server, or alone if the server can't judge; b"": none. ``threads``: of the corrector.
    """

    base_url: str
    model: str = "auto"
    key: str = ""
    seconds: float = 60.0
    load_seconds: float = 0.0
    corrector: bytes = b""
    threads: int | None = None


class ProposeRequest(Request[PageProposal], frozen=True, tag="propose"):
    """A request for the model's proposals for the lines ``wanted`` (indices into ``lines``) of a page.

    ``prompt``: text that a model reads before the page. ``seconds``: time limit of the page. ``fast``: a language model judges
    fewer words. ``words``: known words of the domain. ``alternatives``: the OCR engine's, by index of the
    line; without the lines for which the engine reports none.
    """

    prompt: str
    lines: tuple[str, ...]
    wanted: tuple[int, ...]
    seconds: float
    alternatives: dict[int, tuple[CharAlternatives, ...]] = {}
    fast: bool = False
    words: tuple[str, ...] = ()

    def objection(self, reply: PageProposal) -> str:
        """Return a complaint if the reply has another number of lines; "" otherwise."""
        if len(reply.lines) != len(self.lines):
            return f"{len(reply.lines)} lines in place of {len(self.lines)}"
        return ""


class Fetched(Struct, frozen=True):
    """A downloaded model: the path of its (first) file."""

    file: bytes


class FetchRequest(Request[Fetched], frozen=True, tag="fetch"):
    """A request to download a model from the Hub into ``directory``."""

    repo_id: str
    quantization: str
    directory: bytes


class Digest(Struct, frozen=True):
    """A file's sha256 in hexadecimal."""

    sha256: str


class DigestRequest(Request[Digest], frozen=True, tag="digest"):
    """A request for the sha256 of a file, computed from its content."""

    file: bytes


class HeaderRequest(Request[str], frozen=True, tag="header"):
    """A request for the architecture of a model file, such as "llama". The reply is an error if it can't judge."""

    file: bytes


class HubFile(Struct, frozen=True):
    """A file of a repository on the Hub: ``size`` in bytes; ``sha256`` None: the Hub does not publish it."""

    name: str
    size: Count
    sha256: str | None


class Listing(Struct, frozen=True):
    """The files of a repository on the Hub."""

    files: tuple[HubFile, ...]


class ListingRequest(Request[Listing], frozen=True, tag="listing"):
    """A request for the files of a repository at a revision (None: the latest).

    ``quantization`` "": all files. ``directory``: the models' folder, for messages.
    """

    repo_id: str
    revision: str | None
    quantization: str
    directory: bytes


# progress of a request -----------------------------------------------------------------------------


class LayersTried(Struct, frozen=True, tag="layers"):
    """A load is attempted with this many layers on the GPU."""

    layers: Count


class DeviceRequest(Request[str], frozen=True, tag="device"):
    """A request to say where models run in this child: "gpu", or "cpu: " with the reason."""


class FactsFound(Struct, frozen=True, tag="facts"):
    """Facts about the model file, which the daemon stores: the child may not write beside the file."""

    facts: dict[str, Fact]


class Said(Struct, frozen=True, tag="said"):
    """A message for people."""

    text: str


class DownloadBegun(Struct, frozen=True, tag="begun"):
    """The start of a download; ``size``: bytes of all files together."""

    licence: str
    files: tuple[str, ...]
    size: Count


class Downloaded(Struct, frozen=True, tag="downloaded"):
    """The progress of a file's download: ``done`` of ``total`` bytes; ``checking``: its sha256 is being compared."""

    file: str
    done: Count
    total: Count
    checking: bool = False


Progress = LayersTried | FactsFound | Said | DownloadBegun | Downloaded


# envelopes ----------------------------------------------------------------------------------------


class Reply(Struct, Generic[R], frozen=True, tag_field="is", tag="reply"):
    """The final answer to a request that succeeded."""

    value: R


class Step(Struct, frozen=True, tag_field="is", tag="progress"):
    """Progress of a request."""

    progress: Progress


class ErrorReply(Struct, frozen=True, tag_field="is", tag="failure"):
    """The final answer to a request that failed: the fields of a ScanmendError."""

    code: str
    what: str
    remedy: str = ""

    @classmethod
    def of(cls, error: ScanmendError) -> "ErrorReply":
        """Return an error as a message."""
        return cls(error.code, show(error.what), show(error.remedy))

    def error(self) -> ScanmendError:
        """Return this message as an error, with its texts cut and escaped."""
        what, remedy = self.what[:MAX_MESSAGE_CHARACTERS], self.remedy[:MAX_MESSAGE_CHARACTERS]
        return by_code(self.code, show(what), show(remedy))


Answer = Reply[R] | Step | ErrorReply
