"""Find out which languages a model knows: one that does not know a page's language must not judge its words."""

import functools
from collections.abc import Callable, Mapping

from scanmend.correction.channel import Nats
from scanmend.llm.judge.text_scorer import TextScorer
from scanmend.llm.llama_context import LlamaContext

# Nats for each character of a plain text, on average. SmolLM2, an English model, needs 0.64 for English, and 1.15 to 1.39 for
# German, Spanish and French; Gemma 3 270M needs 0.54 to 0.77 for the four.
MAX_SURPRISE_OF_KNOWN_LANGUAGE: Nats = 0.95
WORDS_BEFORE = 4  # words that are not counted: a model does not know yet which language will follow

_PLAIN_TEXTS: Mapping[str, str] = {
    "en": "The committee met again on Tuesday to consider the letter. It was decided that the road to the station should be "
    "repaired before the winter, and that the owners of the houses must pay a part of the cost.",
    "de": "Der Ausschuss kam am Dienstag wieder zusammen, um den Brief zu besprechen. Es wurde beschlossen, die Straße zum "
    "Bahnhof noch vor dem Winter auszubessern, und die Besitzer der Häuser müssen einen Teil der Kosten tragen.",
    "es": "La comisión se reunió de nuevo el martes para examinar la carta. Se decidió que el camino de la estación debía "
    "repararse antes del invierno y que los dueños de las casas pagarían una parte de los gastos.",
    "fr": "La commission s'est réunie de nouveau mardi pour examiner la lettre. Il fut décidé que le chemin de la gare serait "
    "réparé avant l'hiver et que les propriétaires des maisons paieraient une partie des frais.",
}

Surprise = Callable[[bytes, int], Nats]
"""Returns the surprise of a model at a text from a byte on: minus the logarithm of its probability."""


class KnownLanguages:
    """The languages that a model knows. Each is tried when it is first needed, which takes as long as two lines of a page."""

    def __init__(self, surprise: Surprise) -> None:
        """Ask this model."""
        self._surprise = surprise
        self._known: dict[str, bool] = {}

    def __contains__(self, language: str) -> bool:
        """Return whether the model knows a language; True for one that can't be tried. Raises ChildError when it fails."""
        if language not in _PLAIN_TEXTS:
            return True
        if language not in self._known:
            text = _PLAIN_TEXTS[language]
            start = len(" ".join(text.split()[:WORDS_BEFORE]))
            surprise = self._surprise(text.encode(), len(text[:start].encode()) + 1)
            self._known[language] = surprise / (len(text) - start) <= MAX_SURPRISE_OF_KNOWN_LANGUAGE
        return self._known[language]


@functools.lru_cache(1)
def languages_of(context: LlamaContext) -> KnownLanguages:
    """Return the languages of the model of this context, which a trial leaves empty."""

    def surprise(text: bytes, start: int) -> Nats:
        with TextScorer(context) as scorer:
            return scorer.open(text, [(start, len(text))])[0]

    return KnownLanguages(surprise)
