"""Choose how many tokens of a draft to verify in one call, by the cost of a batch with this model on this machine.

On a GPU, or with a large model, a batch of 64 tokens costs about as much as one token, since the weights are read once;
with a small model on a CPU it costs as much as a dozen. So the cost is measured, once for each model.
"""

import bisect
import time
from collections.abc import Sequence

from scanmend.llm.llama_context import BATCH_TOKENS, BatchToken, LlamaContext

MEASURED_BATCHES = (1, 4, 16, 64, 256)  # tokens
MAX_MEASURING_SECONDS = 3.0  # then the larger batches are left out
DRAFT_LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64)  # tokens; longer drafts gain nothing above 0.5 % errors
# A token is not worth verifying if all tokens before it agree with a lower probability than this.
MIN_ALL_AGREE = 0.05

CostCurve = list[tuple[int, float]]  # tokens in a batch, seconds; ascending
# A small model on one thread, in units of one token's time: a batch costs as much as its tokens and three more (0.4 ms,
# and 0.15 ms for each token). This is not measured at each load: beside busy OCR, a wrong measurement doubled a page's time.
ONE_THREAD: CostCurve = [(1, 4.0), (BATCH_TOKENS, BATCH_TOKENS + 3.0)]


def measured_curve(context: LlamaContext) -> CostCurve:
    """Return the cost curve of a loaded model; its KV cache is empty afterwards."""
    curve: CostCurve = []
    started = time.monotonic()
    token = context.end_token
    warm_up = MEASURED_BATCHES[0]  # the first call also initialises llama.cpp, so it is not counted
    for size in (warm_up, *MEASURED_BATCHES):
        if size > context.cells:
            break
        context.clear()
        begun = time.perf_counter()
        context.decode([BatchToken(token, n, 0, predict=True) for n in range(size)])
        curve.append((size, time.perf_counter() - begun))
        if time.monotonic() - started > MAX_MEASURING_SECONDS and len(curve) > 2:
            break
    context.clear()
    return curve[1:]


def batch_seconds(curve: CostCurve, tokens: int) -> float:
    """Return the seconds that a batch takes, linearly interpolated; beyond BATCH_TOKENS, those of several batches."""
    full_batches, remainder = divmod(tokens, BATCH_TOKENS)
    if full_batches:
        full = batch_seconds(curve, BATCH_TOKENS - 1)
        return full_batches * full + (batch_seconds(curve, remainder) if remainder else 0.0)
    sizes = [size for size, _ in curve]
    right = min(max(1, bisect.bisect_left(sizes, tokens)), len(curve) - 1)
    (x0, y0), (x1, y1) = curve[right - 1], curve[right]
    return max(1e-9, y0 + (y1 - y0) * (tokens - x0) / (x1 - x0))


def worth_verifying(agreement: float, length: int) -> int:
    """Return how many of ``length`` draft tokens are worth verifying, if each agrees with probability ``agreement``."""
    all_agree, count = agreement, 0
    while count < length and all_agree > MIN_ALL_AGREE:
        all_agree *= agreement
        count += 1
    return count


def best_length(curve: CostCurve, lines: Sequence[tuple[int, int, float]]) -> int:
    """Return the draft length that is expected to yield the most tokens a second.

    ``lines``: for each line, the number of its pending tokens, the length of its draft, and the share of recent draft
    tokens that the model agreed with (0 to 1, exclusive).
    """

    def tokens_per_second(length: int) -> float:
        batch = expected = 0.0
        for pending, draft, agreement in lines:
            count = worth_verifying(agreement, min(length, draft))
            batch += pending + count
            # a geometric series up to the first token that disagrees
            expected += (1 - agreement ** (count + 1)) / (1 - agreement)
        return expected / batch_seconds(curve, int(batch))

    return max(DRAFT_LENGTHS, key=tokens_per_second)
