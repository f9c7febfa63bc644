"""Serve the tests of ``workers.client``: perform the requested act, which is mostly a bad one."""

import os
import signal
import subprocess
import sys
import time
from typing import NoReturn

from msgspec import Struct

from scanmend.workers.protocol import Request, Said
from scanmend.workers.server import Tell, serve
from scanmend.workers.variables import SOCKET_FD


class Outcome(Struct, frozen=True):
    """The result of an act: a text and a number."""

    text: str = ""
    number: int = 0


class Run(Request[Outcome], frozen=True, tag="run"):
    """A request to perform one of the acts below, by its name."""

    act: str
    text: str = ""
    number: int = 0


class Unknown(Request[Outcome], frozen=True, tag="unknown"):
    """A request that this child does not serve."""


kept: list[bytearray] = []


def run(request: Run, tell: Tell) -> Outcome:
    """Perform the act."""
    match request.act:
        case "echo":
            return Outcome(request.text, request.number)
        case "progress":
            for step in range(3):
                tell(Said(str(step)))
            return Outcome()
        case "flood":
            for _ in range(2000):
                os.write(1, b"x" * 1000 + b"\n")
            return Outcome("after the flood")
        case "eat":
            return Outcome(number=len(bytearray(request.number)))
        case "keep":
            kept.append(bytearray(request.number))
            return Outcome()
        case "answer twice":
            _send(b'{"is":"reply","value":{"text":"too early"}}')
            return Outcome("too late")
        case "grandchild":
            return Outcome(number=subprocess.Popen(["sleep", "3600"]).pid)
        case "no file":
            open("/nonexistent/scan.pdf")
        case _:
            _misbehave(request.act)
    return Outcome()


def _misbehave(act: str) -> NoReturn:
    """Perform an act after which no reply is possible."""
    match act:
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            print("the library says no", file=sys.stderr, flush=True)
            os._exit(3)
        case "lie":
            _send(b"hello")
        case "send too much":
            os.write(int(os.environ[SOCKET_FD]), (2**30).to_bytes(4, "big"))
        case _:
            raise ValueError(act)
    time.sleep(3600)
    os._exit(0)


def _send(frame: bytes) -> None:
    """Write a frame to the socket, bypassing the server."""
    os.write(int(os.environ[SOCKET_FD]), len(frame).to_bytes(4, "big") + frame)


if __name__ == "__main__":
    serve({Run: run})
