"""Choose how many tokens of a draft to verify in one call of the decoder."""

from collections.abc import Sequence

from scanmend.llm.llama_batch import BATCH_TOKENS

DRAFT_LENGTHS = (0, 1, 2, 4, 8, 16, 32, 64)  # tokens; longer drafts gain nothing above 0.5 % errors
# A token is not worth verifying if all tokens before it agree with a lower probability than this.
MIN_ALL_AGREE = 0.05
# A call of the small corrector on one thread costs as much as its tokens and so many more (0.4 ms, and 0.15 ms for each token).
TOKENS_OF_A_CALL = 3


def call_cost(tokens: int) -> int:
    """Return what the calls for so many tokens cost, in units of one token's time."""
    calls = -(-tokens // BATCH_TOKENS)
    return tokens + TOKENS_OF_A_CALL * max(1, calls)


def worth_verifying(agreement: float, length: int) -> int:
    """Return how many of ``length`` draft tokens are worth verifying, if each agrees with probability ``agreement``."""
    all_agree, count = agreement, 0
    while count < length and all_agree > MIN_ALL_AGREE:
        all_agree *= agreement
        count += 1
    return count


def best_length(lines: Sequence[tuple[int, int, float]]) -> int:
    """Return the draft length that is expected to yield the most tokens for their cost.

    ``lines``: for each line, the number of its pending tokens, the length of its draft, and the share of recent draft
    tokens that the model agreed with (0 to 1, exclusive).
    """

    def tokens_by_cost(length: int) -> float:
        batch = expected = 0.0
        for pending, draft, agreement in lines:
            count = worth_verifying(agreement, min(length, draft))
            batch += pending + count
            # a geometric series up to the first token that disagrees
            expected += (1 - agreement ** (count + 1)) / (1 - agreement)
        return expected / call_cost(int(batch))

    return max(DRAFT_LENGTHS, key=tokens_by_cost)
