"""The error boundary of every step's loop: an exception in one piece of work never ends the thread."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from scanmend.backoff import back_off
from scanmend.errors import MachineError, PathUnusable
from scanmend.telemetry.log import Logger

BUG_RETRY_SECONDS = 60.0  # until work that raised an unforeseen error is tried again
MAX_OUTAGE_RETRY_SECONDS = 60.0  # between two tries during an outage, at most


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a piece of work failed. ``delay``: seconds until it should be tried again."""

    error: Exception
    delay: float

    @property
    def is_bug(self) -> bool:
        """Return whether the error is a bug of scanmend, and not this machine's fault."""
        return not isinstance(self.error, MachineError)

    @property
    def reason(self) -> str:
        """Return the error in words for people."""
        return f"{type(self.error).__name__}: {self.error}" if self.is_bug else str(self.error)


@dataclass(slots=True)
class _Outage:
    """A failure of this machine that lasts over several tries. ``retry_at``: monotonic seconds."""

    failures: int = 0
    retry_at: float = 0.0


class ErrorBoundary:
    """Runs the work of one step and turns what it raises into a ``Failure``. Thread-safe.

    A MachineError begins an outage: it is logged once as a warning, and the delays grow until work succeeds. Any
    other exception is a bug: it is logged with its traceback.
    """

    def __init__(self, log: Logger, longest_delay: float = MAX_OUTAGE_RETRY_SECONDS) -> None:
        """``longest_delay``: seconds between two tries during an outage, at most."""
        self._log = log
        self._longest_delay = longest_delay
        self._lock = threading.Lock()
        self._outages: dict[Hashable, _Outage] = {}

    def attempt(
        self,
        work: Callable[[], object],
        *,
        key: Hashable = None,
        own_key: Hashable = None,
        document: str | Callable[[], str] | None = None,
    ) -> Failure | None:
        """Do ``work``; return why it failed, or None. Never raise.

        All work with the same ``key`` shares one outage, which ends with the first success. A path that can't be used
        is an outage of the work with the same ``own_key``. ``document``: the document's name for the log, or a function
        that looks it up.
        """
        try:
            work()
        except MachineError as error:
            is_own = own_key is not None and isinstance(error, PathUnusable)
            delay, is_first = self._next_delay((own_key,) if is_own else key)
            log_at = self._log.warning if is_first else self._log.debug
            log_at("waiting for the machine", **_subject(document), reason=str(error))
            return Failure(error, delay)
        except Exception as error:  # noqa: BLE001
            self._log.exception("a bug; tried again later", **_subject(document))
            return Failure(error, BUG_RETRY_SECONDS)
        with self._lock:
            self._outages.pop(key, None)
            self._outages.pop((own_key,), None)
        return None

    def best_effort(self, work: Callable[[], object]) -> None:
        """Do ``work`` that the step can go on without, such as a note of why a document waits. Never raise."""
        try:
            work()
        except MachineError as error:
            self._log.debug("not recorded", reason=str(error))
        except Exception:  # noqa: BLE001
            self._log.exception("a bug; not recorded")

    def _next_delay(self, key: Hashable) -> tuple[float, bool]:
        """Return the seconds until the next try, and whether the outage begins now.

        The delay doubles once it has passed, however many threads and documents meet the outage meanwhile.
        """
        now = time.monotonic()
        with self._lock:
            outage = self._outages.setdefault(key, _Outage())
            if now < outage.retry_at:
                return outage.retry_at - now, False
            delay = back_off(outage.failures, most=self._longest_delay)
            outage.failures += 1
            outage.retry_at = now + delay
            return delay, outage.failures == 1


def _subject(document: str | Callable[[], str] | None) -> dict[str, str]:
    """Return the field of a log line that names the document. Never raise, even if the journal fails."""
    if document is None or isinstance(document, str):
        return {"document": document} if document else {}
    try:
        return {"document": document()}
    except Exception:  # noqa: BLE001
        return {"document": "unknown: the journal can't be read"}
