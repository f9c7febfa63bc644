"""Hold what a scorer decodes of each variant of a passage, and what it knows of it already."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scanmend.correction.channel import Nats
from scanmend.llm.judge.page_copies import SHARED
from scanmend.llm.judge.scorer import Likelihood
from scanmend.llm.llama_batch import BATCH_TOKENS, BatchToken


@dataclass(slots=True)
class VariantPlan:
    """The tokens of one variant, and what is known of them."""

    position: int
    """Of ``tokens[0]``, which is the token before the variant."""
    tokens: list[int]
    alone_end: int
    """Number of the tokens up to the variant's end; the rest belongs to the words behind it."""
    known: int = 0
    """Number of tokens behind ``tokens[0]`` of which the page's decoding told the log-probability, up to the variant's end."""
    alone: Nats = 0.0
    """The log-probability of the known tokens, and at last of the variant."""
    sequence: int = 0
    following: Nats = 0.0

    @property
    def shared_end(self) -> int:
        """Return the position up to which the page holds the tokens: all but the last known one, which may differ."""
        return self.position + self.known

    def batch(self, first: int, end: int) -> list[BatchToken]:
        """Return the tokens from ``first``, each with the one behind it as the expected one, up to ``end``."""
        return [
            BatchToken(
                self.tokens[n],
                self.position + n,
                self.sequence,
                predict=True,
                expected=self.tokens[n + 1],
            )
            for n in range(first, end)
        ]


@dataclass(frozen=True, slots=True)
class VariantTokens:
    """A variant with the words behind it: ``tokens`` from the text's token ``first`` on, the variant's up to ``end``."""

    first: int
    tokens: list[int]
    end: int


@dataclass(slots=True)
class WaitingPassages:
    """Passages that are scored together."""

    passages: list[tuple[int, list[VariantPlan]]] = field(default_factory=list)
    tokens: int = 0
    sequences: int = 0

    def has_room(self, plans: Sequence[VariantPlan], sequences: int) -> bool:
        """Return whether a passage fits, if there are so many sequences for variants."""
        fits = self.tokens + decoded_tokens(plans) <= BATCH_TOKENS
        return fits and self.sequences + len(plans) <= sequences

    def add(self, index: int, plans: list[VariantPlan]) -> None:
        """Add a passage, each variant with a sequence of its own."""
        for sequence, plan in enumerate(plans, SHARED + 1 + self.sequences):
            plan.sequence = sequence
        self.passages.append((index, plans))
        self.tokens += decoded_tokens(plans)
        self.sequences += len(plans)


def likelihood_of(plan: VariantPlan, following: VariantPlan) -> Likelihood:
    """Return the likelihood of a variant, with the words behind it as they follow ``following``."""
    return Likelihood(plan.alone, plan.alone + following.following)


def decoded_tokens(plans: Sequence[VariantPlan]) -> int:
    """Return how many tokens variants decode at most."""
    return sum(len(plan.tokens) - 1 - plan.known for plan in plans)
