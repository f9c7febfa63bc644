"""What follows from a failure: the only place that decides."""

from dataclasses import dataclass

from scanmend.errors import DocumentError, MachineError, ScanmendError


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after ``delay`` seconds; it counted as an attempt."""

    delay: float


@dataclass(frozen=True, slots=True)
class Pause:
    """The machine can't do it now: wait ``delay`` seconds and try again, for ever; no attempt counted."""

    delay: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The file goes to failed/: ``kind`` is the class of the reason, "permanent" or "exhausted"."""

    kind: str


def decide(error: Exception, attempts: int, allowed: int, pauses: int) -> Again | Pause | Fail:
    """What to do after ``error``.

    ``attempts``: failed ones of this page, this one included; ``allowed``: ``ocr.attempts``;
    ``pauses``: how often in a row the machine could not do it.
    """
    if isinstance(error, DocumentError):
        return Fail("permanent")
    if isinstance(error, MachineError):
        return Pause(back_off(pauses))
    assert isinstance(error, ScanmendError)
    if attempts >= allowed:
        return Fail("exhausted")
    return Again(back_off(attempts - 1))


def back_off(step: int, first: float = 0.5, most: float = 60.0) -> float:
    """Seconds to wait at the ``step``-th failure in a row (from 0): doubled each time, at most ``most``."""
    return min(most, first * 2.0 ** min(step, 30))
