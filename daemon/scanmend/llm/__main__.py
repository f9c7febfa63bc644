"""Run the LLM child: load a model or find a server, correct pages; or, in a child of its own, fetch a model."""

import hashlib
import os

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else an abort starts gdb first
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # plain HTTP ranges: resumable, and checked by us

from typing import Any

from scanmend.errors import Died
from scanmend.page import ModelInfo, PageProposal
from scanmend.workers.protocol import (
    ConnectRequest,
    Digest,
    DigestRequest,
    Fetched,
    FetchRequest,
    Listing,
    ListingRequest,
    LoadRequest,
    ProposeRequest,
)
from scanmend.workers.server import Tell, serve


class Worker:
    """The one model, or the one server, of this process."""

    def __init__(self) -> None:
        """Load nothing yet; importing llama.cpp waits until a request needs it."""
        self._loaded: Any = None
        self._server: Any = None

    def load(self, request: LoadRequest, tell: Tell) -> ModelInfo:
        """Load a model file."""
        from scanmend.llm.loader import load  # noqa: PLC0415 - a download needs no llama.cpp

        self._loaded = load(request, tell)
        info: ModelInfo = self._loaded.info
        return info

    def connect(self, request: ConnectRequest, _tell: Tell) -> ModelInfo:
        """Use a server."""
        from scanmend.llm.server import Server  # noqa: PLC0415

        self._server = Server(request)
        info: ModelInfo = self._server.info
        return info

    def propose(self, request: ProposeRequest, _tell: Tell) -> PageProposal:
        """Return what the model makes of a page; Died when this process holds no model."""
        page = (request.prompt, request.lines, request.wanted, request.seconds)
        if self._server is not None:
            proposal: PageProposal = self._server.correct(*page)
            return proposal
        if self._loaded is None:
            raise Died("the process that held the model ended, and this is a new one")
        from scanmend.llm.decode import correct  # noqa: PLC0415

        return correct(self._loaded, *page, request.alternatives)


def fetch(request: FetchRequest, tell: Tell) -> Fetched:
    """Download a model."""
    from scanmend.llm.fetch import fetch as fetch_model  # noqa: PLC0415

    directory = os.fsdecode(request.directory)
    path = fetch_model(request.repo_id, request.quantization, directory, tell)
    return Fetched(os.fsencode(path))


def digest(request: DigestRequest, _tell: Tell) -> Digest:
    """Compute a file's sha256."""
    with open(request.file, "rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def listing(request: ListingRequest, _tell: Tell) -> Listing:
    """List the files of a repository."""
    from scanmend.llm.fetch import listing as list_files  # noqa: PLC0415

    directory = os.fsdecode(request.directory)
    files = list_files(request.repo_id, request.revision, request.quantization, directory)
    return Listing(tuple(files))


if __name__ == "__main__":
    worker = Worker()
    serve(
        {
            LoadRequest: worker.load,
            ConnectRequest: worker.connect,
            ProposeRequest: worker.propose,
            FetchRequest: fetch,
            DigestRequest: digest,
            ListingRequest: listing,
        }
    )
