"""Greedy correction in PyTorch, many lines at once, with the OCR text as the draft.

Each pass of the model verifies the drafts of all lines; a line takes the agreed beginning and the model's own
byte after it, and drafts on behind the place of the OCR text that what is written comes closest to. ``margin``:
nats by which the model's byte must beat the draft's; else the draft's is taken.
"""

import torch
from torch import nn

SEP, EOS, WORDS = (
    257,
    258,
    259,
)  # 256 is the merge that llama.cpp's tokenizer asks for, and never occurs
GROWTH, SPARE, ROUNDS = 1.3, 8, 60


class _Line:
    """A line in work. ``row``: distance of what is written to each beginning of the OCR text."""

    def __init__(self, ocr: bytes) -> None:
        self.ocr = ocr
        self.written: list[int] = []
        self.row = list(range(len(ocr) + 1))
        self.done = False

    def draft(self) -> list[int]:
        """What is expected to come."""
        least = min(self.row)
        at = max(n for n, d in enumerate(self.row) if d == least)
        return [*self.ocr[at:], EOS]

    def write(self, token: int) -> None:
        """One token more."""
        if token == EOS or len(self.written) > GROWTH * len(self.ocr) + SPARE:
            self.done = True
            return
        self.written.append(token)
        row = [self.row[0] + 1]
        for n, byte in enumerate(self.ocr):
            row.append(min(self.row[n] + (byte != token), self.row[n + 1] + 1, row[n] + 1))
        self.row = row


@torch.no_grad()
def correct(model: nn.Module, texts: list[str], margin: float = 0.0) -> list[str]:
    """The lines as the model writes them."""
    lines = [_Line(text.encode()) for text in texts]
    for _ in range(ROUNDS):
        open_lines = [line for line in lines if not line.done]
        if not open_lines:
            break
        drafts = [line.draft() for line in open_lines]
        rows = [[*x.ocr, SEP, *x.written, *d[:-1]] for x, d in zip(open_lines, drafts, strict=True)]
        batch = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
        for n, row in enumerate(rows):
            batch[n, : len(row)] = torch.tensor(row)
        scores = model(batch).float().log_softmax(-1)
        for n, (line, draft) in enumerate(zip(open_lines, drafts, strict=True)):
            begin = len(line.ocr) + len(line.written)
            _verify(line, draft, scores[n, begin : begin + len(draft)], margin)
    return [bytes(b for b in line.written if b < 256).decode(errors="replace") for line in lines]


def _verify(line: _Line, draft: list[int], scores: torch.Tensor, margin: float) -> None:
    own = scores.argmax(-1).tolist()
    lead = (scores.max(-1).values - scores[range(len(draft)), draft]).tolist()
    for token, mine, more in zip(draft, own, lead, strict=True):
        chosen = mine if more > margin else token
        line.write(chosen)
        if chosen != token or line.done:
            return
