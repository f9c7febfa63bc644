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
        self._failing: dict[Hashable, tuple[float, Failure]] = {}  # since when (monotonic), and why
        self._running = 0  # attempts under way
        self._last_success = 0.0  # monotonic

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
        with self._lock:
            self._running += 1
        try:
            failure = self._attempt(work, key, own_key, document)
        finally:
            with self._lock:
                self._running -= 1
        if failure is None:
            with self._lock:
                self._last_success = time.monotonic()
                for ended in (key, (own_key,)):
                    self._outages.pop(ended, None)
                    self._failing.pop(ended, None)
        return failure

    def _attempt(
        self,
        work: Callable[[], object],
        key: Hashable,
        own_key: Hashable,
        document: str | Callable[[], str] | None,
    ) -> Failure | None:
        is_own = False
        try:
            work()
        except MachineError as error:
            is_own = own_key is not None and isinstance(error, PathUnusable)
            delay, is_first = self._next_delay((own_key,) if is_own else key)
            log_at = self._log.warning if is_first else self._log.debug
            log_at("waiting for the machine", **_subject(document), reason=str(error))
            failure = Failure(error, delay)
        except Exception as error:  # noqa: BLE001
            self._log.exception("a bug; tried again later", **_subject(document))
            failure = Failure(error, BUG_RETRY_SECONDS)
        else:
            return None
        with self._lock:
            failing_key = (own_key,) if is_own else key
            since, _ = self._failing.get(failing_key, (time.monotonic(), failure))
            self._failing[failing_key] = (since, failure)
        return failure

    def stalled(self, seconds: float) -> Failure | None:
        """Return a failure that has lasted for ``seconds``; None if there is none."""
        with self._lock:
            now = time.monotonic()
            lasting = (f for since, f in self._failing.values() if now - since >= seconds)
            return next(lasting, None)

    def is_active(self, seconds: float) -> bool:
        """Return whether work is under way, or has succeeded within the last ``seconds``."""
        with self._lock:
            return self._running > 0 or time.monotonic() - self._last_success < seconds

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
