"""Run the LLM child: load a model or connect to a server, and propose corrections.

The same program, in another child, downloads models.
"""

import hashlib
import os

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else an abort of llama.cpp starts gdb first
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
# Downloads use plain HTTP ranges instead of Xet: they can be resumed, and we check the content.
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

from typing import Any

from scanmend.errors import Died
from scanmend.page import ModelInfo, PageProposal
from scanmend.workers.protocol import (
    ConnectRequest,
    DeviceRequest,
    Digest,
    DigestRequest,
    Fetched,
    FetchRequest,
    HeaderRequest,
    Listing,
    ListingRequest,
    LoadRequest,
    ProposeRequest,
    Said,
)
from scanmend.workers.server import Tell, serve


class Worker:
    """The handlers of requests to the one model, or the one server, of this process."""

    def __init__(self) -> None:
        """Load nothing yet; importing llama.cpp waits until a request needs it."""
        self._model: Any = None  # a language model that judges
        self._corrector: Any = None  # a byte-level corrector, alone or beside a model that judges
        self._server: Any = None
        self._tell: Tell = lambda _: None  # of the request under way

    def load(self, request: LoadRequest, tell: Tell) -> ModelInfo:
        """Load a model file and return what was loaded; raise as ``loader.load``."""
        from scanmend.llm.loader import (  # noqa: PLC0415 - a download needs no llama.cpp
            LoadedCorrector,
            load,
            load_corrector,
        )

        self._model, self._corrector = load(request, tell), None
        if isinstance(self._model, LoadedCorrector):
            self._model, self._corrector = None, self._model
        elif request.corrector:
            beside = LoadRequest(request.corrector, gpu_layers=0, threads=request.threads)
            self._corrector = load_corrector(beside)
        loaded = self._model or self._corrector
        info: ModelInfo = loaded.info
        return info

    def connect(self, request: ConnectRequest, tell: Tell) -> ModelInfo:
        """Connect to a server and return the model that corrects; raise as ``ServerJudge`` and ``loader.load``."""
        from scanmend.llm.server_judge import ServerJudge  # noqa: PLC0415

        self._tell = tell
        server = ServerJudge(request, self._say)
        if request.corrector:
            from scanmend.llm.loader import load_corrector  # noqa: PLC0415

            beside = LoadRequest(request.corrector, gpu_layers=0, threads=request.threads)
            self._corrector = load_corrector(beside)
        self._server = server
        return server.info_beside(self._corrector)

    def _say(self, text: str) -> None:
        self._tell(Said(text))

    def propose(self, request: ProposeRequest, tell: Tell) -> PageProposal:
        """Return the model's proposals for a page; raise Died when this process holds no model."""
        self._tell = tell
        lines, wanted, seconds = request.lines, request.wanted, request.seconds
        if self._server is None and self._model is None:
            if self._corrector is None:
                raise Died("the process that held the model ended, and this is a new one")
            from scanmend.llm.page_proposal import propose_page  # noqa: PLC0415

            return propose_page(self._corrector, lines, wanted, seconds, request.alternatives)
        from scanmend.llm.judge.page_judgement import PageToJudge  # noqa: PLC0415

        page = PageToJudge(
            lines, wanted, request.prompt, request.alternatives, request.fast, request.words
        )
        if self._server is not None:
            proposal: PageProposal = self._server.propose_page(self._corrector, page, seconds)
            return proposal
        from scanmend.llm.judge.combined_proposal import propose_with_judge  # noqa: PLC0415

        return propose_with_judge(self._model, self._corrector, page, seconds)


def fetch(request: FetchRequest, tell: Tell) -> Fetched:
    """Download a model and return its path; raise as ``hub.download``."""
    from scanmend.llm.hub import download  # noqa: PLC0415

    directory = os.fsdecode(request.directory)
    path = download(request.repo_id, request.quantization, directory, tell)
    return Fetched(os.fsencode(path))


def digest(request: DigestRequest, _tell: Tell) -> Digest:
    """Return a file's sha256, computed from its content."""
    with open(request.file, "rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def header(request: HeaderRequest, _tell: Tell) -> str:
    """Return a model's architecture; raise as ``llama_model.architecture``."""
    from scanmend.llm import llama_model  # noqa: PLC0415

    return llama_model.architecture(os.fsdecode(request.file))


def device(_request: DeviceRequest, _tell: Tell) -> str:
    """Return where models run in this process."""
    from scanmend.llm import llama_model  # noqa: PLC0415

    return llama_model.device()


def listing(request: ListingRequest, _tell: Tell) -> Listing:
    """Return the files of a repository; raise as ``hub.list_files``."""
    from scanmend.llm.hub import list_files  # noqa: PLC0415

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
            HeaderRequest: header,
            ListingRequest: listing,
            DeviceRequest: device,
        }
    )
