"""Test how many tokens to draft, given the cost of a batch."""

from scanmend.llm.draft_length import batch_seconds, best_length, worth_verifying

FLAT = [(1, 1.0), (4, 1.0), (16, 1.0), (64, 1.1), (256, 2.0)]  # seconds of a batch, as on a GPU
STEEP = [(1, 1.0), (4, 4.0), (16, 16.0), (64, 64.0), (256, 256.0)]


def test_the_cost_curve_decides_how_many_tokens_to_draft() -> None:
    assert best_length(FLAT, [(1, 60, 0.99)]) == 64
    assert best_length(STEEP, [(1, 60, 0.6)]) == 0
    assert best_length(FLAT, [(1, 60, 0.5)]) < 64


def test_tokens_after_a_likely_divergence_are_not_verified() -> None:
    assert worth_verifying(0.5, 64) < 6


def test_several_batches_cost_more_than_one() -> None:
    assert batch_seconds(FLAT, 1000) > batch_seconds(FLAT, 500)
