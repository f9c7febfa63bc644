"""Define the corrector's network: a small llama, in PyTorch."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

import vocabulary

NORM_EPSILON = 1e-5
INITIAL_DEVIATION = 0.02  # standard deviation of the initial weights


@dataclass(frozen=True)
class Shape:
    """The dimensions of the network."""

    width: int = 256
    layers: int = 6
    heads: int = 8
    deep: int = 704
    """Width of the feed-forward part."""
    rope: float = 10_000.0
    """Base of the rotary positions' frequencies."""
    context: int = 1024
    """Maximum of tokens in a sequence."""


SIZES = {"small": Shape(), "large": Shape(512, 8, 16, 1408)}


class Attention(nn.Module):
    """Causal attention with rotary positions on pairs of adjacent values, as in llama.cpp's llama."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, shape.width, bias=False)
        self.v = nn.Linear(shape.width, shape.width, bias=False)
        self.o = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return (batch, tokens, width) for ``x`` of that shape; ``cos`` and ``sin``: (positions, head width / 2)."""
        batch, tokens, width = x.shape
        q, k, v = (
            project(x).view(batch, tokens, self.heads, -1).transpose(1, 2)
            for project in (self.q, self.k, self.v)
        )
        q, k = (_rotated(y, cos[:tokens], sin[:tokens]) for y in (q, k))
        if x.is_cuda:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:  # on a CPU, its backward pass would take longer than the rest of the model
            later = torch.ones(tokens, tokens, dtype=torch.bool, device=x.device).triu(1)
            scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
            y = scores.masked_fill(later, -torch.inf).softmax(-1).type_as(v) @ v
        out: Tensor = self.o(y.transpose(1, 2).reshape(batch, tokens, width))
        return out


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return ``x`` with each pair of neighbouring values rotated by its position's angle."""
    even, odd = x[..., 0::2], x[..., 1::2]
    rotated = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    out: Tensor = rotated.flatten(-2).type_as(x)
    return out


class Block(nn.Module):
    """One layer: attention and a gated feed-forward part."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.attention = Attention(shape)
        self.deep_norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.gate = nn.Linear(shape.width, shape.deep, bias=False)
        self.up = nn.Linear(shape.width, shape.deep, bias=False)
        self.down = nn.Linear(shape.deep, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return (batch, tokens, width); the parameters are those of ``Attention``."""
        x = x + self.attention(self.attention_norm(x), cos, sin)
        y = self.deep_norm(x)
        out: Tensor = x + self.down(functional.silu(self.gate(y)) * self.up(y))
        return out


class Corrector(nn.Module):
    """The complete network."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(vocabulary.SIZE, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.out = nn.Linear(shape.width, vocabulary.SIZE, bias=False)
        size = shape.width // shape.heads
        frequencies = 1.0 / shape.rope ** (torch.arange(0, size, 2) / size)
        angles = torch.outer(torch.arange(shape.context), frequencies)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for part in self.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=INITIAL_DEVIATION)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits (batch, tokens, vocabulary) of each token's successor, for (batch, tokens)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        out: Tensor = self.out(self.norm(x))
        return out


def from_checkpoint(path: Path) -> Corrector:
    """Return the network of a checkpoint, on the CPU, for inference."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = Corrector(Shape(**saved["shape"]))
    model.load_state_dict(saved["model"])
    model.eval()
    return model
