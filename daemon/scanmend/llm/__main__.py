"""The LLM child: loads a model or connects to a server, and proposes corrections; or, in its own child, downloads a model."""

import hashlib
import os

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else an abort starts gdb first
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
# plain HTTP ranges: they can be resumed, and we check the content
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

from typing import Any

from scanmend.errors import Died
from scanmend.page import CharAlternatives
from scanmend.workers.server import Progress, serve


class Worker:
    """The model or the server of this process."""

    def __init__(self) -> None:
        """Start without a model, and without llama.cpp: a download does not need it."""
        self._model: Any = None
        self._server: Any = None

    def load(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Load a model: the fields of a LoadRequest -> ModelInfo."""
        from scanmend.llm.load_request import LoadRequest  # noqa: PLC0415
        from scanmend.llm.loader import load  # noqa: PLC0415

        self._model = load(LoadRequest(**request), progress)
        info: dict[str, Any] = self._model.info.to_json()
        return info

    def connect(self, request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Connect to a server: the fields of a ConnectRequest -> ModelInfo."""
        from scanmend.llm.openai_client import ConnectRequest, OpenAiCorrector  # noqa: PLC0415

        self._server = OpenAiCorrector(ConnectRequest(**request))
        info: dict[str, Any] = self._server.info.to_json()
        return info

    def correct(self, request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Propose corrections for a page: {prompt, lines, wanted, seconds, doubts} -> PageProposal."""
        page = (request["prompt"], request["lines"], request["wanted"], request["seconds"])
        if self._server is not None:
            answer: dict[str, Any] = self._server.propose_page(*page).to_json()
            return answer
        if self._model is None:
            raise Died("the process that held the model ended, and this is a new one")
        from scanmend.llm.page_proposal import propose_page  # noqa: PLC0415

        alternatives = {
            int(number): [CharAlternatives.from_json(one) for one in found]
            for number, found in request["doubts"].items()
        }
        return propose_page(self._model, *page, alternatives).to_json()


def fetch(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Download a model: {repo_id, quantization, directory} -> {path}."""
    from scanmend.llm.hub import download  # noqa: PLC0415

    path = download(request["repo_id"], request["quantization"], request["directory"], progress)
    return {"path": path}


def digest(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """Compute a file's sha256 from its content: {path} -> {sha256}."""
    with open(request["path"], "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def listing(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """List a repository: {repo_id, revision, quantization, directory} -> {files: [{name, size, sha256}]}."""
    from scanmend.llm.hub import list_files  # noqa: PLC0415

    files = list_files(
        request["repo_id"], request["revision"], request["quantization"], request["directory"]
    )
    return {"files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]}


if __name__ == "__main__":
    worker = Worker()
    serve(
        {
            "load": worker.load,
            "connect": worker.connect,
            "correct": worker.correct,
            "fetch": fetch,
            "digest": digest,
            "listing": listing,
        }
    )
