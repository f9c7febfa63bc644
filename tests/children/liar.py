"""Answer every request with bytes that a test prepared: a child that lies.

The environment variable ``LIES`` names a JSON file: an object that maps the ``do`` of a request to the answer, with one
character for each byte. The child ends if the file has no answer.
"""

import json
import os
from multiprocessing.connection import Connection

from scanmend.workers.variables import SOCKET_FD

LIES = "LIES"


def frame(message: bytes) -> str:
    """Return a message as the socket carries it, after its length, as text for the file."""
    return (len(message).to_bytes(4, "big") + message).decode("latin-1")


def main() -> None:
    """Lie until the daemon closes the socket."""
    descriptor = int(os.environ[SOCKET_FD])
    connection = Connection(descriptor)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)
        with open(os.environ[LIES], encoding="utf-8") as file:
            answer = json.load(file).get(request["do"])
        if answer is None:
            os._exit(1)
        os.write(descriptor, answer.encode("latin-1"))


if __name__ == "__main__":
    main()
