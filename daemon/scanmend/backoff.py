"""Decide what follows from a failed page, and how long to wait before anything that failed is tried again.

``decide`` is the policy for pages. Some failures have policies elsewhere, because they are retried for ever or because a
person waits: the model's in ``backends.llm_failures``, the hooks' in ``service``, and the machine's in each step. All of
them take their delays from ``back_off``, except for the model's delays, which are a table.
"""

from dataclasses import dataclass

from scanmend.errors import DocumentError, MachineError, ScanmendError

MAX_DOUBLINGS = 30  # a much higher power of two would overflow


@dataclass(frozen=True, slots=True)
class Again:
    """The decision to try once more after ``delay`` seconds; the failure counts as an attempt."""

    delay: float


@dataclass(frozen=True, slots=True)
class Pause:
    """The decision to try again after ``delay`` seconds, for ever: the machine fails. No attempt is counted."""

    delay: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The decision to put the file into failed/.

    ``kind``: "permanent" for the file's own fault, "exhausted" after the last attempt.
    """

    kind: str


def decide(error: ScanmendError, attempts: int, allowed: int, pauses: int) -> Again | Pause | Fail:
    """Return the decision that follows from a page's error.

    ``attempts``: failed attempts at this page, this one included; ``allowed``: ``ocr.attempts``; ``pauses``: how many
    times in a row the machine has failed.
    """
    if isinstance(error, DocumentError):
        return Fail("permanent")
    if isinstance(error, MachineError):
        return Pause(back_off(pauses))
    if attempts >= allowed:
        return Fail("exhausted")
    return Again(back_off(attempts - 1))


def back_off(step: int, first: float = 0.5, most: float = 60.0) -> float:
    """Return the seconds to wait after failure number ``step`` (from 0) in a row.

    The delay begins with ``first`` and doubles each time, up to ``most``.
    """
    return min(most, first * 2.0 ** min(step, MAX_DOUBLINGS))
