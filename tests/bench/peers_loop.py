"""A reader in a loop in N processes, nothing else. Run as a program: a job as JSON in, moments as JSON out.

    python peers_loop.py < JOB

It imports nothing of scanmend for the peers, so that it runs in their virtual environment too. The order:
the job's line in, each process loads and reads the pages to warm up, ``ready`` out, ``go`` in, the
moments out (monotonic), end of file in. Between ``ready`` and the end the caller measures.
"""

import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

Item = tuple[str, int]  # a file, and its page
Reader = Callable[[str, int], object]


def ours(job: dict[str, Any]) -> Reader:
    """The engine's own object of scanmend, after scanmend's own opening and righting of the page."""
    from scanmend.ocr.engines.base import Upright, load
    from scanmend.ocr.orientation import upright
    from scanmend.ocr.pages import open_page
    from scanmend.workers.protocol import PageRequest

    engine = load(job["engine"], ("en",), None, False)

    def read(path: str, number: int) -> object:
        request = PageRequest(
            os.fsencode(path), number, job["engine"], ("en",), 300, True, "auto", 200_000_000
        )
        page = open_page(request)
        image = page.image
        assert image is not None
        return engine.read(upright(image, page.dpi) if job["rotate"] else Upright(image, page.dpi))

    return read


def library(_job: dict[str, Any]) -> Reader:
    """RapidOCR as it comes: ``RapidOCR()(image)``."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})
    return lambda path, _number: engine(path)


def ocrmypdf(job: dict[str, Any]) -> Reader:
    """OCRmyPDF's own call, as its watcher makes it: one process, one file after the other."""
    import logging

    import ocrmypdf as peer

    logging.disable()
    home = tempfile.mkdtemp(dir=job["folder"])

    def read(path: str, _number: int) -> object:
        stem = os.path.join(home, os.path.basename(path))
        out = "-" if job["options"].get("output_type") == "none" else f"{stem}.out.pdf"
        code = peer.ocr(path, out, sidecar=f"{stem}.txt", progress_bar=False, **job["options"])
        assert code == 0, f"ocrmypdf: {path}: {code!r}"
        return code

    return read


READERS = {"ours": ours, "library": library, "ocrmypdf": ocrmypdf}


def work(job: dict[str, Any], next_item: Any, gate: Any, moments: Any) -> None:
    """The body of each process."""
    try:
        turns(job, next_item, gate, moments)
    except BaseException:
        gate.abort()
        moments.put(None)
        raise


def turns(job: dict[str, Any], next_item: Any, gate: Any, moments: Any) -> None:
    """Warm up, wait, then take one item after the other."""
    read = READERS[job["reader"]](job)
    for item in job["warm"]:
        read(*item)
    gate.wait()
    gate.wait()
    while True:
        with next_item.get_lock():
            number = next_item.value
            next_item.value += 1
        if number >= len(job["items"]):
            return
        read(*job["items"][number])
        moments.put((number, time.monotonic()))


def main() -> None:
    """One job."""
    job = json.loads(sys.stdin.readline())
    context = multiprocessing.get_context("spawn")
    next_item = context.Value("i", 0)
    gate, moments = context.Barrier(job["processes"] + 1), context.SimpleQueue()
    processes = [
        context.Process(target=work, args=(job, next_item, gate, moments))
        for _ in range(job["processes"])
    ]
    for process in processes:
        process.start()
    gate.wait(120)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    gate.wait()
    ended = list(itertools.islice(iter(moments.get, None), len(job["items"])))
    assert len(ended) == len(job["items"]), "a process failed; it says above why"
    print(json.dumps({"began": began, "ended": sorted(ended)}), flush=True)
    sys.stdin.readline()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
