"""Keep the capability that the systemd unit gives the daemon, CAP_LEASE, from the programs that the daemon starts."""

import ctypes
import sys

_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4  # prctl(2)


def keep_from_children() -> None:
    """Clear the ambient capabilities: a program keeps only those when it is executed. This process keeps its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
