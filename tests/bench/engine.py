"""`make bench-engine`: measure each choice that makes RapidOCR fast in scanmend against its alternatives.

    python -m bench.engine [DATA_DIR] [--kinds KIND ...] [--pages N] [--only NAME ...] [--json FILE]

The pages are receipts and typed pages (the magazine page among them) with their truth. One thread in a process for each
core reads a page in every way before the next page, so that a machine that becomes slower slows all ways alike. A way
that needs a package which scanmend does not use (onnxruntime; nncf for int8) is left out if it is not installed.
"""

import argparse
import builtins
import importlib
import importlib.util
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from PIL import Image

from bench.peers_ways import ONE_THREAD
from bench.quality import Score, find, kind_of, score
from bench.results import Results, Row, table

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
KINDS = ("receipts", "isri-unlv")
BLANK = "blank"
SHIPPED = "as it is"
CALIBRATION = "form-funsd"  # kind of the pages for calibration, which the scores leave out

Way = Callable[[], Any]  # returns a context manager, within which pages are read in this way
Measured = tuple[str, str, float, Score]  # way, path, CPU seconds, score


def ways() -> dict[str, Way]:
    """Return the ways of reading by name, for the process that reads."""
    found: dict[str, Way] = {SHIPPED: ExitStack}
    for side in (960, 1280, 1600, 2000):
        found[f"detector sees {side} pixels, whatever the page"] = partial(
            _looks, all_lines=_always(side)
        )
    for pixels in (14, 16, 24, 28):
        found[f"detector sees lines {pixels} pixels high"] = partial(_looks, LINE_HEIGHT_PX=pixels)
    found["nothing kept of the first look"] = partial(_looks, MIN_FOUND_SHARE=0)
    for size in (1, 16):
        found[f"lines recognised {size} at a time, not 6"] = partial(_line_models, BATCH_LINES=size)
    found["lines recognised in reading order, not by width"] = partial(_line_models, create=True, sorted=_as_is)  # fmt: skip
    found["grey made three channels, not colour"] = partial(_rapid, as_bgr=_grey)
    found["no look whether the page is blank"] = _not_blank
    found["OpenVINO in f32"] = _loaded({"INFERENCE_PRECISION_HINT": "f32"})
    found["OpenVINO for throughput"] = _loaded({"PERFORMANCE_HINT": "THROUGHPUT"})
    if importlib.util.find_spec("onnxruntime"):
        found["onnxruntime, one thread"] = _onnxruntime(arena=False)
        found["onnxruntime, one thread, memory kept in its arena"] = _onnxruntime(arena=True)
    if importlib.util.find_spec("nncf"):
        found["OpenVINO, int8 by NNCF"] = _int8()
    return found


@contextmanager
def _rapid(**changes: Any) -> Iterator[None]:
    from scanmend.ocr.engines import rapid

    with patch.multiple(rapid, **changes):
        yield


@contextmanager
def _line_models(create: bool = False, **changes: Any) -> Iterator[None]:
    from scanmend.ocr import line_models

    with patch.multiple(line_models, create=create, **changes):
        yield


def _as_is(items: Any, key: Any = None) -> list[Any]:
    return list(items) if isinstance(items, range) else builtins.sorted(items, key=key)


def _grey(image: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.asarray(image.convert("L").convert("RGB")))


@contextmanager
def _looks(**changes: Any) -> Iterator[None]:
    from scanmend.ocr import detection

    with patch.multiple(detection, **changes):
        yield


def _always(side: int) -> Any:
    """Return a stand-in for ``detection.all_lines``: a single pass at this size for every page."""
    from scanmend.ocr.detection import _detect

    return lambda detector, pixels, _first: _detect(detector, pixels, side)


@contextmanager
def _not_blank() -> Iterator[None]:
    from scanmend.ocr import page_reader

    with patch.object(page_reader, "MIN_PAGE_CONTRAST", -1):
        yield


