"""Make the stores and queues of a pipeline on a test's own folders, without its threads."""

import contextlib
import dataclasses
import hashlib
import queue
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scanmend.config.profiles import Profile
from scanmend.config.settings import FoldersSettings, ModelsSettings, Settings, WatchSettings
from scanmend.document import Contents, Document, FileSnapshot, State
from scanmend.intake.inbox import Inbox
from scanmend.intake.lease import Leases
from scanmend.intake.work_queue import WorkQueue
from scanmend.pipeline.context import Context, CurrentContext, Stores
from scanmend.pipeline.folders import Roots, make_folders
from scanmend.pipeline.queues import Queues, ResultQueue
from scanmend.pipeline.scheduler import Scheduler
from scanmend.store.journal import Journal
from scanmend.store.parts import Parts
from scanmend.telemetry.liveness import Liveness

PROFILE = Profile("default", "copy")


@dataclass(frozen=True)
class Pipeline:
    """The stores and queues that a pipeline's steps share; a test drives one step by hand."""

    home: Path
    current: CurrentContext
    stores: Stores
    queues: Queues

    @property
    def context(self) -> Context:
        return self.current.get()

    @property
    def journal(self) -> Journal:
        return self.stores.journal

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    def change(self, **sections: object) -> Context:
        """Put changed settings in force; each section in ``sections`` replaces the one of its name."""
        settings = dataclasses.replace(self.context.settings, **sections)  # type: ignore[arg-type]
        self.current.replace(dataclasses.replace(self.context, settings=settings))
        return self.context

    def drop(self, name: str, data: bytes) -> FileSnapshot:
        """Write a file into the inbox and return the snapshot that the watcher would take of it."""
        path = self.inbox / name
        path.write_bytes(data)
        return FileSnapshot.of(name.encode(), path.lstat())

    def reading(self, name: str = "a.png", data: bytes = b"...", pages: int = 1) -> Document:
        """Return a document in READING whose file is in the inbox."""
        sha256 = hashlib.sha256(data).hexdigest()
        document = self.journal.claim(self.drop(name, data), sha256, "default")
        assert document is not None
        contents = Contents("image/png", pages)
        return self.journal.move(
            self.journal.keep_contents(document, contents), State.READING, "the test"
        )

    def state(self, document: Document) -> State:
        return self.journal.document(document.id).state


@contextlib.contextmanager
def new_pipeline(home: Path, engine: str = "null") -> Iterator[Pipeline]:
    """Make folders, an empty journal and queues below ``home``."""
    names = ("inbox", "outbox", "archive", "failed", "state")
    folders = FoldersSettings(*(str(home / name) for name in names))
    models = ModelsSettings(str(home / "state" / "models"))
    settings = dataclasses.replace(Settings(), folders=folders, models=models)
    make_folders(settings)
    journal = Journal.open(folders.state)
    roots = Roots.of(folders, lambda _: None)
    stores = Stores(
        journal,
        Inbox(roots.inbox, Parts(folders.state)),
        roots,
        Leases(roots.inbox, journal, settings.watch),
        Liveness(),
    )
    queues = Queues(queue.SimpleQueue(), WorkQueue(), Scheduler(), WorkQueue(), ResultQueue())
    context = Context(settings, {"default": PROFILE}, engine)
    try:
        yield Pipeline(home, CurrentContext(context), stores, queues)
    finally:
        journal.close()


class OtherDaemon:
    """The leases and the journal of another daemon on the same inbox."""

    def __init__(self, pipeline: Pipeline, state: Path) -> None:
        state.mkdir()
        self.journal = Journal.open(str(state))
        settings = WatchSettings(shared=True)
        self.leases = Leases(pipeline.stores.roots.inbox, self.journal, settings)
        self.owner = self.leases.owner

    def claim(self, snapshot: FileSnapshot, sha256: str) -> Document:
        """Take the file into work."""
        with self.leases.claiming(snapshot.path) as holder:
            assert holder is None
            document = self.journal.claim(snapshot, sha256, "default")
        assert document
        return document

    def publish(self, snapshot: FileSnapshot, sha256: str) -> None:
        """Publish the file, and leave it in the inbox with a mark."""
        document = self.claim(snapshot, sha256)
        for state in (State.READING, State.PUBLISHING, State.PUTTING_AWAY):
            document = self.journal.move(document, state, "the test")
        self.journal.move(document, State.DONE, "the test", kept=True)
        self.leases.release_if_done(snapshot.path)


@contextlib.contextmanager
def other_daemon(pipeline: Pipeline) -> Iterator[OtherDaemon]:
    """Let another daemon work on the inbox of ``pipeline`` while the block runs."""
    other = OtherDaemon(pipeline, pipeline.home / "other state")
    try:
        yield other
    finally:
        other.journal.close()
