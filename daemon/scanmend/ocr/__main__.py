"""The OCR child: tell what files hold, read pages, tell whether an engine can be used."""

import os

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))

from typing import Any

from scanmend.errors import ScanmendError
from scanmend.ocr.engines.factory import EngineChoice, loaded
from scanmend.ocr.page_reader import read_page
from scanmend.ocr.pages import contents
from scanmend.page import ContentsRequest, EngineStatus, PageRequest
from scanmend.workers.server import Progress, serve


def probe(request: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """Return whether the engine can be loaded here."""
    name = request["engine"]
    choice = EngineChoice(
        name, tuple(request["languages"]), request["licence"], request["allow_evaluation"]
    )
    try:
        info = loaded(choice).info()
    except ScanmendError as error:
        return EngineStatus(name, False, reason=str(error)).to_json()
    return EngineStatus(name, True, info.version, licensed=not info.evaluation).to_json()


if __name__ == "__main__":
    serve(
        {
            "contents": lambda request, _: contents(ContentsRequest.from_json(request)).to_json(),
            "page": lambda request, _: read_page(PageRequest.from_json(request)).to_json(),
            "probe": probe,
        }
    )
