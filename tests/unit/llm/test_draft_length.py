"""Test how many tokens to draft, given what the calls of the decoder cost."""

from scanmend.llm.draft_length import best_length, call_cost, worth_verifying
from scanmend.llm.llama_batch import BATCH_TOKENS


def test_the_expected_agreement_decides_how_many_tokens_to_draft() -> None:
    assert best_length([(1, 60, 0.99)]) >= 16
    assert best_length([(1, 60, 0.1)]) <= 1
    assert best_length([(1, 0, 0.99)]) == 0


def test_tokens_after_a_likely_divergence_are_not_verified() -> None:
    assert worth_verifying(0.5, 64) < 6


def test_several_calls_cost_more_than_one() -> None:
    one, several = call_cost(BATCH_TOKENS), call_cost(2 * BATCH_TOKENS)

    assert several == 2 * one
    assert call_cost(1) < call_cost(BATCH_TOKENS)
