"""Download a model from the Hub beside everything else: one thread, one child, one download."""

import os
import threading
from collections.abc import Callable

from scanmend.backends.llm_children import llm_child
from scanmend.errors import ScanmendError
from scanmend.workers.protocol import FetchRequest, Progress
from scanmend.workers.sandbox import Sandbox

# a slow line may take its time; the Hub's client ends a stalled one by a limit of its own
DOWNLOAD_SECONDS = 7 * 24 * 3600.0
JOIN_SECONDS = 10.0  # that the thread of a killed download may take to end


class Download:
    """A download, which continues where an earlier one was cut off."""

    def __init__(
        self,
        request: FetchRequest,
        scratch: str,
        progress: Callable[[Progress], None],
        ended: Callable[[ScanmendError | None], None],
    ) -> None:
        """Start nothing yet.

        ``scratch``: the folder for the process's own folder. ``progress`` and ``ended`` (with the error, if there is
        one) are called by the download's thread.
        """
        self._request = request
        self._progress = progress
        self._ended = ended
        box = Sandbox(scratch, (os.fsdecode(request.directory),), network=True)
        self._child = llm_child("download", box)
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)

    @property
    def running(self) -> bool:
        """Return whether the download is under way."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, or go on."""
        self._thread.start()

    def kill(self) -> None:
        """End the download; from any thread."""
        self._child.kill()

    def close(self) -> None:
        """End the download, and wait for its end."""
        self.kill()
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            self._child.ask(self._request, DOWNLOAD_SECONDS, self._progress)
            self._ended(None)
        except ScanmendError as error:
            self._ended(error)
        finally:
            self._child.end()
