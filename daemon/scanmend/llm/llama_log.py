"""Keep llama.cpp's recent log messages: only there does it say why a load failed."""

import collections
import threading
from typing import Any

import llama_cpp as llama

KEPT_MESSAGES = 200
# parts of the messages, in lower case, with which llama.cpp and its backends report a lack of memory
_LLAMA_OUT_OF_MEMORY_PHRASES = (
    "out of memory",
    "failed to allocate",
    "cudamalloc failed",
    "unable to allocate",
    "not enough memory",
    "outofdevicememory",
    "out_of_device_memory",
)


class LlamaLog:
    """The last messages of llama.cpp, which logs from any of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: collections.deque[str] = collections.deque(maxlen=KEPT_MESSAGES)

    def add(self, message: str) -> None:
        """Keep a message; drop the oldest beyond KEPT_MESSAGES."""
        with self._lock:
            self._messages.append(message)

    def clear(self) -> None:
        """Forget all messages."""
        with self._lock:
            self._messages.clear()

    @property
    def text(self) -> str:
        """Return all messages, joined: a line may come as several messages."""
        with self._lock:
            return "".join(self._messages)

    @property
    def reports_out_of_memory(self) -> bool:
        """Return whether a message reports a lack of memory."""
        text = self.text.lower()
        return any(phrase in text for phrase in _LLAMA_OUT_OF_MEMORY_PHRASES)

    @property
    def first_error(self) -> str:
        """Return the first line that mentions an error, for people."""
        for line in self.text.splitlines():
            if "error" in line.lower() or "corrupt" in line.lower():
                return line.strip()
        return "it does not say why"


RECENT = LlamaLog()  # llama.cpp has one logger for the process


@llama.llama_log_callback  # type: ignore[untyped-decorator]
def _on_log(_level: int, text: bytes, _data: Any) -> None:
    RECENT.add(text.decode(errors="replace"))


llama.llama_log_set(_on_log, None)
