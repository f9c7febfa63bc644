"""Train the corrector, a small byte-level llama that rewrites a line of OCR text.

    python train.py --data SHARED_DATA --out FOLDER --minutes 75 [--more manuals.txt.xz] [--pairs rapidocr.jsonl]

A sequence is ``<OCR line> SEP <true line> EOS``; the loss counts the tokens after SEP. Checkpoints are written every few minutes
and at the end, and an interrupted training resumes from the last one. CPU and GPU use bf16 autocast. Muon (Jordan et al. 2024)
trains the layers, AdamW the embedding and the output.
"""

import argparse
import json
import math
import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.nn import functional

from architecture import SIZES, Corrector
from data.clean import files_of
from data.noise import fit, pairs
from examples import PADDING, Pair, Sources, produce
from greedy import correct
from vocabulary import SEP

CHECKPOINT_SECONDS = 240.0  # interval of checkpoints, from which a training can resume
KEEP_SECONDS = 900.0  # interval of models that are kept and evaluated
LOG_STEPS = 50
WARM_UP_STEPS = 300
LAST_RATE_SHARE = 0.02  # last learning rate, as a share of the highest
MAX_GRADIENT_NORM = 1.0
QUEUED_BATCHES = 32
BATCH_SECONDS = 600  # limit for the wait for a batch, since its producer may have been killed
FIRST_SEED = 1000
DEV_LINES = 64
DEV_MARGINS = (0.0, 2.0)  # nats


