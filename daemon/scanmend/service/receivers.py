"""Deliver a hook's event to a program or to a web address."""

import contextlib
import enum
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scanmend.config.settings import HooksSettings
from scanmend.durations import duration_text

WEBHOOK_SECONDS = 15.0  # that a request may take
_STOP_POLL_SECONDS = 0.1  # between two checks whether a program has ended
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")

Message = dict[str, Any]
IsStopping = Callable[[], bool]
# delivers a message; returns why that failed, or None; gives up when the daemon stops
Deliver = Callable[[Message, IsStopping], str | None]


class Event(enum.StrEnum):
    """The events that receivers get. A receiver of alarms gets the all-clear, too."""

    PUBLISHED = "published"
    FAILED = "failed"
    ALARM = "alarm"
    ALL_CLEAR = "all-clear"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A configured program or address, with the events that it gets. ``name``: its key in the journal."""

    name: str
    events: frozenset[Event]
    deliver: Deliver


def receivers_of(hooks: HooksSettings) -> list[Receiver]:
    """Return the receivers in the configuration."""
    commands = (
        ("on published", hooks.on_published, {Event.PUBLISHED}),
        ("on failed", hooks.on_failure, {Event.FAILED}),
        ("on alarm", hooks.on_alarm, {Event.ALARM, Event.ALL_CLEAR}),
    )
    receivers = [
        Receiver(name, frozenset(events), _to_program(command, hooks.timeout))
        for name, command, events in commands
        if command
    ]
    if hooks.webhook:
        receivers.append(Receiver("webhook", frozenset(Event), _to_address(hooks.webhook)))
    return receivers


def _to_program(command: tuple[str, ...], seconds: float) -> Deliver:
    """Return a function that runs a program, without a shell, with the message in its environment.

    ``seconds``: that the program may take.
    """

    def deliver(message: Message, is_stopping: IsStopping) -> str | None:
        try:
            process = subprocess.Popen(
                command,
                env=_environment(message),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not is_stopping():
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(_STOP_POLL_SECONDS)
                return f"{command[0]}: exit code {code}" if code else None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"{command[0]}: not done within {duration_text(seconds)}; it was ended"

    return deliver


def _environment(message: Message) -> dict[str, str]:
    """Return a program's whole environment: ``_INHERITED``, and SCANMEND_… for each value of the message."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return inherited | {
        f"SCANMEND_{key.upper()}": str(value).replace("\0", "")
        for key, value in message.items()
        if value is not None
    }


def _to_address(address: str) -> Deliver:
    """Return a function that posts the message as JSON."""

    def deliver(message: Message, _: IsStopping) -> str | None:
        headers = {"Content-Type": "application/json", "User-Agent": "scanmend"}
        # the configuration allows http and https only
        request = urllib.request.Request(address, json.dumps(message).encode(), headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS) as answer:  # noqa: S310
                answer.read(65536)
            return None
        except urllib.error.HTTPError as error:
            return f"{address}: answered {error.code}"
        except (OSError, ValueError) as error:
            return f"{address}: {error}"

    return deliver
