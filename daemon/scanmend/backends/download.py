"""Download a model from the Hub beside everything else: one thread, one child, one download."""

import os
import threading
from collections.abc import Callable

from scanmend.backends.llm_children import llm_child
from scanmend.errors import ScanmendError
from scanmend.workers.protocol import FetchRequest, Progress
from scanmend.workers.sandbox import Sandbox

# A slow connection may take days. The Hub's client has its own time limit for a stalled one.
DOWNLOAD_SECONDS = 7 * 24 * 3600.0
THREAD_END_SECONDS = 10.0  # to wait for the thread of a killed download


class Download:
    """One download of a model, which continues where an earlier one was interrupted."""

    def __init__(
        self,
        request: FetchRequest,
        scratch: str,
        progress: Callable[[Progress], None],
        ended: Callable[[ScanmendError | None], None],
    ) -> None:
        """Prepare the download; ``start`` begins it.

        ``scratch``: the folder in which the process gets its own folder. The download's thread calls ``progress``, and
        at the end ``ended`` with the error, or with None.
        """
        self._request = request
        self._progress = progress
        self._ended = ended
        sandbox = Sandbox(scratch, (os.fsdecode(request.directory),), network=True)
        self._child = llm_child("download", sandbox)
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)

    @property
    def running(self) -> bool:
        """Return whether the download is in progress."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread that begins, or continues, the download."""
        self._thread.start()

    def kill(self) -> None:
        """End the download at once. Any thread may call this."""
        self._child.kill()

    def close(self) -> None:
        """End the download, and wait for its thread."""
        self.kill()
        self._thread.join(THREAD_END_SECONDS)

    def _run(self) -> None:
        try:
            self._child.ask(self._request, DOWNLOAD_SECONDS, self._progress)
            self._ended(None)
        except ScanmendError as error:
            self._ended(error)
        finally:
            self._child.end()
