"""Trains the corrector: a small byte-level llama that writes a line of OCR text anew.

    python train.py --data SHARED_DATA --out FOLDER --minutes 75 [--more manuals.txt.xz] [--pairs rapidocr.jsonl]

A sequence is ``<OCR line> SEP <true line> EOS``; the loss is on what follows SEP. Checkpoints are written every
few minutes and at the end, and an interrupted training goes on from the last one. bf16 autocast on CPU and GPU.
"""

import argparse
import json
import math
import multiprocessing
import queue
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn import functional

from data.clean import Prose, files_of, lines
from data.noise import Noise, fit, pairs, wanted
from greedy import EOS, SEP, WORDS, correct

LONGEST = 512  # tokens of a sequence
ROUND = 16  # sequences are padded to a multiple: few shapes are compiled and cached
CLEAN = 0.42  # share of lines without an error
REAL = 0.6  # share of the noisy lines that are real pairs
SAME = 0.25  # share of the real pairs without an error that is kept
RELOAD = 20_000  # lines
LEVEL, MOST = 0.03, 0.12  # errors a character: mean and most
SAVE_EVERY, KEEP_EVERY = 240.0, 900.0  # seconds: checkpoints to go on from, models to look at later
LOG_EVERY = 50  # steps
DEV_LINES = 64


@dataclass(frozen=True)
class Shape:
    """Of the model."""

    width: int = 256
    layers: int = 6
    heads: int = 8
    deep: int = 704
    rope: float = 10_000.0
    context: int = 1024


SIZES = {"small": Shape(), "large": Shape(512, 8, 16, 1408)}


class Attention(nn.Module):
    """Causal attention with rotary positions on neighbouring pairs, as llama.cpp's llama has them."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q, self.k, self.v, self.o = (
            nn.Linear(shape.width, shape.width, bias=False) for _ in range(4)
        )

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (
            f(x).view(b, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v)
        )
        q, k = (_turned(y, cos[:t], sin[:t]) for y in (q, k))
        if x.is_cuda:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:  # its backward pass on a CPU takes longer than all the rest of the model
            later = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
            likely = (q @ k.transpose(-1, -2) * (d // self.heads) ** -0.5).masked_fill(
                later, -torch.inf
            )
            y = likely.softmax(-1).type_as(v) @ v
        out: Tensor = self.o(y.transpose(1, 2).reshape(b, t, d))
        return out


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    return turned.flatten(-2).type_as(x)


class Block(nn.Module):
    """Attention and a gated feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=1e-5)
        self.attention = Attention(shape)
        self.deep_norm = nn.RMSNorm(shape.width, eps=1e-5)
        self.gate = nn.Linear(shape.width, shape.deep, bias=False)
        self.up = nn.Linear(shape.width, shape.deep, bias=False)
        self.down = nn.Linear(shape.deep, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin)
        y = self.deep_norm(x)
        out: Tensor = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return out


