"""The child's half of ``child.py``: take requests from the daemon's socket, answer them one by one.

Messages are JSON frames: ``{"do": name, …}`` in; any number of ``{"progress": …}`` and then one
``{"reply": …}`` or ``{"failure": {"code", "what", "remedy"}}`` out. End of file is the order to end.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from scanmend.errors import ChildError, OutOfMemory, ScanmendError, machine_error
from scanmend.extras import not_installed

Progress = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Progress], dict[str, Any]]

SOCKET_FD = "SCANMEND_FD"
PARENT_PID = "SCANMEND_PARENT"
MEMORY_LIMIT = "SCANMEND_MEMORY"

_PR_SET_PDEATHSIG = 1


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer requests until the daemon closes the socket or is gone."""
    _die_with_parent()
    _limit_memory()
    connection = Connection(int(os.environ[SOCKET_FD]))
    os.set_inheritable(connection.fileno(), False)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except (EOFError, ConnectionError):
            return
        reply = _answer(handlers, request, lambda p: _send(connection, {"progress": p}))
        try:
            _send(connection, reply)
        except (BrokenPipeError, ConnectionError):
            return


def _answer(
    handlers: Mapping[str, Handler], request: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    try:
        return {"reply": handlers[request.pop("do")](request, progress)}
    except ScanmendError as error:
        return _failure(error)
    except MemoryError:
        return _failure(
            OutOfMemory("the page needs more memory than ocr.memory or llm.memory allows")
        )
    except OSError as error:
        known = machine_error(error, f"reading {error.filename!r}" if error.filename else "reading")
        return _failure(known)
    except ModuleNotFoundError as error:
        return _failure(not_installed(error) or ChildError(f"{type(error).__name__}: {error}"))
    except Exception as error:  # noqa: BLE001 - the mouth of the loop: a bug costs an attempt, not the child
        traceback.print_exc(file=sys.stderr)
        return _failure(ChildError(f"{type(error).__name__}: {error}"))


def _failure(error: ScanmendError) -> dict[str, Any]:
    return {"failure": {"code": error.code, "what": error.what, "remedy": error.remedy}}


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


def _die_with_parent() -> None:
    """SIGKILL when the thread that started us ends; end of file on the socket is the portable half."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT_PID]):
        os._exit(0)  # the parent died before the prctl


def _limit_memory() -> None:
    """RLIMIT_DATA, not RLIMIT_AS: the .NET runtime and mapped models reserve address space far beyond use."""
    limit = int(os.environ.get(MEMORY_LIMIT, "0"))
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
