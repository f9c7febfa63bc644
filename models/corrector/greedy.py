"""Correct many lines at once in PyTorch by greedy decoding, with the OCR text as the draft.

Each pass of the model verifies the drafts of all lines. A line takes the part of its draft that the model agrees with, and the
model's own byte after it. Its next draft continues after the prefix of the OCR text that is nearest to the answer so far, by
edit distance.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from vocabulary import EOS, SEP

# an answer has at most MAX_GROWTH * bytes of the line + SPARE_BYTES bytes
MAX_GROWTH, SPARE_BYTES = 1.3, 8
MAX_PASSES = 60


class _Line:
    """A line that is being corrected."""

    def __init__(self, ocr: bytes) -> None:
        self.ocr = ocr
        self.written: list[int] = []
        # edit distances between the answer so far and each prefix of the OCR text
        self.distances = list(range(len(ocr) + 1))
        self.done = False

    def draft(self) -> list[int]:
        """Return the tokens that are expected to follow."""
        least = min(self.distances)
        at = max(n for n, d in enumerate(self.distances) if d == least)
        return [*self.ocr[at:], EOS]

    def write(self, token: int) -> None:
        """Append a token; EOS or an excessive length ends the line."""
        if token == EOS or len(self.written) > MAX_GROWTH * len(self.ocr) + SPARE_BYTES:
            self.done = True
            return
        self.written.append(token)
        # the next row of the edit distance's table (Wagner and Fischer 1974)
        old = self.distances
        row = [old[0] + 1]
        for n, byte in enumerate(self.ocr):
            row.append(min(old[n] + (byte != token), old[n + 1] + 1, row[n] + 1))
        self.distances = row


def correct(model: nn.Module, texts: Sequence[str], margin: float = 0.0) -> list[str]:
    """Return the lines as corrected by the model.

    The model's byte must be more probable than the draft's by ``margin`` nats; otherwise the draft's byte is taken.
    """
    lines = [_Line(text.encode()) for text in texts]
    with torch.no_grad():
        for _ in range(MAX_PASSES):
            in_work = [line for line in lines if not line.done]
            if not in_work:
                break
            _one_pass(model, in_work, margin)
    return [bytes(b for b in line.written if b < 256).decode(errors="replace") for line in lines]


def _one_pass(model: nn.Module, lines: Sequence[_Line], margin: float) -> None:
    drafts = [line.draft() for line in lines]
    rows = [[*x.ocr, SEP, *x.written, *d[:-1]] for x, d in zip(lines, drafts, strict=True)]
    batch = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    for n, row in enumerate(rows):
        batch[n, : len(row)] = torch.tensor(row)
    log_probabilities = model(batch).float().log_softmax(-1)
    for n, (line, draft) in enumerate(zip(lines, drafts, strict=True)):
        begin = len(line.ocr) + len(line.written)
        _verify(line, draft, log_probabilities[n, begin : begin + len(draft)], margin)


def _verify(line: _Line, draft: Sequence[int], log_probabilities: Any, margin: float) -> None:
    """Write the draft up to the first byte that the model rejects, and the model's own byte in its place.

    ``log_probabilities`` has the shape (draft, vocabulary) and is in nats.
    """
    best = log_probabilities.max(-1)
    leads = (best.values - log_probabilities[range(len(draft)), draft]).tolist()
    for expected, own, lead in zip(draft, best.indices.tolist(), leads, strict=True):
        chosen = own if lead > margin else expected
        line.write(chosen)
        if chosen != expected or line.done:
            return
