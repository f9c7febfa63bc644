"""Test whether a model counts as knowing a language."""

from collections.abc import Iterator, Sequence

import pytest

from scanmend.llm.judge.known_languages import (
    MAX_SURPRISE_OF_KNOWN_LANGUAGE,
    PLAIN_TEXTS,
    KnownLanguages,
)
from scanmend.llm.judge.scorer import Choice, Likelihood, Passage


class _Scorer:
    """A stand-in for a model that needs so many nats for each byte of a text; None: it does not answer in time."""

    max_tokens = calls = tokens = 0

    def __init__(self, nats: float | None) -> None:
        self.nats = nats
        self.opened = 0

    def count_tokens(self, text: bytes) -> int:
        return len(text)

    def open(self, text: bytes, passages: Sequence[Passage] = ()) -> list[float | None]:
        self.opened += 1
        return [None if self.nats is None else self.nats * (p.end - p.start) for p in passages]

    def batches(
        self, passages: Sequence[Passage], choose: Choice | None = None
    ) -> Iterator[list[tuple[int, list[Likelihood]]]]:
        raise NotImplementedError

    def own_words(self, words: Sequence[tuple[int, str]]) -> list[list[str]]:
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("language", sorted(PLAIN_TEXTS))
def test_a_language_is_tried_once(language: str) -> None:
    languages = KnownLanguages()
    sure, unsure = _Scorer(0.5), _Scorer(1.3)

    assert languages.knows(language, sure)
    assert languages.knows(language, unsure)  # always the same model, so it is not asked again
    assert (sure.opened, unsure.opened) == (1, 0)
    assert not KnownLanguages().knows(language, unsure)


def test_a_language_without_a_text_is_not_tried() -> None:
    scorer = _Scorer(9.0)

    assert KnownLanguages().knows("", scorer)
    assert scorer.opened == 0


def test_a_model_that_does_not_tell_in_time_is_tried_again() -> None:
    languages = KnownLanguages()
    with pytest.raises(TimeoutError):
        languages.knows("en", _Scorer(None))

    assert languages.knows("en", _Scorer(MAX_SURPRISE_OF_KNOWN_LANGUAGE / 2))
