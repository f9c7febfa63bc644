"""What a batch costs on this model and this machine, and how far ahead it pays to draft.

On a GPU, or with a large model, 64 tokens cost about as much as one, since the weights are read once; with a
small model on a CPU they cost as much as a dozen. So it is measured, once for a model.
"""

import bisect
import time
from collections.abc import Sequence

from scanmend.llm.llama_context import BATCH, Context, Entry

SIZES = (1, 4, 16, 64, 256)
ENOUGH = 3.0  # seconds of measuring
LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64)  # of drafts; longer ones gain nothing above 0.5 % errors

Curve = list[tuple[int, float]]  # tokens in a batch, seconds; rising
# Of a small model by one thread, in tokens: a batch costs its own and three more (0.4 ms and 0.15 for each). Not
# measured at each load, beside busy OCR: what the measurement got wrong made a page take twice as long.
ONE_THREAD: Curve = [(1, 4.0), (BATCH, BATCH + 3.0)]


def measure(context: Context) -> Curve:
    """The curve of a loaded model; its memory is empty afterwards."""
    curve: Curve = []
    started = time.monotonic()
    token = context.end
    for size in (SIZES[0], *SIZES):  # the first call sets things up, and does not count
        if size > context.cells:
            break
        context.clear()
        begun = time.perf_counter()
        context.decode([Entry(token, place, 0, -1) for place in range(size)])
        curve.append((size, time.perf_counter() - begun))
        if time.monotonic() - started > ENOUGH and len(curve) > 2:
            break
    context.clear()
    return curve[1:]


def cost(curve: Curve, tokens: int) -> float:
    """Seconds of a batch of that many tokens, between and beyond the measured ones in a straight line."""
    whole, rest = divmod(tokens, BATCH)
    if whole:
        return whole * cost(curve, BATCH - 1) + (cost(curve, rest) if rest else 0.0)
    sizes = [size for size, _ in curve]
    right = min(max(1, bisect.bisect_left(sizes, tokens)), len(curve) - 1)
    (x0, y0), (x1, y1) = curve[right - 1], curve[right]
    return max(1e-9, y0 + (y1 - y0) * (tokens - x0) / (x1 - x0))


def ahead(trust: float, length: int) -> int:
    """How many tokens of a draft are worth verifying: up to where hardly any is still agreed to."""
    reached, count = trust, 0
    while count < length and reached > 0.05:
        reached *= trust
        count += 1
    return count


def choose(curve: Curve, lines: Sequence[tuple[int, int, float]]) -> int:
    """The draft length that yields the most tokens a second.

    ``lines``: for each the tokens that go in anyway, the length of its draft, and the share of draft tokens
    that the model agrees with, lately.
    """

    def rate(length: int) -> float:
        batch = gain = 0.0
        for fixed, draft, trust in lines:
            count = ahead(trust, min(length, draft))
            batch += fixed + count
            gain += (1 - trust ** (count + 1)) / (1 - trust)
        return gain / cost(curve, int(batch))

    return max(LENGTHS, key=rate)
