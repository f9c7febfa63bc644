"""Measure a process and its descendants: CPU seconds, and the peak of their total memory (PSS)."""

import contextlib
import threading
from types import TracebackType
from typing import Self

import psutil

INTERVAL_SECONDS = (
    1.0  # between two readings of the memory, each of which costs the kernel milliseconds
)


class Meter:
    """A measurement from entry to exit. The descendants must be idle at both moments."""

    def __init__(self, pid: int) -> None:
        """Measure the process ``pid`` and its descendants."""
        self._root = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_memory, daemon=True)
        self.cpu = 0.0  # seconds
        self.peak = 0  # bytes; sum of the proportional set sizes (PSS)

    def __enter__(self) -> Self:
        self.cpu = -self._cpu()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu += self._cpu()

    def _tree(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def _cpu(self) -> float:
        """Return the CPU seconds of the living processes and of the children that they have reaped."""
        total = 0.0
        for process in self._tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(process.cpu_times()[:4])
        return total

    def _read_memory(self) -> None:
        while True:
            pss = 0
            for process in self._tree():
                with contextlib.suppress(psutil.Error, OSError):
                    pss += process.memory_full_info().pss
            self.peak = max(self.peak, pss)
            if self._stop.wait(INTERVAL_SECONDS):
                return