def _loaded(settings: dict[str, str]) -> Way:
    """Return a way whose models are compiled with these settings of OpenVINO."""
    from rapidocr.inference_engine.openvino import main as runtime

    from scanmend.ocr import line_models

    plain = runtime.CPUConfig.get_config
    with patch.object(runtime.CPUConfig, "get_config", lambda self: {**plain(self), **settings}):
        return _models(line_models._models.__wrapped__())


def _onnxruntime(arena: bool) -> Way:
    from rapidocr import RapidOCR
    from rapidocr.utils.typings import EngineType

    from scanmend.ocr import detection, line_models, rapidocr_internals

    made = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Det.engine_type": EngineType.ONNXRUNTIME,
            "Rec.engine_type": EngineType.ONNXRUNTIME,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": arena,
            "Det.limit_type": "max",
            "Det.limit_side_len": detection.MAX_FINE_SIDE_PX,
            "Det.box_thresh": line_models.MIN_LINE_PROBABILITY,
        }
    )
    detector, recogniser = made._load_det_model(), made._load_rec_model()
    characters = tuple(recogniser.postprocess_op.character)
    return _models(rapidocr_internals.Models(detector, recogniser, characters))


def _int8() -> Way:
    """Return a way whose models are quantized after training and calibrated on the pages of CALIBRATION."""
    import openvino

    from scanmend.ocr import line_models

    nncf: Any = importlib.import_module("nncf")  # not a dependency of scanmend
    models = line_models._models.__wrapped__()
    both = models.detector, models.recogniser
    plain = [model.session for model in both]
    seen: list[list[Any]] = [[], []]

    def noted(number: int, batch: Any) -> Any:
        seen[number].append(batch.copy())
        return plain[number](batch)

    for number, model in enumerate(both):
        model.session = partial(noted, number)
    with _models(models)():
        for path in find(str(DATA), CALIBRATION)[:4]:
            score((path, "rapidocr", ("en",)))
    for model, session, inputs in zip(both, plain, seen, strict=True):
        small = nncf.quantize(session.unchecked.model, nncf.Dataset(inputs[::2]))
        request = openvino.Core().compile_model(small, "CPU", {"INFERENCE_NUM_THREADS": 1}).create_infer_request()  # fmt: skip
        model.session = partial(_infer, request)
    return _models(models)


def _infer(request: Any, batch: Any) -> Any:
    request.infer(inputs=[batch])
    return request.get_output_tensor().data


def _models(models: Any) -> Way:
    @contextmanager
    def way() -> Iterator[None]:
        from scanmend.ocr import line_models

        with patch.object(line_models, "_models", lambda: models):
            yield

    return way


def read(job: tuple[int, str, Sequence[str]]) -> list[Measured]:
    """Read one page in every way, in a process of the pool. The first way changes from page to page."""
    number, path, only = job
    found = list(_ready(tuple(only)).items())
    first = number % len(found)
    _timed(ExitStack, path)  # not counted: the first reading of a page takes longer
    return [(name, path, *_timed(way, path)) for name, way in found[first:] + found[:first]]


_made: dict[str, Way] = {}


def _ready(only: Sequence[str]) -> dict[str, Way]:
    if not _made:
        _made.update({n: w for n, w in ways().items() if n == SHIPPED or not only or n in only})
    return _made


def _timed(way: Way, path: str) -> tuple[float, Score]:
    with way():
        begun = time.process_time()
        _, found = score((path, "rapidocr", ("en",)))
        return time.process_time() - begun, found


def warm(path: str, only: Sequence[str]) -> None:
    """Load all models, and read a page in each way."""
    os.environ.update(ONE_THREAD)
    read((0, path, only))


