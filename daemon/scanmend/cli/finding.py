"""Hold what `scanmend doctor` finds out about one part of this machine."""

import enum
from dataclasses import dataclass


class Verdict(enum.StrEnum):
    """The verdict on an examined part, as printed."""

    OK = "ok"
    NOTE = "note"  # scanmend works without it
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of examining one part of this machine.

    ``what`` describes the part; ``remedy`` says what to do, and is "" if nothing is.
    """

    subject: str
    verdict: Verdict
    what: str
    remedy: str = ""