def loss_of(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the cross entropy (nats) of the tokens after SEP; ``batch``: (sequences, tokens), PADDING at the ends."""
    inputs, targets = batch[:, :-1].clamp(min=0), batch[:, 1:].clone()
    after_sep = (inputs == SEP).cumsum(1) > 0
    targets[~after_sep] = PADDING
    logits = model(inputs)
    loss: Tensor = functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten().long(), ignore_index=PADDING
    )
    return loss


class Training:
    """A training run: the model, its optimizers, and its progress."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Start from scratch, from ``options.start``, or from the checkpoint of an interrupted training."""
        self.options = options
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.manual_seed(1)
        self.model = Corrector(SIZES[options.size]).to(self.device)
        self.optimizers = self._optimizers()
        self.step = 0
        self.seen_tokens = 0
        self.spent_seconds = 0.0
        self.checkpoint = options.out / "checkpoint.pt"
        if self.checkpoint.exists():
            self._resume()
        elif options.start:
            saved = torch.load(options.start, map_location=self.device, weights_only=True)
            self.model.load_state_dict(saved["model"])
        compiles = options.compile or self.device == "cuda"
        self._forward: Any = torch.compile(self.model, dynamic=True) if compiles else self.model

    def _optimizers(self) -> list[Any]:
        inner = [p for p in self.model.blocks.parameters() if p.dim() > 1]
        inner_ids = set(map(id, inner))
        outer = [p for p in self.model.parameters() if id(p) not in inner_ids]
        rate = self.options.rate
        return [
            torch.optim.Muon(inner, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(outer, lr=rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]

    def _resume(self) -> None:
        saved = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self.step = saved["step"]
        self.seen_tokens = saved["seen"]
        self.spent_seconds = saved["spent"]

    def learn(self, batch: Tensor, rate: float) -> float:
        """Take one step; return its loss (nats)."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        with torch.autocast(self.device, torch.bfloat16):
            loss = loss_of(self._forward, batch.to(self.device))
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_GRADIENT_NORM)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.seen_tokens += int((batch != PADDING).sum())
        return float(loss.item())

    def rate(self, now: float) -> float:
        """Return the learning rate after ``now`` seconds: warm-up by steps, then a cosine by the clock."""
        warm = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        done = min(1.0, now / (self.options.minutes * 60))
        cosine = 0.5 * (1 + math.cos(math.pi * done))
        full = float(self.options.rate)
        return full * warm * (LAST_RATE_SHARE + (1 - LAST_RATE_SHARE) * cosine)

    def save(self, now: float) -> None:
        """Write a checkpoint, atomically, from which the training can resume."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "shape": asdict(self.model.shape),
            "step": self.step,
            "seen": self.seen_tokens,
            "spent": now,
        }
        half = self.checkpoint.with_suffix(".tmp")
        torch.save(state, half)
        half.replace(self.checkpoint)

    def keep(self) -> None:
        """Write only the weights, to a separate file."""
        path = self.options.out / f"model-{self.step:06}.pt"
        torch.save({"model": self.model.state_dict(), "shape": asdict(self.model.shape)}, path)


def dev_figures(model: Corrector, dev: Sequence[Pair]) -> dict[str, float]:
    """Return the character error rate before and after correction, and the share of clean lines that were changed."""
    ocr = [line for line, _ in dev]
    figures = {"before": _cer(ocr, dev)}
    for margin in DEV_MARGINS:
        corrected = correct(model, ocr, margin)
        clean = [a != b for a, (line, b) in zip(corrected, dev, strict=True) if line == b]
        figures[f"cer_{margin:.0f}"] = _cer(corrected, dev)
        figures[f"touched_{margin:.0f}"] = sum(clean) / max(1, len(clean))
    return {name: round(value, 4) for name, value in figures.items()}


def _cer(texts: Sequence[str], dev: Sequence[Pair]) -> float:
    errors = sum(Levenshtein.distance(a, b) for a, (_, b) in zip(texts, dev, strict=True))
    return errors / sum(len(b) for _, b in dev)


def train(options: argparse.Namespace) -> None:
    """Train for ``options.minutes`` minutes."""
    options.out.mkdir(parents=True, exist_ok=True)
    newspapers = options.data / "post-ocr" / "overproof-train.jsonl.gz"
    texts = files_of(options.data, options.more)
    sources = Sources(texts, [newspapers, *options.pairs], options.out / "noise.json")
    if not sources.fitted.exists():
        fit(sources.pairs, sources.fitted)
    dev_pairs = pairs(options.data / "post-ocr" / "overproof-dev.jsonl.gz")
    dev = random.Random(5).sample(list(dev_pairs), DEV_LINES)
    training = Training(options)
    context = multiprocessing.get_context("spawn")
    queued = context.Queue(QUEUED_BATCHES)
    given = (queued, sources, FIRST_SEED + training.step, options.batch)
    producer = context.Process(target=produce, args=given, daemon=True)
    producer.start()
    now = _train_until_the_end(training, queued, dev)
    training.save(now)
    training.keep()
    log(step=training.step, **dev_figures(training.model, dev))
    producer.terminate()


def _train_until_the_end(training: Training, queued: Any, dev: Sequence[Pair]) -> float:
    """Train on the queued batches; return the seconds spent in all, earlier runs included."""
    begun = saved = kept = time.monotonic()
    losses: list[float] = []
    now = training.spent_seconds
    while now < training.options.minutes * 60:
        batch = torch.from_numpy(queued.get(timeout=BATCH_SECONDS)).long()
        losses.append(training.learn(batch, training.rate(now)))
        now = training.spent_seconds + time.monotonic() - begun
        if training.step % LOG_STEPS == 0:
            log(
                step=training.step,
                seconds=round(now),
                bytes=training.seen_tokens,
                rate=training.rate(now),
                loss=float(np.mean(losses)),
            )
            losses = []
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            training.save(now)
            saved = time.monotonic()
        if time.monotonic() - kept > KEEP_SECONDS:
            training.keep()
            log(step=training.step, **dev_figures(training.model, dev))
            kept = time.monotonic()
    return now


def log(**figures: float) -> None:
    """Print figures as a line of JSON."""
    print(json.dumps(figures), flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="books.txt.xz, novels-*, law-*, post-ocr/")
    add("--more", type=Path, nargs="*", default=[], help="other clean text, .xz")
    add("--pairs", type=Path, nargs="*", default=[], help="pairs that render wrote, .jsonl")
    add("--out", type=Path, required=True)
    add("--start", type=Path, help="a checkpoint whose weights are the beginning")
    add("--minutes", type=float, default=75)
    add("--size", choices=SIZES, default="small")
    add("--batch", type=int, default=8192, help="tokens")
    add("--rate", type=float, default=1.5e-3, help="learning rate")
    add("--threads", type=int, default=2)
    add("--compile", action="store_true", help="on a CPU too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    train(options)


if __name__ == "__main__":
    main()