class Corrector(nn.Module):
    """The model; logits for each token's successor."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(WORDS, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=1e-5)
        self.out = nn.Linear(shape.width, WORDS, bias=False)
        size = shape.width // shape.heads
        turn = 1.0 / shape.rope ** (torch.arange(0, size, 2) / size)
        angles = torch.outer(torch.arange(shape.context), turn)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for part in self.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        out: Tensor = self.out(self.norm(x))
        return out


# examples -------------------------------------------------------------------------------------------


def sequence(ocr: str, truth: str) -> list[int]:
    """The tokens of a pair."""
    return [*ocr.encode(), SEP, *truth.encode(), EOS]


@dataclass(frozen=True)
class Sources:
    """Where examples come from. ``pairs``: files of real OCR text and truth."""

    texts: list[Path]
    pairs: list[Path]
    fitted: Path


def examples(sources: Sources, seed: int) -> Iterator[tuple[str, str]]:
    """Pairs of OCR text and target for ever."""
    rng = random.Random(seed)
    prose = Prose(sources.texts)
    noise = Noise(sources.fitted)
    real: list[list[tuple[str, str]]] = []
    for n, line in enumerate(lines(prose, rng)):
        if n % RELOAD == 0:  # the renderer may have written more
            real = [found for file in sources.pairs if (found := _worth(rng, file))]
            shares = [math.sqrt(len(found)) for found in real]  # small ones would wear out
        if rng.random() < CLEAN:
            yield line, line
        elif real and rng.random() < REAL:
            yield rng.choice(rng.choices(real, shares)[0])
        else:
            ocr = noise.apply(rng, line, min(MOST, rng.expovariate(1 / LEVEL)))
            yield ocr, wanted(ocr, line)


def _worth(rng: random.Random, file: Path) -> list[tuple[str, str]]:
    return [(a, b) for a, b in pairs(file) if a != b or rng.random() < SAME]


def batches(sources: Sources, seed: int, tokens: int) -> Iterator[np.ndarray[Any, Any]]:
    """Batches of about ``tokens`` tokens, of sequences of similar length, padded with -1."""
    pool: dict[int, list[list[int]]] = {}
    for ocr, truth in examples(sources, seed):
        row = sequence(ocr, truth)
        wide = -(-len(row) // ROUND) * ROUND
        if wide > LONGEST:
            continue
        waiting = pool.setdefault(wide, [])
        waiting.append(row)
        if len(waiting) == tokens // wide:
            out = np.full((len(waiting), wide), -1, np.int16)
            for n, done in enumerate(waiting):
                out[n, : len(done)] = done
            yield out
            waiting.clear()


def _produce(out: Any, sources: Sources, seed: int, tokens: int) -> None:
    parent = multiprocessing.parent_process()
    for batch in batches(sources, seed, tokens):
        while parent and parent.is_alive():
            try:
                out.put(batch, timeout=5)
                break
            except queue.Full:
                continue
        else:
            return


def loss_of(model: nn.Module, batch: Tensor) -> Tensor:
    """Cross entropy of what follows SEP."""
    inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:].clone()
    after = (inputs == SEP).cumsum(1) > 0
    targets[~after] = -1
    logits = model(inputs)
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten().long(), ignore_index=-1
    )


# training -------------------------------------------------------------------------------------------


class Run:
    """A training: the model, its optimizer, and how far they are."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(1)
        self.model = Corrector(SIZES[options.size]).to(self.device)
        inner = [p for p in self.model.blocks.parameters() if p.dim() > 1]
        held = set(map(id, inner))
        outer = [p for p in self.model.parameters() if id(p) not in held]
        self.optimizers = [
            torch.optim.Muon(
                inner, lr=options.rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(outer, lr=options.rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.step, self.seen, self.spent = 0, 0, 0.0
        self.checkpoint = options.out / "checkpoint.pt"
        if self.checkpoint.exists():
            saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
            for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(state)
            self.step, self.seen, self.spent = saved["step"], saved["seen"], saved["spent"]
        elif options.start:
            saved = torch.load(options.start, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
        self.run: Any = (
            torch.compile(self.model, dynamic=True)
            if options.compile or self.device == "cuda"
            else self.model
        )

    def learn(self, batch: Tensor, rate: float) -> float:
        """One step; the loss."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        with torch.autocast(self.device, torch.bfloat16):
            loss = loss_of(self.run, batch.to(self.device))
        self.model.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.seen += int((batch >= 0).sum())
        return loss.item()

    def rate(self, now: float) -> float:
        """Of learning: warm-up by steps, then a cosine by the clock."""
        warm = min(1.0, (self.step + 1) / 300)
        share = min(1.0, now / (self.options.minutes * 60))
        return float(
            self.options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        )

    def save(self, now: float) -> None:
        """All that is needed to go on; never a half file."""
        state = {
            "model": self.model.state_dict(), "optimizers": [o.state_dict() for o in self.optimizers], "shape": asdict(self.model.shape),
            "step": self.step, "seen": self.seen, "spent": now,
        }  # fmt: skip
        half = self.checkpoint.with_suffix(".tmp")
        torch.save(state, half)
        half.replace(self.checkpoint)

    def keep(self) -> None:
        """The weights alone, for later."""
        path = self.options.out / f"model-{self.step:06}.pt"
        torch.save({"model": self.model.state_dict(), "shape": asdict(self.model.shape)}, path)


def dev_figures(model: Corrector, dev: list[tuple[str, str]]) -> dict[str, float]:
    """Character error rate before and after, and the share of clean lines that are touched."""
    out = {"before": _cer([ocr for ocr, _ in dev], dev)}
    for margin in (0.0, 2.0):
        said = correct(model, [ocr for ocr, _ in dev], margin)
        clean = [a != b for a, (ocr, b) in zip(said, dev, strict=True) if ocr == b]
        out[f"cer_{margin:.0f}"] = _cer(said, dev)
        out[f"touched_{margin:.0f}"] = sum(clean) / max(1, len(clean))
    return {name: round(value, 4) for name, value in out.items()}


def _cer(said: list[str], dev: list[tuple[str, str]]) -> float:
    wrong = sum(Levenshtein.distance(a, b) for a, (_, b) in zip(said, dev, strict=True))
    return wrong / sum(len(b) for _, b in dev)


def train(options: argparse.Namespace) -> None:
    """Until the minutes are over; the schedule follows the clock."""
    options.out.mkdir(parents=True, exist_ok=True)
    old = options.data / "post-ocr" / "overproof-train.jsonl.gz"
    sources = Sources(
        files_of(options.data, options.more), [old, *options.pairs], options.out / "noise.json"
    )
    if not sources.fitted.exists():
        fit(sources.pairs, sources.fitted)
    dev = random.Random(5).sample(
        list(pairs(options.data / "post-ocr" / "overproof-dev.jsonl.gz")), DEV_LINES
    )
    training = Run(options)
    context = multiprocessing.get_context("spawn")
    made = context.Queue(32)
    maker = context.Process(
        target=_produce, args=(made, sources, 1000 + training.step, options.batch), daemon=True
    )
    maker.start()
    begun, saved, kept, losses = time.monotonic(), time.monotonic(), time.monotonic(), []
    now = training.spent
    while now < options.minutes * 60:
        batch = torch.from_numpy(made.get(timeout=600)).long()  # its maker may have been killed
        losses.append(training.learn(batch, training.rate(now)))
        now = training.spent + time.monotonic() - begun
        if training.step % LOG_EVERY == 0:
            say(
                step=training.step,
                seconds=round(now),
                bytes=training.seen,
                rate=training.rate(now),
                loss=float(np.mean(losses)),
            )
            losses = []
        if time.monotonic() - saved > SAVE_EVERY:
            training.save(now)
            saved = time.monotonic()
        if time.monotonic() - kept > KEEP_EVERY:
            training.keep()
            say(step=training.step, **dev_figures(training.model, dev))
            kept = time.monotonic()
    training.save(now)
    training.keep()
    say(step=training.step, **dev_figures(training.model, dev))
    maker.terminate()


def say(**figures: float) -> None:
    """A line of the log."""
    print(json.dumps(figures), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="books.txt.xz, novels-*, law-*, post-ocr/"
    )
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="other clean text, .xz")
    parser.add_argument(
        "--pairs", type=Path, nargs="*", default=[], help="pairs that render wrote, .jsonl"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a checkpoint whose weights are the beginning")
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--batch", type=int, default=8192, help="tokens")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="on a CPU too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train(options)


if __name__ == "__main__":
    main()
