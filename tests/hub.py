"""Imitate the Hub on loopback: the part of its protocol that huggingface_hub uses, and its failures."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """One repository with files. A test sets ``cut_after``, ``stall_after`` or ``status`` to cause a failure."""

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        self.repo = repo
        self.files = files
        # the sha256 that the Hub reports for each file
        self.claimed = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        # bytes of one answer after which the connection breaks, or the server sends no more; both happen once
        self.cut_after: int | None = None
        self.stall_after: int | None = None
        self.closing = threading.Event()  # set at the end, so that a stalled answer's thread ends
        self.status: int | None = None  # HTTP status of every answer; None: as the request deserves
        self.ranges: list[str] = []  # Range headers of the requests
        self.address = ""


class _Handler(BaseHTTPRequestHandler):
    """The server's side of one connection."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = urlparse(self.path).path
        model = f"/api/models/{self.hub.repo}"
        if self.hub.status:
            gated = {"X-Error-Code": "GatedRepo"} if self.hub.status == 403 else {}
            self._send(self.hub.status, b"{}", gated, body)
        elif path == model or path.startswith(f"{model}/revision/"):
            info = json.dumps(self._info()).encode()
            self._send(200, info, {"Content-Type": "application/json"}, body)
        elif path.startswith(f"/{self.hub.repo}/resolve/"):
            self._file(path.split("/", 5)[5], body)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

    def _info(self) -> dict[str, object]:
        return {
            "id": self.hub.repo,
            "sha": COMMIT,
            "cardData": {"license": "apache-2.0"},
            "siblings": [self._sibling(name, len(data)) for name, data in self.hub.files.items()],
        }

    def _sibling(self, name: str, size: int) -> dict[str, object]:
        lfs = {"sha256": self.hub.claimed[name], "size": size, "pointerSize": 130}
        return {"rfilename": name, "size": size, "lfs": lfs}

    def _file(self, name: str, body: bool) -> None:
        data = self.hub.files.get(name)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
            return
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{self.hub.claimed[name]}"',
            "X-Linked-Etag": f'"{self.hub.claimed[name]}"',
            "X-Linked-Size": str(len(data)),
            "Accept-Ranges": "bytes",
        }
        wanted = self.headers.get("Range")
        if body and wanted:
            self.hub.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").split("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._send(206, data[start:], headers, body)
        else:
            self._send(200, data, headers, body)

    def _send(self, status: int, data: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        if self.hub.cut_after is not None and len(data) > self.hub.cut_after:
            cut, self.hub.cut_after = self.hub.cut_after, None
            self.wfile.write(data[:cut])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return
        if self.hub.stall_after is not None and len(data) > self.hub.stall_after:
            stall, self.hub.stall_after = self.hub.stall_after, None
            self.wfile.write(data[:stall])
            self.wfile.flush()
            self.hub.closing.wait(120)
            self.close_connection = True
            return
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve the repository while the block runs."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
