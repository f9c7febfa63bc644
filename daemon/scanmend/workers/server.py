"""Serve requests in a child: decode each one from the daemon's socket, call its handler, send the answer.

``workers.client`` is the daemon's side. The daemon closes the socket to end the child.
"""

import ctypes
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
from scanmend.workers import codec
from scanmend.workers.protocol import ErrorReply, Progress, Reply, Request, Step
from scanmend.workers.variables import MEMORY_LIMIT, PARENT_PID, SOCKET_FD

Tell = Callable[[Progress], None]
# a function of a request of one class and ``tell``, which returns the reply that the class declares
Handler = Callable[[Any, Tell], Any]
Handlers = Mapping[type[Request[Any]], Handler]

_PR_SET_PDEATHSIG = 1


def serve(handlers: Handlers) -> None:
    """Answer requests until the daemon closes the socket or ends.

    ``handlers``: the handler of each class of requests.
    """
    _die_with_parent()
    _limit_memory()
    connection = Connection(int(os.environ[SOCKET_FD]))
    os.set_inheritable(connection.fileno(), False)

    def tell(progress: Progress) -> None:
        connection.send_bytes(codec.encode(Step(progress)))

    while True:
        try:
            frame = connection.recv_bytes()
        except (EOFError, ConnectionError):
            return
        answer = _answer(handlers, frame, tell)
        try:
            connection.send_bytes(answer)
        except (BrokenPipeError, ConnectionError):
            return


_TOO_LITTLE_MEMORY = "the page needs more memory than ocr.memory or llm.memory allows"
_UNMAPPABLE = ("failed to map segment", "cannot allocate memory", "Cannot allocate memory")


def _answer(handlers: Handlers, frame: bytes, tell: Tell) -> bytes:
    """Return the frame that answers a request.

    Error boundary: each failure becomes an answer, and the child goes on. An exception other than ScanmendError,
    MemoryError and OSError is a bug, which costs the document an attempt.
    """
    failure: ScanmendError
    try:
        request = codec.decode_request(handlers, frame)
        return codec.encode(Reply(handlers[type(request)](request, tell)))
    except ScanmendError as error:
        failure = error
    except MemoryError:
        failure = OutOfMemory(_TOO_LITTLE_MEMORY)
    except OSError as error:
        doing = f"reading {error.filename!r}" if error.filename else "reading"
        failure = machine_error(error, doing)
    except ModuleNotFoundError as error:
        failure = not_installed(error) or _bug(error)
    except ImportError as error:  # dlopen(3) reports a lack of memory so
        is_short = any(phrase in str(error) for phrase in _UNMAPPABLE)
        failure = OutOfMemory(_TOO_LITTLE_MEMORY) if is_short else _bug(error)
    except Exception as error:  # noqa: BLE001
        failure = _bug(error)
    return codec.encode(ErrorReply.of(failure))


def _bug(error: Exception) -> ChildError:
    """Return the error to report for a bug; print its traceback for the daemon's log."""
    traceback.print_exc(file=sys.stderr)
    return ChildError(f"{type(error).__name__}: {error}")


def _die_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends.

    Where this is not possible, the child still ends when its socket is closed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(os.environ[PARENT_PID]):
        os._exit(0)  # the parent died before the prctl


def _limit_memory() -> None:
    """Limit RLIMIT_DATA, not RLIMIT_AS: .NET and mapped models reserve address space far beyond use."""
    limit = int(os.environ.get(MEMORY_LIMIT, "0"))
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
