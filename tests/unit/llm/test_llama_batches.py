"""Test how tokens are divided into batches."""

import pytest

from scanmend.llm.llama_batch import BATCH_TOKENS, BatchToken, batches_of


@pytest.mark.parametrize(
    ("predicting", "max_predictions", "sizes"),
    [
        ([], 4, []),
        ([False] * 600, 4, [BATCH_TOKENS, 600 - BATCH_TOKENS]),
        ([True] * 10, 4, [4, 4, 2]),
        ([True, True, False, False, True], 2, [4, 1]),
        ([False] * 3, 1, [3]),
    ],
)
def test_a_batch_has_a_limit_of_tokens_and_of_predictions(
    predicting: list[bool], max_predictions: int, sizes: list[int]
) -> None:
    tokens = [BatchToken(n, n, 0, predict=p) for n, p in enumerate(predicting)]

    batches = list(batches_of(tokens, max_predictions))

    assert [len(batch) for batch in batches] == sizes
    assert [token for batch in batches for token in batch] == tokens
