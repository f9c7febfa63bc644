"""`make bench-llm MODEL=model.gguf`: compare the speed of input-guided decoding by four methods on the same pages.

Without MODEL, it uses a llama of 118 M parameters whose layers are all computed, but whose weights make its answer the truth
(``tinygguf.chain``): this measures the speed of decoding, not a model's skill.
"""

import argparse
import itertools
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding
from rapidfuzz.distance import Levenshtein

import tinygguf
from scanmend.backends import gpu
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.llm.loader import LoadedModel, load
from scanmend.llm.page_proposal import PAGE_SHARE, propose_page
from scanmend.page import Box, Line
from scanmend.workers.protocol import LoadRequest

TRUTH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SHAPE = tinygguf.Shape(width=768, deep=3072, idle_layers=12)
PAGE_LINES = 40
PAGE_SECONDS = 3600  # time limit for a page
SETTLE_SECONDS = 2  # after which the memory of an ended process is free
INSTRUCTION = (
    "You correct the output of an OCR engine. Answer with the line, corrected, and nothing else."
)
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
COLUMNS = (
    *("method", "seconds a page", "tokens/s", "calls a page", "fewer calls", "faster"),
    *("drafts agreed", "same lines as greedy"),
)
Pages = Sequence[Sequence[str]]  # lines by page


@dataclass(slots=True)
class Result:
    """The sums of one method over all pages."""

    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    drafted: int = 0
    agreed: int = 0
    texts: list[str] = field(default_factory=list)


def scanned(truth: Pages, rate: float) -> list[list[str]]:
    """Return the pages as an OCR engine might read them, at a character error rate of about ``rate``."""
    rng = random.Random(5)

    def misread(c: str) -> str:
        known = [LOOK_ALIKES[c]] if c in LOOK_ALIKES else []
        return rng.choice([*known, c + c, "", rng.choice("aceionrst")])

    def read(line: str) -> str:
        return "".join(misread(c) if rng.random() < rate else c for c in line)

    return [[read(line) for line in page] for page in truth]


def guided(loaded: LoadedModel, pages: Pages) -> Result:
    """Measure ``propose_page`` by the method for which the model was loaded."""
    result = Result()
    for lines in pages:
        started = time.perf_counter()
        proposal = propose_page(loaded, INSTRUCTION, lines, range(len(lines)), PAGE_SECONDS)
        result.seconds += time.perf_counter() - started
        result.calls += proposal.calls
        result.tokens += proposal.tokens
        result.drafted += proposal.drafted
        result.agreed += proposal.agreed
        result.texts += [p.text if p else "" for p in proposal.lines]
    return result


def prompt_lookup(path: str, loaded: LoadedModel, pages: Pages, cells: int) -> Result:
    """Measure llama-cpp-python's own prompt lookup, line by line; the prompt cache holds the text that lines share."""
    llama = llama_cpp.Llama(
        path,
        n_ctx=cells,
        n_batch=cells,
        verbose=False,
        logits_all=True,
        draft_model=LlamaPromptLookupDecoding(max_ngram_size=2, num_pred_tokens=10),
    )
    result = Result()
    evaluate = llama.eval

    def counted(tokens: Any) -> None:
        result.calls += 1
        evaluate(tokens)

    llama.eval = counted
    context, prompt = loaded.context, loaded.prompt(INSTRUCTION)
    for lines in pages:
        page = context.tokenize("\n".join(lines).encode())[: int(PAGE_SHARE * context.cells)]
        for line in lines:
            tokens = context.tokenize(line.encode())
            limit = int(1.3 * len(tokens)) + 8
            started = time.perf_counter()
            wanted = [*prompt.before_lines(page), *prompt.of_line(tokens)]
            written = b""
            for token in itertools.islice(llama.generate(wanted, temp=0.0), limit):
                result.tokens += 1
                if context.is_end(token):
                    break
                written += context.token_bytes(token)
            result.seconds += time.perf_counter() - started
            result.texts.append(written.decode(errors="replace"))
    llama.close()
    return result


