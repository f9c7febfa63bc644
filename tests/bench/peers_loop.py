"""Run one reader in a loop in N processes: a program that takes a job as JSON and answers with times as JSON.

    python peers_loop.py < JOB

For the peers it imports nothing of scanmend, so that it also runs in their virtual environment. It reads the job from
one line. Each process loads its reader and reads the warm-up pages. Then the program writes ``ready``, waits for the line
``go``, writes the time at which each item ended (by the monotonic clock), and reads to the end of the input. The caller
measures from ``ready`` to these times.
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

Item = tuple[str, int]  # file, index of a page
Reader = Callable[[str, int], object]


def ours(job: dict[str, Any]) -> Reader:
    """Return a reader by scanmend's engine, with scanmend's own opening and turning of the page."""
    from scanmend.ocr.engines.base import UprightPage
    from scanmend.ocr.engines.factory import EngineChoice, load
    from scanmend.ocr.line_models import LineModels
    from scanmend.ocr.orientation import upright
    from scanmend.ocr.pages import open_page
    from scanmend.workers.protocol import PageRequest

    engine = load(EngineChoice(job["engine"], ("en",)))

    def read(path: str, number: int) -> object:
        request = PageRequest(
            os.fsencode(path), number, job["engine"], ("en",), 300, True, "auto", 200_000_000
        )
        page = open_page(request)
        image = page.image
        assert image is not None
        if job["rotate"]:
            return engine.read(upright(image, page.dpi, LineModels()))
        return engine.read(UprightPage(image, page.dpi))

    return read


def library(_job: dict[str, Any]) -> Reader:
    """Return RapidOCR with its defaults: ``RapidOCR()(image)``."""
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.log_level": "error"})
    return lambda path, _number: engine(path)


def ocrmypdf(job: dict[str, Any]) -> Reader:
    """Return OCRmyPDF's own call, as its watcher makes it: one process, one file after the other."""
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
    """Run the body of a process; release the other processes if it fails."""
    try:
        turns(job, next_item, gate, moments)
    except BaseException:
        gate.abort()
        moments.put(None)
        raise


def turns(job: dict[str, Any], next_item: Any, gate: Any, moments: Any) -> None:
    """Read the warm-up pages, wait for the start, then read one item after the other."""
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
    """Run one job."""
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
