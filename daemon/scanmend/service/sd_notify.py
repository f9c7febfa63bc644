"""Report the daemon's state to the service manager: ready, reloading, alive, stopping (sd_notify(3)).

Without a service manager, every call does nothing. Below one, it raises MachineError if systemd-python is missing.
"""

import os
import time

from scanmend import extras
from scanmend.errors import MachineError

MAX_STATUS_CHARACTERS = 200  # of a status line


def is_supervised() -> bool:
    """Return whether a service manager listens to this process."""
    return "NOTIFY_SOCKET" in os.environ


def ready(text: str) -> None:
    """Report the end of the start or of a reload, with a status line."""
    _notify(f"READY=1\nSTATUS={_status_line(text)}")


def status(text: str) -> None:
    """Report a status line, which ``systemctl status`` shows."""
    _notify(f"STATUS={_status_line(text)}")


def reloading() -> None:
    """Report the beginning of a reload, which ``ready`` ends. Type=notify-reload needs the monotonic time in µs."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """Report the beginning of the stop."""
    _notify("STOPPING=1")


def alive() -> None:
    """Report that all threads are alive. Without this for ``watchdog_seconds``, systemd restarts the daemon."""
    _notify("WATCHDOG=1")


def watchdog_seconds() -> float | None:
    """Return the seconds within which systemd expects ``alive``; None if it does not watch this process."""
    seconds = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    own_pid = str(os.getpid())
    return seconds if seconds and os.environ.get("WATCHDOG_PID", own_pid) == own_pid else None


def _notify(message: str) -> None:
    """Send a message to the service manager, if there is one."""
    if not is_supervised():
        return
    try:
        from systemd import daemon  # noqa: PLC0415 - an extra, needed only below a service manager
    except ModuleNotFoundError:
        message = "systemd waits for a message, and systemd-python is not installed"
        raise MachineError(message, extras.remedy("systemd")) from None
    daemon.notify(message)


def _status_line(text: str) -> str:
    """Return a text as one line, so that a file's name in it can't add a message of its own."""
    return " ".join(text.split())[:MAX_STATUS_CHARACTERS]
