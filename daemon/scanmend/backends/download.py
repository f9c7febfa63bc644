"""Getting a model from the Hub beside everything else: one thread, one child, one download."""

import os
import threading
from collections.abc import Callable

from scanmend.errors import ScanmendError
from scanmend.workers.client import Child
from scanmend.workers.protocol import FetchRequest, Progress
from scanmend.workers.sandbox import Sandbox

SECONDS = (
    7 * 24 * 3600.0
)  # a slow line may take its time; a stalled one is ended by the client's own limit
_JOIN = 10.0


class Download:
    """A download that goes on where an earlier one was cut off."""

    def __init__(
        self,
        request: FetchRequest,
        scratch: str,
        progress: Callable[[Progress], None],
        ended: Callable[[Exception | None], None],
    ) -> None:
        """``scratch``: for the process's own folder. Both callbacks come from the download's thread."""
        self._request = request
        self._progress = progress
        self._ended = ended
        box = Sandbox(scratch, (os.fsdecode(request.directory),), network=True)
        self._child = Child("scanmend.llm", "download", environment(), 0, box)
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin, or go on."""
        self._thread.start()

    def kill(self) -> None:
        """End it; from any thread."""
        self._child.kill()

    def close(self) -> None:
        """End it, and wait for the end."""
        self.kill()
        self._thread.join(_JOIN)

    def _run(self) -> None:
        try:
            self._child.ask(self._request, SECONDS, self._progress)
            self._ended(None)
        except ScanmendError as error:
            self._ended(error)
        finally:
            self._child.end()


def environment() -> dict[str, str]:
    """Of the LLM children.

    Their threads sleep while they wait for each other: beside busy OCR children, spinning made a page four times as
    slow (117 s against 30 s of the same tests beside two busy processes on two cores).
    """
    return {
        "OMP_WAIT_POLICY": "passive",
        **os.environ,
        "GGML_NO_BACKTRACE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
