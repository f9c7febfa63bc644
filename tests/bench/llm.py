"""How fast is input-guided decoding? `make bench-llm MODEL=model.gguf` compares four ways on the same pages.

Without MODEL, a shape: a llama of 118 M parameters whose layers are reckoned, and whose answer is set by hand to
be the truth (``tinygguf.chain``): what is measured then is the speed of decoding, not a model's skill.
"""

import argparse
import itertools
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import psutil
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

import tinygguf
from scanmend.backends import gpu
from scanmend.backends.llm_lifecycle import Model
from scanmend.config.profiles import Profile
from scanmend.config.settings import LlmSettings
from scanmend.llm.decode import PAGE_SHARE, correct
from scanmend.llm.loader import Loaded, load
from scanmend.page import Box, Line
from scanmend.workers.protocol import LoadRequest

TRUTH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
SHAPE = (768, 3072, 12)
LINES = 40
INSTRUCTION = (
    "You correct the output of an OCR engine. Answer with the line, corrected, and nothing else."
)
CONFUSIONS = [
    ("m", "rn"),
    ("d", "cl"),
    ("l", "1"),
    ("o", "0"),
    ("e", "c"),
    ("h", "b"),
    ("n", "u"),
    ("w", "vv"),
]


@dataclass(slots=True)
class Result:
    """One way's sums over all pages."""

    seconds: float = 0.0
    calls: int = 0
    tokens: int = 0
    drafted: int = 0
    agreed: int = 0
    texts: list[str] | None = None


def pages(truth: list[list[str]], rate: float) -> list[list[str]]:
    """The pages as an OCR engine might read them, with about that character error rate."""
    rng = random.Random(5)

    def misread(c: str) -> str:
        known = [b for a, b in CONFUSIONS if a == c]
        return rng.choice([*known, c + c, "", rng.choice("aceionrst")])

    return [["".join(misread(c) if rng.random() < rate else c for c in line) for line in p] for p in truth]  # fmt: skip


def ours(loaded: Loaded, scans: list[list[str]]) -> Result:
    """By ``decode.correct``, on the rung that the model was loaded for."""
    result = Result(texts=[])
    assert result.texts is not None
    for lines in scans:
        started = time.perf_counter()
        proposal = correct(loaded, INSTRUCTION, lines, range(len(lines)), 3600)
        result.seconds += time.perf_counter() - started
        result.calls += proposal.calls
        result.tokens += proposal.tokens
        result.drafted += proposal.drafted
        result.agreed += proposal.agreed
        result.texts += [p.text if p else "" for p in proposal.lines]
    return result


def lookup(path: str, loaded: Loaded, scans: list[list[str]], context: int) -> Result:
    """By llama-cpp-python's own prompt lookup, line by line; its prompt's cache holds what lines share."""
    threads = None
    llama = llama_cpp.Llama(
        path, n_ctx=context, n_batch=context, n_threads=threads, n_threads_batch=threads, verbose=False,
        logits_all=True, draft_model=LlamaPromptLookupDecoding(max_ngram_size=2, num_pred_tokens=10),
    )  # fmt: skip
    result = Result(texts=[])
    assert result.texts is not None
    evaluated = llama.eval

    def counted(tokens: Any) -> None:
        result.calls += 1
        evaluated(tokens)

    llama.eval = counted
    prompt = loaded.prompt(INSTRUCTION)
    for lines in scans:
        room = int(PAGE_SHARE * loaded.context.cells)
        page = loaded.context.tokenize("\n".join(lines).encode())[:room]
        for line in lines:
            tokens = loaded.context.tokenize(line.encode())
            most = int(1.3 * len(tokens)) + 8
            started = time.perf_counter()
            asked = [*prompt.before_lines(page), *prompt.of_line(tokens)]
            written = b""
            for token in itertools.islice(llama.generate(asked, temp=0.0), most):
                result.tokens += 1
                if loaded.context.ends(token):
                    break
                written += loaded.context.piece(token)
            result.seconds += time.perf_counter() - started
            result.texts.append(written.decode(errors="replace"))
    llama.close()
    return result


