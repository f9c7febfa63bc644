"""Trains the corrector: a small byte-level llama that writes a line of OCR text anew.

    python train.py --data SHARED_DATA --out FOLDER --minutes 60 [--size small|large]

A sequence is ``<OCR line> SEP <true line> EOS``; the loss is on what follows SEP. Checkpoints are written every
few minutes and at the end, and an interrupted training goes on from the last one. bf16 autocast on CPU and GPU.
"""

import argparse
import json
import math
import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from data.clean import Prose, lines
from data.noise import Noise, fit, pairs

SEP, EOS, WORDS = 257, 258, 259  # 256 is the merge that llama.cpp's tokenizer asks for, and never occurs
LONGEST = 250  # tokens of a sequence
CLEAN = 0.42  # share of lines without an error
SAVE_EVERY = 240.0  # seconds
LOG_EVERY = 50  # steps


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
        q, k, v = (f(x).view(b, t, self.heads, -1).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = (_turned(y, cos[:t], sin[:t]) for y in (q, k))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
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


def examples(folder: Path, fitted: Path, seed: int, real: float) -> Iterator[tuple[str, str]]:
    """Pairs for ever; a share ``real`` of the noisy ones from old newspapers."""
    rng = random.Random(seed)
    files = [folder / f"{n}.txt.xz" for n in ("books", "novels-de", "novels-es", "novels-fr", "law-de", "law-fr")]
    prose = Prose([f for f in files if f.exists()], 12_000_000)
    noise = Noise(fitted)
    old = list(pairs(folder / "post-ocr" / "overproof-train.jsonl.gz"))
    for line in lines(prose, rng):
        if rng.random() < CLEAN:
            yield line, line
        elif rng.random() < real:
            yield rng.choice(old)
        else:
            rate = min(0.15, rng.expovariate(1 / 0.025))
            yield noise.apply(rng, line, rate), line


def batches(folder: Path, fitted: Path, seed: int, tokens: int) -> Iterator[np.ndarray[Any, Any]]:
    """Batches of about ``tokens`` tokens, of sequences of similar length, padded with -1."""
    pool: list[list[int]] = []
    rng = random.Random(seed)
    for ocr, truth in examples(folder, fitted, seed, 0.15):
        row = sequence(ocr, truth)
        if len(row) <= LONGEST:
            pool.append(row)
        if len(pool) == 4000:
            pool.sort(key=len)
            groups: list[list[list[int]]] = [[]]
            for row in pool:
                if groups[-1] and (len(groups[-1]) + 1) * len(row) > tokens:
                    groups.append([])
                groups[-1].append(row)
            rng.shuffle(groups)
            for group in groups:
                out = np.full((len(group), max(map(len, group))), -1, np.int16)
                for n, row in enumerate(group):
                    out[n, : len(row)] = row
                yield out
            pool = []


def _produce(queue: Any, folder: Path, fitted: Path, seed: int, tokens: int) -> None:
    for batch in batches(folder, fitted, seed, tokens):
        queue.put(batch)


def loss_of(model: nn.Module, batch: Tensor) -> Tensor:
    """Cross entropy of what follows SEP."""
    inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:].clone()
    after = (inputs == SEP).cumsum(1) > 0
    targets[~after] = -1
    logits = model(inputs)
    return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten().long(), ignore_index=-1)


# training -------------------------------------------------------------------------------------------


def train(options: argparse.Namespace) -> None:
    """Until the minutes are over; the schedule follows the clock."""
    options.out.mkdir(parents=True, exist_ok=True)
    fitted = options.out / "noise.json"
    if not fitted.exists():
        fit(options.data / "post-ocr" / "overproof-train.jsonl.gz", fitted)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)
    shape = SIZES[options.size]
    model = Corrector(shape).to(device)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    other = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.05}, {"params": other, "weight_decay": 0.0}],
        lr=options.rate, betas=(0.9, 0.98),
    )  # fmt: skip
    checkpoint = options.out / "checkpoint.pt"
    step, seen, spent = 0, 0, 0.0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, seen, spent = saved["step"], saved["seen"], saved["spent"]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(64)
    maker = context.Process(
        target=_produce, args=(queue, options.data, fitted, 1000 + step, options.batch), daemon=True
    )
    maker.start()
    begun, saved_at, losses = time.monotonic(), time.monotonic(), []
    total = options.minutes * 60
    run = torch.compile(model) if device == "cuda" else model
    while True:
        now = spent + time.monotonic() - begun
        if now >= total:
            break
        warm = min(1.0, (step + 1) / 300)
        rate = options.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * now / total)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.from_numpy(queue.get()).long().to(device)
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(run, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        seen += int((batch >= 0).sum())
        if step % LOG_EVERY == 0:
            said = {"step": step, "seconds": round(now), "bytes": seen, "rate": rate, "loss": float(np.mean(losses))}
            print(json.dumps(said), flush=True)
            losses = []
        if time.monotonic() - saved_at > SAVE_EVERY:
            save(checkpoint, model, optimizer, step, seen, spent + time.monotonic() - begun)
            saved_at = time.monotonic()
    save(checkpoint, model, optimizer, step, seen, spent + time.monotonic() - begun)
    maker.terminate()


def save(
    path: Path, model: Corrector, optimizer: Any, step: int, seen: int, spent: float
) -> None:
    """All that is needed to go on; never a half file."""
    state = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "shape": asdict(model.shape),
        "step": step, "seen": seen, "spent": spent,
    }  # fmt: skip
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="books.txt.xz, novels-*, law-*, post-ocr/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--batch", type=int, default=8192, help="tokens")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
