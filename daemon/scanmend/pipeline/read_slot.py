"""The OCR children of the read step: one per slot, replaced when it is idle, worn out or of the wrong engine."""

import threading
from collections.abc import Callable

from scanmend.backends.ocr_engines import environment
from scanmend.pipeline.context import Context
from scanmend.workers.client import Child
from scanmend.workers.sandbox import Sandbox, home

# of ocr.memory: a child that holds more is replaced, since the next page might not find enough
REPLACE_AT_MEMORY_SHARE = 0.75
# after so many jobs a child is replaced, so that a library's leaks don't add up over the years
MAX_JOBS_PER_CHILD = 500


class ReadSlot:
    """One read slot's OCR child, and when to replace it. Belongs to the slot's thread; others may call ``kill``."""

    def __init__(self, context: Context) -> None:
        """Start no process yet: the first request does."""
        self._engine = context.engine
        self.child = _new_child(context)
        self._jobs = 0

    def prepare(self, context: Context, *, idle: bool) -> None:
        """End the child if it is idle, worn out, or not of the context's engine. The next job starts another one."""
        other_engine = self._engine != context.engine
        worn_out = self._jobs >= MAX_JOBS_PER_CHILD or self.is_near_limit(context)
        if idle or worn_out or other_engine:
            self.child.end()
            self._jobs = 0
        if other_engine:
            self._engine, self.child = context.engine, _new_child(context)

    def is_near_limit(self, context: Context) -> bool:
        """Return whether the child holds more than ``REPLACE_AT_MEMORY_SHARE`` of its limit; False without a limit."""
        return self.child.memory() > REPLACE_AT_MEMORY_SHARE * context.settings.ocr.memory > 0

    def count_job(self) -> None:
        """Count a job that the child is about to do."""
        self._jobs += 1

    def kill(self) -> None:
        """End the child at once, from any thread; a request under way fails."""
        self.child.kill()

    def close(self) -> None:
        """End the child."""
        self.child.end()


def _new_child(context: Context) -> Child:
    settings, engine = context.settings, context.engine
    return Child(
        "scanmend.ocr",
        f"OCR ({engine})",
        environment(settings, engine),
        int(settings.ocr.memory),
        Sandbox(home(settings.folders.state)),
    )


class ReadSlots:
    """The slots of the running read threads. Each thread adds its own; any thread may call ``kill_all``."""

    def __init__(self) -> None:
        """Begin without slots."""
        self._lock = threading.Lock()
        self._slots: set[ReadSlot] = set()

    def run_in(self, context: Context, body: Callable[[ReadSlot], None]) -> None:
        """Run ``body`` with a slot, and close the slot afterwards."""
        slot = ReadSlot(context)
        with self._lock:
            self._slots.add(slot)
        try:
            body(slot)
        finally:
            slot.close()
            with self._lock:
                self._slots.discard(slot)

    def kill_all(self) -> None:
        """End every child at once."""
        # without the lock: a signal handler may call this in a thread that holds it
        for slot in list(self._slots):
            slot.kill()
