"""Telling others: a command or a webhook for each document that was published or failed, and for an alarm.

What is to be told stands in the journal's moves already; a place in them is remembered for each receiver, and
goes on only when the receiver has taken what it was told, or was tried for a day. So nothing is forgotten over
a crash, each receiver is told in order, at least once, and nobody waits for it.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scanmend.backoff import back_off
from scanmend.config.settings import Settings
from scanmend.document import Document, State
from scanmend.errors import MachineError, show
from scanmend.service.status import TOLD_FACT, look, troubles
from scanmend.store import atomic
from scanmend.store.journal import Journal
from scanmend.telemetry import log

LOOK = 1.0  # seconds between two looks for news
ALARM_EVERY = 15.0  # seconds between two looks for trouble
PATIENCE = 24 * 3600.0  # seconds that a receiver is tried with one event
LONGEST_PAUSE = 300.0
WEB_SECONDS = 15.0  # of one request
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")
_EVENTS = {State.DONE: "published", State.FAILED: "failed"}

Stop = Callable[[], bool]


@dataclass(slots=True)
class _Receiver:
    """One that is told. ``events`` it wants; ``tell`` says why it failed, or None."""

    name: str
    events: frozenset[str]
    tell: Callable[[dict[str, Any], Stop], str | None]
    place: int = 0  # in the journal's moves
    tries: int = 0
    since: float = 0.0  # monotonic; of the first try with what it is told now
    next: float = 0.0


class Hooks:
    """The thread that tells."""

    def __init__(self, journal: Journal, settings: Settings) -> None:
        """Nothing is told of what was before a receiver was configured."""
        self._journal = journal
        self._settings = settings
        self._receivers = _receivers(settings)
        self._alarm: list[str] = []
        self._alarm_at = 0.0
        self._log = log.get("hooks")
        for receiver in self._receivers:
            known = journal.facts().get(f"{TOLD_FACT}{receiver.name}")
            receiver.place = int(known.value) if known else journal.last_move()
            if not known:
                journal.set_fact(f"{TOLD_FACT}{receiver.name}", str(receiver.place))

    @property
    def wanted(self) -> bool:
        """Whether anybody is to be told anything."""
        return bool(self._receivers)

    def run(self, stop: threading.Event) -> None:
        """Tell until stopped."""
        while not stop.wait(LOOK):
            now = time.monotonic()
            try:
                for receiver in self._receivers:
                    while (
                        now >= receiver.next
                        and not stop.is_set()
                        and self._next(receiver, stop.is_set)
                    ):
                        pass
                if now - self._alarm_at >= ALARM_EVERY:
                    self._alarm_at = now
                    self._look_for_trouble(stop.is_set)
            except MachineError as error:
                self._log.warning("waiting for the machine", reason=str(error))
            except Exception:  # noqa: BLE001 - the mouth of the loop
                self._log.exception("a bug; telling goes on")

    def _next(self, receiver: _Receiver, stop: Stop) -> bool:
        """Tell the next thing; whether there may be more at once."""
        found = self._journal.next_move(receiver.place, tuple(_EVENTS))
        if found is None:
            return False
        place, document, state, reason = found
        event = _EVENTS[state]
        if event not in receiver.events:
            self._told(receiver, place)
            return True
        if not receiver.tries:
            receiver.since = time.monotonic()
        failure = receiver.tell(self._message(event, document, reason), stop)
        if stop():
            return False
        if failure is None:
            self._told(receiver, place)
            return True
        pause = back_off(receiver.tries, 1.0, LONGEST_PAUSE)
        receiver.tries += 1
        if time.monotonic() - receiver.since > PATIENCE:
            self._log.error(
                "gave up telling", hook=receiver.name, document=document.name, reason=failure
            )
            self._told(receiver, place)
            return True
        self._log.warning(
            "not told, trying again", hook=receiver.name, document=document.name, reason=failure,
            seconds=pause,
        )  # fmt: skip
        receiver.next = time.monotonic() + pause
        return False

    def _told(self, receiver: _Receiver, place: int) -> None:
        self._journal.set_fact(f"{TOLD_FACT}{receiver.name}", str(place))
        receiver.place, receiver.tries, receiver.next = place, 0, 0.0

    def _message(self, event: str, document: Document, reason: str) -> dict[str, Any]:
        folders = self._settings.folders
        message: dict[str, Any] = {
            "event": event,
            "document": document.name,
            "reason": reason,
            "sha256": document.sha256,
            "pages": document.pages,
            "profile": document.profile,
            "media_type": document.media_type,
            "original": show(document.put_away) if document.put_away else None,
        }
        if event == "published" and document.stem is not None:
            folder = atomic.result_folder(os.fsencode(folders.outbox), document.path)
            for name, ending in (("text", ".txt"), ("sidecar", ".json")):
                message[name] = os.fsdecode(os.path.join(folder, atomic.fit(document.stem, ending)))
        return message

    def _look_for_trouble(self, stop: Stop) -> None:
        """An alarm when trouble begins, and one when it is over; tried once, for it may be over soon."""
        wrong = troubles(look(self._settings), time.time())
        if bool(wrong) == bool(self._alarm):
            self._alarm = wrong
            return
        self._alarm = wrong
        message = {"event": "alarm" if wrong else "all-clear", "reason": "; ".join(wrong)}
        for receiver in self._receivers:
            if "alarm" in receiver.events:
                failure = receiver.tell(message, stop)
                if failure:
                    self._log.warning("alarm not told", hook=receiver.name, reason=failure)


def _receivers(settings: Settings) -> list[_Receiver]:
    hooks = settings.hooks
    found = []
    for event, command in (
        ("published", hooks.on_published),
        ("failed", hooks.on_failure),
        ("alarm", hooks.on_alarm),
    ):
        if command:
            found.append(
                _Receiver(f"on {event}", frozenset({event}), _command(command, hooks.timeout))
            )
    if hooks.webhook:
        found.append(
            _Receiver(
                "webhook", frozenset({"published", "failed", "alarm"}), _webhook(hooks.webhook)
            )
        )
    return found


def _command(
    command: tuple[str, ...], seconds: float
) -> Callable[[dict[str, Any], Stop], str | None]:
    """A program with its arguments, never a shell; the message is in its environment."""

    def tell(message: dict[str, Any], stop: Stop) -> str | None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {
            f"SCANMEND_{key.upper()}": str(value).replace("\0", "")
            for key, value in message.items()
            if value is not None
        }
        try:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stop():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(0.1)
                return f"{command[0]}: exit code {code}" if code else None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"{command[0]}: not done within {seconds:g} s; it was ended"

    return tell


def _webhook(address: str) -> Callable[[dict[str, Any], Stop], str | None]:
    def tell(message: dict[str, Any], _stop: Stop) -> str | None:
        request = urllib.request.Request(  # noqa: S310 - the address was checked with the configuration
            address,
            json.dumps(message).encode(),
            {"Content-Type": "application/json", "User-Agent": "scanmend"},
        )
        try:
            with urllib.request.urlopen(request, timeout=WEB_SECONDS) as answer:  # noqa: S310
                answer.read(65536)
            return None
        except urllib.error.HTTPError as error:
            return f"{address}: answered {error.code}"
        except (OSError, ValueError) as error:
            return f"{address}: {error}"

    return tell
