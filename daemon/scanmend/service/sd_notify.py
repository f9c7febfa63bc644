"""Tell the service manager how the daemon is: ready, busy with something, alive, stopping (sd_notify(3)).

Without a service manager, every call does nothing.
"""

import os
import time

from scanmend import extras
from scanmend.errors import MachineError

STATUS_LENGTH = 200  # characters of a status line


def is_supervised() -> bool:
    """Return whether a service manager listens."""
    return "NOTIFY_SOCKET" in os.environ


def ready(text: str) -> None:
    """Report the end of the start or of a reload, with a status line."""
    _notify(f"READY=1\nSTATUS={_status_line(text)}")


def status(text: str) -> None:
    """Report a status line, which ``systemctl status`` shows."""
    _notify(f"STATUS={_status_line(text)}")


def reloading() -> None:
    """Report the begin of a reload; ``ready`` ends it. Type=notify-reload needs the monotonic time, in µs."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """Report the begin of the stop."""
    _notify("STOPPING=1")


def alive() -> None:
    """Report that all threads are alive. Without this for ``watchdog_seconds``, systemd restarts the daemon."""
    _notify("WATCHDOG=1")


def watchdog_seconds() -> float | None:
    """Return the time within which systemd expects ``alive``; None: it does not watch this process."""
    seconds = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    own_pid = str(os.getpid())
    return seconds if seconds and os.environ.get("WATCHDOG_PID", own_pid) == own_pid else None


def _notify(message: str) -> None:
    """Send a message. Raises MachineError if systemd-python is not installed below a service manager."""
    if not is_supervised():
        return
    try:
        from systemd import daemon  # noqa: PLC0415 - an extra, needed only below a service manager
    except ModuleNotFoundError:
        what = "systemd waits for a message, and systemd-python is not installed"
        raise MachineError(what, extras.remedy("systemd")) from None
    daemon.notify(message)


def _status_line(text: str) -> str:
    """Return a text as one line: a file's name in it must not add a message of its own."""
    return " ".join(text.split())[:STATUS_LENGTH]
