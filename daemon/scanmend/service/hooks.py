"""Deliver events to programs and a webhook: a document was published or failed, an alarm begins or ends.

The journal's moves are the queue of events. The journal also stores each receiver's position among them, which advances
only when the receiver has taken an event or has failed for a day. So a crash loses no event of a document, and each
receiver gets these events in order and at least once. No document waits for a receiver.
"""

import functools
import os
import threading
import time
from dataclasses import dataclass

from scanmend.backoff import back_off
from scanmend.config.settings import Settings
from scanmend.document import Document, State
from scanmend.errors import show
from scanmend.service.receivers import Event, IsStopping, Message, Receiver, receivers_of
from scanmend.service.status import read_status, troubles
from scanmend.store import naming
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal
from scanmend.telemetry import log
from scanmend.telemetry.error_boundary import ErrorBoundary

MOVES_POLL_SECONDS = 1.0  # between two reads of the journal for new events
ALARM_CHECK_SECONDS = 15.0  # between two checks of the status for trouble
GIVE_UP_SECONDS = 24 * 3600.0  # that one event is tried
# between two tries of one event: doubled, up to the second
FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 300.0
_EVENTS = {State.DONE: Event.PUBLISHED, State.FAILED: Event.FAILED}


@dataclass(slots=True)
class _Delivery:
    """The progress of one receiver. Times are monotonic seconds."""

    receiver: Receiver
    position: int  # of the last move that it has taken
    failures: int = 0  # at the current event
    first_try: float = 0.0  # of the current event
    retry_at: float = 0.0


class Hooks:
    """The delivery of events to all receivers of the configuration."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        """Resume each receiver at its position; a new one starts at the last move. Raise MachineError."""
        self._journal = journal
        self._settings = settings
        self._deliveries = [self._resume(receiver) for receiver in receivers_of(settings.hooks)]
        self._troubles: list[str] = []  # at the last check
        self._check_at = 0.0  # of the next check for trouble; monotonic
        self._paused_until = 0.0  # monotonic
        self._log = log.get("hooks")
        self._boundary = ErrorBoundary(self._log)

    @property
    def configured(self) -> bool:
        """Return whether the configuration has a receiver."""
        return bool(self._deliveries)

    def run(self, stop: threading.Event) -> None:
        """Deliver until stopped."""
        while not stop.wait(MOVES_POLL_SECONDS):
            self.turn(time.monotonic(), stop.is_set)

    def turn(self, now: float, is_stopping: IsStopping) -> None:
        """Deliver the new events at ``now`` (monotonic seconds). Never raise; pause after an error."""
        if now < self._paused_until:
            return
        failure = self._boundary.attempt(functools.partial(self._deliver_all, now, is_stopping))
        if failure:
            self._paused_until = now + failure.delay

    def _deliver_all(self, now: float, is_stopping: IsStopping) -> None:
        for delivery in self._deliveries:
            while now >= delivery.retry_at and not is_stopping():
                if not self._deliver_next(delivery, is_stopping):
                    break
        if now >= self._check_at:
            self._check_at = now + ALARM_CHECK_SECONDS
            self._check_for_trouble(is_stopping)

    def _resume(self, receiver: Receiver) -> _Delivery:
        known = self._journal.facts.recall(Memory.HOOK_POSITION, receiver.name)
        if known:
            return _Delivery(receiver, int(known.value))
        delivery = _Delivery(receiver, self._journal.last_move())
        self._remember(delivery)
        return delivery

    def _deliver_next(self, delivery: _Delivery, is_stopping: IsStopping) -> bool:
        """Deliver the next event; return whether the one after it may follow at once."""
        found = self._journal.next_move(delivery.position, tuple(_EVENTS))
        if found is None:
            return False
        position, document, state, reason = found
        event = _EVENTS[state]
        if event not in delivery.receiver.events:
            self._advance(delivery, position)
            return True
        if not delivery.failures:
            delivery.first_try = time.monotonic()
        failure = delivery.receiver.deliver(self._message(event, document, reason), is_stopping)
        if is_stopping():
            return False
        if failure is not None and not self._give_up(delivery, document, failure):
            return False
        self._advance(delivery, position)
        return True

    def _give_up(self, delivery: _Delivery, document: Document, failure: str) -> bool:
        """Return whether to give a failed event up; if not, schedule the next try."""
        fields = {"hook": delivery.receiver.name, "document": document.name, "reason": failure}
        now = time.monotonic()
        if now - delivery.first_try > GIVE_UP_SECONDS:
            self._log.error("gave up a hook's event", **fields)
            return True
        pause = back_off(delivery.failures, FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS)
        delivery.failures += 1
        delivery.retry_at = now + pause
        self._log.warning("hook failed, trying again", **fields, seconds=pause)
        return False

    def _advance(self, delivery: _Delivery, position: int) -> None:
        delivery.position, delivery.failures, delivery.retry_at = position, 0, 0.0
        self._remember(delivery)

    def _remember(self, delivery: _Delivery) -> None:
        name, position = delivery.receiver.name, str(delivery.position)
        self._journal.facts.remember(Memory.HOOK_POSITION, name, position)

    def _message(self, event: Event, document: Document, reason: str) -> Message:
        message: Message = {
            "event": event,
            "document": document.name,
            "reason": reason,
            "sha256": document.sha256,
            "pages": document.pages,
            "profile": document.profile,
            "media_type": document.media_type,
            "original": show(document.put_away) if document.put_away else None,
        }
        if event == Event.PUBLISHED and document.stem is not None:
            outbox = os.fsencode(self._settings.folders.outbox)
            for name, extension in (
                ("text", naming.TEXT_EXTENSION),
                ("sidecar", naming.SIDECAR_EXTENSION),
            ):
                path = naming.result_path(outbox, document.path, document.stem, extension)
                message[name] = os.fsdecode(path)
        return message

    def _check_for_trouble(self, is_stopping: IsStopping) -> None:
        """Send an alarm when trouble begins, and an all-clear when it ends. Try each once: it is soon out of date."""
        found = troubles(read_status(self._settings), time.time())
        changed = bool(found) != bool(self._troubles)
        self._troubles = found
        if not changed:
            return
        event = Event.ALARM if found else Event.ALL_CLEAR
        message: Message = {"event": event, "reason": "; ".join(found)}
        for delivery in self._deliveries:
            if event in delivery.receiver.events:
                failure = delivery.receiver.deliver(message, is_stopping)
                if failure:
                    name = delivery.receiver.name
                    self._log.warning("alarm not delivered", hook=name, reason=failure)