def life(path: str, context: int, layers: int | None) -> None:
    """What the model's process holds: before the load, loaded, and two seconds after its end."""
    told: list[str] = []
    folder = os.path.dirname(os.path.abspath(path))
    settings = replace(
        LlmSettings(), model=os.path.basename(path), context=context, gpu_layers=layers
    )
    model = Model(settings, folder, lambda state, _: told.append(state))
    line = Line("the modem house", Box(0, 0, 1, 1), 0.9)

    def held() -> str:
        us = psutil.Process()
        resident = sum(p.memory_info().rss for p in [us, *us.children(recursive=True)])
        card = gpu.memory()
        return f"{resident / 2**20:.0f} MiB RSS" + (f", {card.used} MiB on the GPU" if card else "")

    model.propose(
        [line], [0], Profile("warm", INSTRUCTION)
    )  # what the interpreter keeps the first time
    model.idle()
    time.sleep(2)
    before = held()
    model.propose([line], [0], Profile("bench", INSTRUCTION))
    loaded = held()
    model.idle()
    time.sleep(2)
    print(
        f"\nthe model's process: {before} before the load, {loaded} loaded, {held()} two seconds after its end"
    )
    model.close()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", help="a GGUF; none: a shape of 118 M parameters")
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument(
        "--rate", type=float, default=0.02, help="character error rate of the pages"
    )
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--gpu-layers", type=int, default=None)
    parser.add_argument(
        "--text", type=Path, help="a text whose lines are the truth; not with the shape"
    )
    options = parser.parse_args()
    path = options.model
    if path is None:
        path = "var/bench/shape.gguf"
        if not Path(path).exists():
            tinygguf.chain(Path(path), TRUTH.encode(), SHAPE)
        truth = [[TRUTH] * LINES for _ in range(options.pages)]
    else:
        text = options.text or Path(__file__).parents[2] / "README.md"
        lines = [line for line in text.read_text().splitlines() if len(line) > 20]
        truth = [lines[n * LINES : (n + 1) * LINES] for n in range(options.pages)]
    scans = pages(truth, options.rate)
    results = dict(_run(path, scans, options.context, options.gpu_layers))
    flat = [[line for page in document for line in page] for document in (truth, scans)]
    _print(results, flat[0], flat[1], options.pages)
    life(path, options.context, options.gpu_layers)


def _run(
    path: str, scans: list[list[str]], context: int, layers: int | None
) -> Iterator[tuple[str, Result]]:
    methods: dict[str, Callable[[Loaded], Result]] = {
        "greedy": lambda loaded: ours(loaded, scans),
        "single": lambda loaded: ours(loaded, scans),
        "parallel": lambda loaded: ours(loaded, scans),
    }
    loaded = load(LoadRequest(os.fsencode(path), layers, context, method="single"), lambda _: None)
    print(f"{path}: {loaded.info.device}, {loaded.info.gpu_layers} layers on the GPU")
    print("seconds of a batch:", ", ".join(f"{n}: {s:.4f}" for n, s in loaded.curve))
    yield "prompt lookup", lookup(path, loaded, scans, context)
    loaded.context.close()
    for name, run in methods.items():
        loaded = load(LoadRequest(os.fsencode(path), layers, context, method=name), lambda _: None)
        yield f"{name} ({loaded.method})" if loaded.method != name else name, run(loaded)
        loaded.context.close()


def _print(results: dict[str, Result], truth: list[str], scans: list[str], count: int) -> None:
    from rapidfuzz.distance import Levenshtein

    def errors(texts: list[str]) -> float:
        pairs = zip(texts, truth, strict=True)
        return sum(Levenshtein.distance(a, b) for a, b in pairs) / sum(map(len, truth))

    base = results["greedy"]
    print(f"\n{count} pages of {LINES} lines, CER {errors(scans):.4f} as read\n")
    print(
        "| way | seconds a page | tokens/s | calls a page | fewer calls | faster | drafts agreed | same lines as greedy |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, r in results.items():
        same = np.mean([a == b for a, b in zip(r.texts or [], base.texts or [], strict=True)])
        agreed = f"{r.agreed / r.drafted:.2f}" if r.drafted else "-"
        print(
            f"| {name} | {r.seconds / count:.2f} | {r.tokens / r.seconds:.0f} | {r.calls / count:.0f} "
            f"| {base.calls / r.calls:.1f} x | {base.seconds / r.seconds:.2f} x | {agreed} | {same:.3f} |"
        )
    print(f"\nCER after greedy: {errors(base.texts or []):.4f}")


if __name__ == "__main__":
    main()
