"""Generate training examples for ever: batches of pairs of OCR text and target."""

import math
import multiprocessing
import queue
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.clean import Prose, lines
from data.noise import Noise, pairs, target
from vocabulary import sequence

MAX_TOKENS = 512  # in a sequence
PADDED_TO = (
    16  # sequences are padded to a multiple of this, so that few shapes are compiled and cached
)
CLEAN_SHARE = 0.42  # share of lines without an error
REAL_SHARE = 0.6  # share of real pairs among the lines with errors
KEPT_CLEAN_SHARE = 0.25  # share of the real pairs without an error that are used
# lines after which the files of real pairs are read again: the renderer may have written more
RELOAD_LINES = 20_000
MEAN_ERRORS, MAX_ERRORS = 0.03, 0.12  # of the noise channel, per character
PADDING = -1
PUT_SECONDS = 5  # interval between checks that the training still runs

Pair = tuple[str, str]  # OCR text, target


@dataclass(frozen=True)
class Sources:
    """The files from which the examples are made."""

    texts: list[Path]
    """Clean text, .xz."""
    pairs: list[Path]
    """Files of real OCR text and truth."""
    fitted: Path
    """The noise channel's fitted counts."""


def examples(sources: Sources, seed: int) -> Iterator[Pair]:
    """Yield pairs of OCR text and target for ever."""
    rng = random.Random(seed)
    prose = Prose(sources.texts)
    noise = Noise(sources.fitted)
    real: list[list[Pair]] = []
    shares: list[float] = []
    for n, line in enumerate(lines(prose, rng)):
        if n % RELOAD_LINES == 0:
            real = [found for file in sources.pairs if (found := _kept_pairs(rng, file))]
            # by the square root of the number: otherwise examples of a small file would be repeated too often
            shares = [math.sqrt(len(found)) for found in real]
        if rng.random() < CLEAN_SHARE:
            yield line, line
        elif real and rng.random() < REAL_SHARE:
            yield rng.choice(rng.choices(real, shares)[0])
        else:
            rate = min(MAX_ERRORS, rng.expovariate(1 / MEAN_ERRORS))
            ocr = noise.apply(rng, line, rate)
            yield ocr, target(ocr, line)


def _kept_pairs(rng: random.Random, file: Path) -> list[Pair]:
    return [(a, b) for a, b in pairs(file) if a != b or rng.random() < KEPT_CLEAN_SHARE]


def batches(sources: Sources, seed: int, tokens: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield batches of about ``tokens`` tokens: (sequences, padded length) int16 of sequences of similar length."""
    waiting: dict[int, list[list[int]]] = {}  # rows by padded length
    for ocr, truth in examples(sources, seed):
        row = sequence(ocr, truth)
        length = -(-len(row) // PADDED_TO) * PADDED_TO
        if length > MAX_TOKENS:
            continue
        rows = waiting.setdefault(length, [])
        rows.append(row)
        if len(rows) == tokens // length:
            batch = np.full((len(rows), length), PADDING, np.int16)
            for n, done in enumerate(rows):
                batch[n, : len(done)] = done
            yield batch
            rows.clear()


def produce(out: Any, sources: Sources, seed: int, tokens: int) -> None:
    """Put batches into the queue ``out``, in a separate process, until the parent process ends."""
    parent = multiprocessing.parent_process()
    for batch in batches(sources, seed, tokens):
        while parent and parent.is_alive():
            try:
                out.put(batch, timeout=PUT_SECONDS)
                break
            except queue.Full:
                continue
        else:
            return