def print_memory(path: str, context: int, layers: int | None) -> None:
    """Print the memory of all processes before the load, after it, and two seconds after the model's process ended."""
    name, folder = os.path.basename(path), os.path.dirname(os.path.abspath(path))
    settings = replace(LlmSettings(), model=name, context=context, gpu_layers=layers)
    model = LanguageModel(settings, folder, lambda *_: None)
    line = Line("the modem house", Box(0, 0, 1, 1), 0.9)

    def used() -> str:
        us = psutil.Process()
        resident = sum(p.memory_info().rss for p in [us, *us.children(recursive=True)])
        card = gpu.memory()
        return f"{resident / 2**20:.0f} MiB RSS" + (f", {card.used} MiB on the GPU" if card else "")

    def unload() -> None:
        model.idle()
        time.sleep(SETTLE_SECONDS)

    # the interpreter keeps some memory of the first load
    model.propose([line], [0], Profile("warm", INSTRUCTION))
    unload()
    before = used()
    model.propose([line], [0], Profile("bench", INSTRUCTION))
    loaded = used()
    unload()
    after = f"{used()} {SETTLE_SECONDS} s after its end"
    print(f"\nthe model's process: {before} before the load, {loaded} loaded, {after}")
    model.close()


def main() -> None:
    """Measure all methods, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("model", nargs="?", help="a GGUF; none: a llama of 118 M parameters")
    add("--pages", type=int, default=2)
    add("--rate", type=float, default=0.02, help="character error rate of the pages")
    add("--context", type=int, default=8192)
    add("--gpu-layers", type=int, default=None)
    add("--text", type=Path, help="a text whose lines are the truth; only with a model")
    options = parser.parse_args()
    path = options.model
    if path is None:
        path = "var/bench/shape.gguf"
        if not Path(path).exists():
            tinygguf.chain(Path(path), TRUTH.encode(), SHAPE)
        truth = [[TRUTH] * PAGE_LINES for _ in range(options.pages)]
    else:
        text = options.text or Path(__file__).parents[2] / "README.md"
        lines = [line for line in text.read_text().splitlines() if len(line) > 20]
        truth = [lines[n * PAGE_LINES : (n + 1) * PAGE_LINES] for n in range(options.pages)]
    pages = scanned(truth, options.rate)
    results = dict(_measured(path, pages, options.context, options.gpu_layers))
    _print_table(results, truth, pages)
    print_memory(path, options.context, options.gpu_layers)


def _measured(
    path: str, pages: Pages, context: int, layers: int | None
) -> Iterator[tuple[str, Result]]:
    """Yield each method's name and result."""
    file = os.fsencode(path)
    loaded = load(LoadRequest(file, layers, context, method="single"), lambda _: None)
    print(f"{path}: {loaded.info.device}, {loaded.info.gpu_layers} layers on the GPU")
    print("seconds of a batch:", ", ".join(f"{n}: {s:.4f}" for n, s in loaded.curve))
    yield "prompt lookup", prompt_lookup(path, loaded, pages, context)
    loaded.context.close()
    for name in ("greedy", "single", "parallel"):
        loaded = load(LoadRequest(file, layers, context, method=name), lambda _: None)
        title = f"{name} ({loaded.method})" if loaded.method != name else name
        yield title, guided(loaded, pages)
        loaded.context.close()


def _print_table(results: dict[str, Result], truth: Pages, pages: Pages) -> None:
    true_lines = [line for page in truth for line in page]

    def cer(texts: Sequence[str]) -> float:
        pairs = zip(texts, true_lines, strict=True)
        return sum(Levenshtein.distance(a, b) for a, b in pairs) / sum(map(len, true_lines))

    base, count = results["greedy"], len(pages)
    before = cer([line for page in pages for line in page])
    print(f"\n{count} pages of {PAGE_LINES} lines, CER {before:.4f} as read\n")
    print(f"| {' | '.join(COLUMNS)} |")
    print("|" + " --- |" * len(COLUMNS))
    for name, r in results.items():
        same = np.mean([a == b for a, b in zip(r.texts, base.texts, strict=True)])
        agreed = f"{r.agreed / r.drafted:.2f}" if r.drafted else "-"
        speed = f"{r.seconds / count:.2f} | {r.tokens / r.seconds:.0f} | {r.calls / count:.0f}"
        gain = f"{base.calls / r.calls:.1f} x | {base.seconds / r.seconds:.2f} x"
        print(f"| {name} | {speed} | {gain} | {agreed} | {same:.3f} |")
    print(f"\nCER after greedy: {cer(base.texts):.4f}")


if __name__ == "__main__":
    main()
