"""The program of the OCR child: find out what files hold, read pages, probe engines."""

import os

os.environ.setdefault("OMP_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ.get("SCANMEND_THREADS", "1"))

from scanmend.errors import ScanmendError
from scanmend.ocr.page_reader import engine_of, read_page
from scanmend.ocr.pages import contents
from scanmend.workers.protocol import ContentsRequest, EngineStatus, PageRequest, ProbeRequest
from scanmend.workers.server import serve


def probe(request: ProbeRequest) -> EngineStatus:
    """Return whether the engine can be loaded here."""
    name = request.engine
    try:
        info = engine_of(request).info()
    except ScanmendError as error:
        return EngineStatus(name, usable=False, reason=error.what, remedy=error.remedy)
    return EngineStatus(name, usable=True, version=info.version, licensed=not info.evaluation)


if __name__ == "__main__":
    serve(
        {
            ContentsRequest: lambda request, _: contents(request),
            PageRequest: lambda request, _: read_page(request),
            ProbeRequest: lambda request, _: probe(request),
        }
    )
