"""Weigh the replacements of a word by what the OCR engine saw, where it reports alternatives for its characters."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scanmend.correction import ctc
from scanmend.correction.lexicon import FrequencyClass
from scanmend.llm.judge.doubtful_words import DoubtfulWord, normal_form
from scanmend.llm.judge.replacement import MAX_COST, Replacement, ReplacementSource, bits
from scanmend.llm.judge.word_search import WordSearch
from scanmend.llm.suspect_search import only_adds
from scanmend.page import CharAlternatives

MIN_CLASS_OF_ENGINES_WORD: FrequencyClass = 2  # of a word that the engine's alternatives spell


def engine_doubts(word: DoubtfulWord, alternatives: Sequence[CharAlternatives] | None) -> bool:
    """Return whether the engine was not sure of a word's characters; True if it reports no alternatives."""
    return alternatives is None or any(word.start <= a.at <= word.end for a in alternatives)


def as_engine_saw(
    word: DoubtfulWord,
    replacements: Sequence[Replacement],
    line: str,
    alternatives: Sequence[CharAlternatives],
) -> list[Replacement]:
    """Return the replacements with the costs that follow from the engine's alternatives (``correction.ctc``).

    Those that the engine rules out are left out, since the gate would reject them. It can't rule out that it lost a letter.
    """
    texts = [r.text for r in replacements]
    ratios = ctc.log_likelihood_ratios(alternatives, word.start, word.end, line, texts)
    return [
        replace(r, cost=-ratio) if ratio > ctc.MIN_LOG_RATIO else r
        for r, ratio in zip(replacements, ratios, strict=True)
        if ratio > ctc.MIN_LOG_RATIO or only_adds(word.read, r.text)
    ]


def spelled_by_engine(
    word: DoubtfulWord, line: str, alternatives: Sequence[CharAlternatives], search: WordSearch
) -> Iterator[Replacement]:
    """Yield the known words that the engine's alternatives spell."""
    for text in ctc.readings(alternatives, word.start, word.end, line):
        frequency = search.frequency(normal_form(text)) if text.isalpha() else 0
        if frequency >= MIN_CLASS_OF_ENGINES_WORD and normal_form(text) != normal_form(word.read):
            yield Replacement(text, MAX_COST, bits(frequency), ReplacementSource.ENGINE)
