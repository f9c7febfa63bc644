"""The line of a document, put together: the same steps for the daemon and for `scanmend process`.

Opened in the order publish, correct, read, claim, so that each step finds the next one working; closed in
reverse. The mouth (the watcher, or the list of files) is opened last and by the caller.
"""

import os
import threading
import time
from collections.abc import Callable

from scanmend.config.profiles import Profile
from scanmend.config.settings import Settings
from scanmend.document import ACTIVE, Document, State
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Leases
from scanmend.pipeline.claim import Claim
from scanmend.pipeline.correct import Correct
from scanmend.pipeline.publish import Publish
from scanmend.pipeline.read import Read
from scanmend.pipeline.scheduler import CONTENTS, Scheduler
from scanmend.store.journal import Journal
from scanmend.store.mounts import Root
from scanmend.store.parts import Parts
from scanmend.telemetry import log
from scanmend.telemetry.liveness import Liveness

JOIN = 2.0  # seconds a thread may take to end once nothing holds it; then it is left to the process's end


def workers(settings: Settings) -> int:
    """How many pages are read at the same time."""
    return settings.ocr.workers or len(os.sched_getaffinity(0))


class Pipeline:
    """Claim, read, correct and publish with their threads."""

    def __init__(
        self,
        settings: Settings,
        profiles: dict[str, Profile],
        journal: Journal,
        engine: str,
        roots: dict[str, Root],
        again: Callable[[bytes], None],
        leases: Leases | None = None,
    ) -> None:
        """``roots``: inbox, outbox, archive, failed. ``again``: look at this path of the inbox anew."""
        self.journal = journal
        self._settings = settings
        self._stop = threading.Event()  # the threads leave after the piece of work in hand
        self._schedule = Scheduler()
        self._parts = Parts(settings.folders.state)
        inbox = Inbox(roots["inbox"], self._parts)
        self.liveness = Liveness()
        self.publish = Publish(
            inbox, journal, settings.folders, settings.originals, roots, again, leases
        )
        self.publish.added = lambda part: self._schedule.add(part.id, [CONTENTS], part.first_seen)
        self.correct = Correct(journal, settings, profiles, self.publish.submit, self.liveness)
        self.read = Read(
            inbox,
            journal,
            self._schedule,
            settings,
            engine,
            self.correct.submit,
            self.publish.submit,
            self.liveness,
            self.publish.let_pass,
        )
        self.read.again = again
        self.claim = Claim(
            inbox,
            journal,
            self._schedule,
            settings,
            profiles,
            self.publish.submit,
            lambda: bool(self.publish.stuck),
            self.publish.let_pass,
            leases,
        )
        self._leases = leases
        self.threads: list[threading.Thread] = []
        self._log = log.get("line")

    def start(self, workers: int) -> None:
        """Take up what an earlier run left, then start the threads; the claim last."""
        self._resume()
        if self._leases:
            self._thread("leases", self._leases.run)
        self._thread("publish", self.publish.run)
        self._thread("correct", self.correct.run)
        for number in range(1, workers + 1):
            self._thread(f"read-{number}", self.read.run)
        self._thread("claim", self.claim.run)

    def _thread(self, name: str, body: Callable[[threading.Event], None]) -> None:
        thread = threading.Thread(target=body, args=(self._stop,), name=name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _resume(self) -> None:
        """A crash and a stop are taken up the same way: from the journal."""
        self.journal.pages.drop_orphans()
        self._parts.sweep(self.journal.parts_in_hand())
        left = 0
        for document in self.journal.in_state(*ACTIVE):
            left += 1
            if document.state in (State.PUBLISHING, State.PUTTING_AWAY):
                self.publish.submit(document.id)
            else:
                self._take_up(document)
        if left:
            self._log.info("taking up what was left", documents=left)

    def _take_up(self, document: Document) -> None:
        if document.pages is None:
            if document.state == State.READING:
                self.journal.move(document, State.QUEUED, "taken up after a restart")
            self._schedule.add(document.id, [CONTENTS], document.first_seen)
            return
        if document.state == State.QUEUED:
            document = self.journal.move(document, State.READING, "taken up after a restart")
        read, corrected = self.journal.pages.progress(document.id)
        if len(corrected) == document.pages:
            self.correct.finish(document)
            return
        for number in sorted(read):
            self.correct.submit(document.id, number)
        missing = [n for n in range(document.pages or 0) if n not in read and n not in corrected]
        if missing:
            self._schedule.add(document.id, missing, document.first_seen)

    def reload(self, settings: Settings, profiles: dict[str, Profile], engine: str) -> None:
        """Hand each step its new configuration; it holds from the next piece of work on."""
        self.claim.settings, self.claim.profiles = settings, profiles
        self.read.settings, self.read.engine = settings, engine
        self.publish.originals = settings.originals
        self.correct.reload(settings, profiles)
        self._settings = settings

    def dead(self) -> list[str]:
        """Names of threads that ended though nobody stopped them."""
        return [t.name for t in self.threads if not t.is_alive() and not self._stop.is_set()]

    def close(self, grace: float) -> None:
        """Stop in reverse: no new claims, the pages in hand within ``grace`` seconds, then the rest."""
        deadline = time.monotonic() + grace
        self.claim.close()
        self._schedule.close()
        self._stop.set()
        self.correct.close()
        readers = [t for t in self.threads if t.name.startswith("read-")]
        corrector = [t for t in self.threads if t.name == "correct"]
        if not _ended(readers, deadline):
            self._log.warning("the grace is over, pages in hand go back", seconds=grace)
            self.read.interrupt()
        if not _ended(corrector, deadline):
            self.correct.interrupt()
        self.publish.close()
        _ended(self.threads, max(deadline, time.monotonic()) + JOIN)
        for thread in self.threads:
            if thread.is_alive():
                self._log.warning(
                    "left behind; its work is taken up at the next start", thread=thread.name
                )

    def kill(self) -> None:
        """End every child at once, from a signal handler."""
        self.read.interrupt()
        self.correct.interrupt()


def _ended(threads: list[threading.Thread], deadline: float) -> bool:
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
