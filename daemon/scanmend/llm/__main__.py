"""The LLM child's loop: load a model or find a server, correct pages; or, in a child of its own, fetch a model."""

import hashlib
import os

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else an abort starts gdb first
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # plain HTTP ranges: resumable, and checked by us

from typing import Any

from scanmend.errors import Died
from scanmend.page import CharAlternatives
from scanmend.workers.server import Progress, serve


class Worker:
    """One model at a time."""

    def __init__(self) -> None:
        """No model yet; importing llama.cpp waits until one is asked for."""
        self._loaded: Any = None
        self._server: Any = None

    def load(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """The fields of a LoadRequest -> ModelInfo."""
        from scanmend.llm.loader import LoadRequest, load  # noqa: PLC0415 - a download needs no llama.cpp

        self._loaded = load(LoadRequest(**request), progress)
        info: dict[str, Any] = self._loaded.info.to_json()
        return info

    def connect(self, request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """The fields of a ConnectRequest -> ModelInfo."""
        from scanmend.llm.openai_client import ConnectRequest, Server  # noqa: PLC0415

        self._server = Server(ConnectRequest(**request))
        info: dict[str, Any] = self._server.info.to_json()
        return info

    def correct(self, request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """{prompt, lines, wanted, seconds, doubts} -> PageProposal."""
        page = (request["prompt"], request["lines"], request["wanted"], request["seconds"])
        if self._server is not None:
            answer: dict[str, Any] = self._server.correct(*page).to_json()
            return answer
        if self._loaded is None:
            raise Died("the process that held the model ended, and this is a new one")
        from scanmend.llm.page_proposal import correct  # noqa: PLC0415

        doubts = {
            int(number): [CharAlternatives.from_json(one) for one in found]
            for number, found in request["doubts"].items()
        }
        return correct(self._loaded, *page, doubts).to_json()


def fetch(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """{repo_id, quantization, directory} -> {path}."""
    from scanmend.llm.hub import fetch as fetch_model  # noqa: PLC0415

    return {
        "path": fetch_model(
            request["repo_id"], request["quantization"], request["directory"], progress
        )
    }


def digest(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """{path} -> {sha256}, reckoned anew."""
    with open(request["path"], "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def listing(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """{repo_id, revision, quantization, directory} -> {files: [{name, size, sha256}]}."""
    from scanmend.llm.hub import listing as list_files  # noqa: PLC0415

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
