"""Find out which languages a model knows: one that does not know a page's language must not judge its words."""

from collections.abc import Mapping

from scanmend.correction.channel import Nats
from scanmend.llm.judge.scorer import Passage, Scorer

# Nats for each character of a plain text, on average. SmolLM2, an English model, needs 0.64 for English, and 1.15 to 1.39 for
# German, Spanish and French; Gemma 3 270M needs 0.54 to 0.77 for the four.
MAX_SURPRISE_OF_KNOWN_LANGUAGE: Nats = 0.95
WORDS_BEFORE = 4  # words that are not counted: a model does not know yet which language will follow

PLAIN_TEXTS: Mapping[str, str] = {
    "en": "The committee met again on Tuesday to consider the letter. It was decided that the road to the station should be "
    "repaired before the winter, and that the owners of the houses must pay a part of the cost.",
    "de": "Der Ausschuss kam am Dienstag wieder zusammen, um den Brief zu besprechen. Es wurde beschlossen, die Straße zum "
    "Bahnhof noch vor dem Winter auszubessern, und die Besitzer der Häuser müssen einen Teil der Kosten tragen.",
    "es": "La comisión se reunió de nuevo el martes para examinar la carta. Se decidió que el camino de la estación debía "
    "repararse antes del invierno y que los dueños de las casas pagarían una parte de los gastos.",
    "fr": "La commission s'est réunie de nouveau mardi pour examiner la lettre. Il fut décidé que le chemin de la gare serait "
    "réparé avant l'hiver et que les propriétaires des maisons paieraient une partie des frais.",
}


class KnownLanguages:
    """The languages that a model knows. Each is tried when it is first needed, which takes as long as two lines of a page."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, bool] = {}

    def knows(self, language: str, scorer: Scorer) -> bool:
        """Return whether the model of ``scorer``, always the same, knows a language; True for one that can't be tried.

        The scorer holds no text afterwards. Raises as ``Scorer.open``.
        """
        if language not in PLAIN_TEXTS:
            return True
        if language not in self._known:
            text = PLAIN_TEXTS[language]
            words = len(" ".join(text.split()[:WORDS_BEFORE])) + 1
            start, encoded = len(text[:words].encode()), text.encode()
            (surprise,) = scorer.open(encoded, [Passage(start, len(encoded), (encoded[start:],))])
            scorer.close()
            if surprise is None:
                raise TimeoutError
            each = surprise / len(text[words:])
            self._known[language] = each <= MAX_SURPRISE_OF_KNOWN_LANGUAGE
        return self._known[language]
