"""Decide what follows from a failed page, and how long anything that failed waits before it is tried again.

``decide`` is the policy for pages. Other steps have policies of their own, because they retry for ever or because a
person waits: ``backends.llm_failures`` for the model, ``service`` for hooks, the steps for what the machine can't do.
They all take their delays from ``back_off``, but for the model's, which are a table.
"""

from dataclasses import dataclass

from scanmend.errors import DocumentError, MachineError, ScanmendError

MAX_DOUBLINGS = 30  # beyond, the power would overflow


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after ``delay`` seconds; the failure counted as an attempt."""

    delay: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait ``delay`` seconds and try again, for ever: the machine can't do it now. No attempt is counted."""

    delay: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Put the file into failed/. ``kind``: "permanent" for its own fault, "exhausted" after the last attempt."""

    kind: str


def decide(error: ScanmendError, attempts: int, allowed: int, pauses: int) -> Again | Pause | Fail:
    """Return what to do after an error of a page.

    ``attempts``: failed attempts of this page, this one included; ``allowed``: ``ocr.attempts``; ``pauses``: how often in
    a row the machine could not do it.
    """
    if isinstance(error, DocumentError):
        return Fail("permanent")
    if isinstance(error, MachineError):
        return Pause(back_off(pauses))
    if attempts >= allowed:
        return Fail("exhausted")
    return Again(back_off(attempts - 1))


def back_off(step: int, first: float = 0.5, most: float = 60.0) -> float:
    """Return the seconds to wait after the ``step``-th failure in a row (from 0).

    They begin with ``first`` and are doubled each time, up to ``most``.
    """
    return min(most, first * 2.0 ** min(step, MAX_DOUBLINGS))
