"""`make bench-llm MODEL=model.gguf`: measure what judging costs with a model, and that its process frees all memory.

Each page is text that an OCR engine might have misread. The program prints the time of each page, alone with the built-in
corrector and with the model as the judge beside it, then the memory of the processes and of the GPU in cycles of load and end.
"""

import argparse
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from scanmend.backends import gpu
from scanmend.backends.gguf_files import builtin
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import BUILTIN, FAST, THOROUGH, LlmSettings
from scanmend.page import Box, Line, PageProposal

PAGE_CHARACTERS = 2300
PAGE_SECONDS = 3600.0  # time limit for a page
SETTLE_SECONDS = 2  # after which the memory of an ended process is free
PROFILE = Profile("bench")
LOOK_ALIKES = {
    "m": "rn",
    "d": "cl",
    "l": "1",
    "o": "0",
    "e": "c",
    "h": "b",
    "n": "u",
    "w": "vv",
}
Pages = Sequence[Sequence[str]]  # lines by page


def scanned(truth: Pages, rate: float) -> list[list[str]]:
    """Return the pages as an OCR engine might read them, at a character error rate of about ``rate``."""
    rng = random.Random(5)

    def misread(c: str) -> str:
        known = [LOOK_ALIKES[c]] if c in LOOK_ALIKES else []
        return rng.choice([*known, c + c, "", rng.choice("aceionrst")])

    def read(line: str) -> str:
        return "".join(misread(c) if rng.random() < rate else c for c in line)

    return [[read(line) for line in page] for page in truth]


def pages_of(text: str, count: int) -> Iterator[list[str]]:
    """Yield pages of PAGE_CHARACTERS characters, or a little more, of the text's longer lines."""
    page: list[str] = []
    for line in text.splitlines():
        if len(line) > 20:
            page.append(line)
        if sum(map(len, page)) >= PAGE_CHARACTERS:
            yield page
            page, count = [], count - 1
        if not count:
            return


def model_of(path: str, options: argparse.Namespace, effort: str) -> LanguageModel:
    """Return a model file as the daemon uses it."""
    name, folder = os.path.basename(path), os.path.dirname(os.path.abspath(path))
    settings = replace(
        LlmSettings(),
        model=BUILTIN if path == builtin() else name,
        gpu_layers=options.gpu_layers,
        threads=options.threads,
        page_timeout=PAGE_SECONDS,
        effort=effort,
    )
    return LanguageModel(settings, folder, lambda *_: None)


def measure(model: LanguageModel, title: str, pages: Pages) -> None:
    """Print a row for each page. The first page loads the model; it is read twice."""
    for number, texts in enumerate([pages[0], *pages]):
        lines = [Line(text, Box(0, 0, 1, 1), None) for text in texts]
        started, cpu = time.perf_counter(), _cpu_seconds(model)
        proposal = model.propose(lines, range(len(lines)), PROFILE)
        seconds, cpu = time.perf_counter() - started, _cpu_seconds(model) - cpu
        if number:
            characters = sum(map(len, texts))
            edits = _edits(proposal, texts)
            row = (title, characters, f"{seconds:.2f}", f"{cpu:.2f}", proposal.tokens, edits)
            print(f"| {' | '.join(map(str, row))} |")


def _cpu_seconds(model: LanguageModel) -> float:
    """Return the CPU seconds of the model's process so far."""
    if model.pid is None:
        return 0.0
    times = psutil.Process(model.pid).cpu_times()
    return float(times.user + times.system)


def _edits(proposal: PageProposal, texts: Sequence[str]) -> int:
    return sum(
        len(line.divergences or ())
        for line, text in zip(proposal.lines, texts, strict=True)
        if line is not None and line.text != text
    )


def print_memory(model: LanguageModel, cycles: int) -> None:
    """Print the memory of all processes before each load, after it, and two seconds after the model's process ended."""
    line = Line("the modem house", Box(0, 0, 1, 1), 0.9)

    def used() -> str:
        us = psutil.Process()
        resident = sum(p.memory_info().rss for p in [us, *us.children(recursive=True)])
        card = gpu.memory()
        return f"{resident / 2**20:.0f} MiB RSS" + (f", {card.used} MiB on the GPU" if card else "")

    for cycle in range(cycles):
        before = used()
        model.propose([line], [0], PROFILE)
        loaded = used()
        model.idle()
        time.sleep(SETTLE_SECONDS)
        after = f"{used()} {SETTLE_SECONDS} s after its end"
        print(f"cycle {cycle + 1}: {before} before the load, {loaded} loaded, {after}")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("model", help="a GGUF of a language model")
    add("--pages", type=int, default=2)
    add("--rate", type=float, default=0.03, help="character error rate of the pages")
    add("--gpu-layers", type=int, default=None)
    add("--threads", type=int, default=None)
    add("--cycles", type=int, default=3, help="of loading and ending the model's process")
    add("--text", type=Path, help="a text whose lines are the truth; default: scanmend's README")
    options = parser.parse_args()
    text = options.text or Path(__file__).parents[2] / "README.md"
    pages = scanned(list(pages_of(text.read_text(encoding="utf-8"), options.pages)), options.rate)
    print("| model | characters | seconds | CPU seconds | tokens | edits |")
    print("| --- | --- | --- | --- | --- | --- |")
    runs = ((builtin(), THOROUGH), (options.model, FAST), (options.model, THOROUGH))
    for path, effort in runs:
        model = model_of(path, options, effort)
        measure(model, f"{os.path.basename(path)}, {effort}", pages)
        model.idle()
    print()
    print_memory(model, options.cycles)
    model.close()


if __name__ == "__main__":
    main()
