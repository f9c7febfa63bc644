"""What the service manager is told: ready, what is going on, still alive, stopping.

systemd's own library says it (sd_notify(3)); without a service manager every call does nothing.
"""

import os
import time

from scanmend import extras
from scanmend.errors import MachineError


def heard() -> bool:
    """Whether anybody listens."""
    return "NOTIFY_SOCKET" in os.environ


def ready(status: str) -> None:
    """Start-up, or a reload, is over."""
    _notify(f"READY=1\nSTATUS={_line(status)}")


def status(text: str) -> None:
    """One line of what is going on, for ``systemctl status``."""
    _notify(f"STATUS={_line(text)}")


def reloading() -> None:
    """A reload has begun; ``ready`` ends it. The clock is what Type=notify-reload asks for."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The stop has begun."""
    _notify("STOPPING=1")


def alive() -> None:
    """Everything that matters is at work; without this for ``watchdog`` seconds, systemd starts it anew."""
    _notify("WATCHDOG=1")


def watchdog() -> float | None:
    """Seconds within which ``alive`` is expected; None when nobody watches."""
    seconds = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return seconds if seconds and mine else None


def _notify(message: str) -> None:
    """Send a message; without a service manager, do nothing. Raises MachineError if its library is not installed."""
    if not heard():
        return
    try:
        from systemd import daemon  # noqa: PLC0415 - an extra, needed only below a service manager
    except ModuleNotFoundError:
        what = "systemd waits for a message, and systemd-python is not installed"
        raise MachineError(what, extras.remedy("systemd")) from None
    daemon.notify(message)


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