def rows(told: Sequence[Measured], kinds: Sequence[str]) -> list[Row]:
    """Return a row for each way and kind; the ratio is that of the sums of CPU seconds over all pages."""
    found: list[Row] = []
    for kind in kinds:
        seconds: dict[str, float] = {}
        for name in dict.fromkeys([SHIPPED, *sorted(name for name, *_ in told)]):
            mine = [(cpu, one) for n, path, cpu, one in told if n == name and kind_of(path) == kind]
            if not mine:
                continue
            seconds[name] = sum(cpu for cpu, _ in mine)
            whole = sum((one for _, one in mine), Score())
            found.append(
                {
                    "kind": kind,
                    "way": name,
                    "pages": f"{len(mine)}",
                    "CPU s a page": seconds[name] / len(mine),
                    "against as it is": seconds[name] / seconds[SHIPPED],
                    "word F1": whole.f1,
                    "CER": whole.cer,
                }
            )
    return found


def blanks(home: str) -> list[str]:
    """Write empty sheets (A4 at 300 dpi) and their empty truths. Return the paths."""
    os.mkdir(os.path.join(home, BLANK))
    paths = [os.path.join(home, BLANK, f"{n}.png") for n in range(4)]
    for path in paths:
        Image.new("RGB", (2480, 3508), (250, 250, 248)).save(path)
        Path(path).with_suffix(".gt.txt").touch()
    return paths


def _load(env: dict[str, str], path: str, gate: Any) -> None:
    os.environ.update(env)
    score((path, "rapidocr", ("en",)))
    gate.wait()


def processes(paths: Sequence[str]) -> list[Row]:
    """Measure two processes of one thread against one of two, in turn, by the wall clock."""
    found: dict[str, list[float]] = {}
    for _ in range(2):
        for count, threads in ((2, 1), (1, 2)):
            env = {**ONE_THREAD, "SCANMEND_THREADS": f"{threads}", "OMP_NUM_THREADS": f"{threads}"}
            env["OMP_THREAD_LIMIT"] = f"{threads}"
            context = multiprocessing.get_context("spawn")
            gate = context.Barrier(count + 1)
            with context.Pool(count, _load, (env, paths[0], gate)) as pool:
                gate.wait()
                jobs = [(path, "rapidocr", ("en",)) for path in paths]
                begun = time.monotonic()
                pool.map(score, jobs, 1)
                name = f"{count} process(es) of {threads} thread(s)"
                found.setdefault(name, []).append(len(jobs) / (time.monotonic() - begun))
    return [{"way": name, "pages/s": statistics.mean(speeds)} for name, speeds in found.items()]


def main() -> None:
    """Measure, print the figures and write them."""
    parser = argparse.ArgumentParser(description="what makes RapidOCR quick here")
    parser.add_argument("data", nargs="?", default=str(DATA))
    parser.add_argument("--kinds", nargs="*", default=KINDS, help="of pages, as bench.quality names them")  # fmt: skip
    parser.add_argument("--pages", type=int, help="of each kind, at most")
    parser.add_argument("--only", nargs="*", default=[], help="ways, besides what is shipped")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    paths = [path for kind in options.kinds for path in find(options.data, kind)[: options.pages]]
    if not paths:
        raise SystemExit(f"{options.data}: no receipts and no typed pages with their truth there")
    cores = len(os.sched_getaffinity(0))
    told: list[Measured] = []
    with (
        TemporaryDirectory() as home,
        multiprocessing.get_context("spawn").Pool(cores, warm, (paths[0], options.only)) as pool,
    ):
        given = [*paths, *blanks(home)]
        for page in pool.imap_unordered(
            read, [(n, path, options.only) for n, path in enumerate(given)]
        ):
            told += page
    found = rows(told, [*options.kinds, BLANK])
    print("\n".join(table(found)), flush=True)
    beside = processes(paths[-16:])
    print("\n".join(["", *table(beside)]))
    if options.json:
        Results("engine", "RapidOCR, way by way", [*found, *beside]).write(options.json)


if __name__ == "__main__":
    main()
