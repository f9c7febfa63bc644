"""The LLM child's loop: load a model, correct pages; or, in a child of its own, fetch a model."""

import os

os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # else an abort starts gdb first
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # plain HTTP ranges: resumable, and checked by us

from typing import Any

from scanmend.errors import ModelUnavailable
from scanmend.serve import Progress, serve


class Worker:
    """One model at a time."""

    def __init__(self) -> None:
        """No model yet; importing llama.cpp waits until one is asked for."""
        self._loaded: Any = None

    def load(self, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """The fields of a Wish -> ModelInfo."""
        from scanmend.llm.model import Wish, load  # noqa: PLC0415 - a download needs no llama.cpp

        self._loaded = load(Wish(**request), progress)
        info: dict[str, Any] = self._loaded.info.to_json()
        return info

    def correct(self, request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """{prompt, lines, wanted, seconds} -> Proposal."""
        from scanmend.llm.decode import correct  # noqa: PLC0415

        if self._loaded is None:
            raise ModelUnavailable("no model is loaded")
        return correct(
            self._loaded,
            request["prompt"],
            request["lines"],
            request["wanted"],
            request["seconds"],
        ).to_json()


def fetch(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """{repo_id, quantization, directory} -> {path}."""
    from scanmend.llm.fetch import fetch as fetch_model  # noqa: PLC0415

    return {
        "path": fetch_model(
            request["repo_id"], request["quantization"], request["directory"], progress
        )
    }


if __name__ == "__main__":
    worker = Worker()
    serve({"load": worker.load, "correct": worker.correct, "fetch": fetch})
