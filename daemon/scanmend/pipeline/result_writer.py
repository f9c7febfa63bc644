"""Write a document's result into the outbox."""

import functools
import os
from collections.abc import Iterator

from scanmend.document import Document, State
from scanmend.errors import MachineError, show
from scanmend.formats import sidecar
from scanmend.formats.registry import extensions
from scanmend.formats.result import Result
from scanmend.intake.events import Look
from scanmend.intake.lease_folders import PublishedMark
from scanmend.page import PageError, PageResult
from scanmend.pipeline.context import Stores
from scanmend.pipeline.folders import require
from scanmend.pipeline.queues import Queues
from scanmend.store import atomic, naming
from scanmend.store.journal import PUBLISHED
from scanmend.telemetry import log


class ResultWriter:
    """Writes results. Belongs to the publish step's thread; raises OSError and MachineError."""

    def __init__(self, stores: Stores, queues: Queues) -> None:
        """Put attachments into ``queues.pages``, and the paths of replaced files into ``queues.events``."""
        self._stores = stores
        self._queues = queues
        self._outbox = os.fsencode(stores.roots.outbox.path)
        self._log = log.get("publish")

    def publish(self, document: Document) -> Document:
        """Write the result of a PUBLISHING document. Return it as PUTTING_AWAY, or as GONE if its file is gone."""
        journal = self._stores.journal
        require(self._stores.roots.outbox, "outbox")
        folder = naming.result_folder(self._outbox, document.path)
        gone = self._published_elsewhere(document) or self._stores.inbox.content_change(document)
        if gone and not self._is_complete(folder, document):
            return self._give_up(document, folder, gone)
        if error := self._common_error(document):
            return journal.move(document, State.PUTTING_AWAY, error.what, outcome=error.code)
        atomic.make_folder(folder)
        stem = document.stem
        if stem is None:
            stem = self._free_stem(document)
            document = journal.note_stem(document, stem)
        result = Result(document, stem, functools.partial(self._pages, document))
        for name, content in result.files(journal.pages.attempts(document.id)):
            atomic.write(os.path.join(folder, name), content)
        for warning in result.summary.warnings:
            self._log.warning("published with a warning", document=document.name, reason=warning)
        self._log.info(
            "published",
            document=document.name,
            text=show(result.names["text"]),
            correction=result.summary.status,
        )
        document = journal.move(document, State.PUTTING_AWAY, "published", outcome=PUBLISHED)
        for part in journal.parts_in_line(document):
            self._log.info("attachment queued", document=part.name, part_of=document.name)
            self._queues.pages.add_contents(part.id, part.first_seen)
        return document

    def _published_elsewhere(self, document: Document) -> str | None:
        """Return why another daemon's result counts, or None. Acquire the lease again first: it may have expired.

        Raise MachineError while another daemon works on the file.
        """
        if document.part is not None:  # its bytes are in this daemon's state folder
            return None
        holder = self._stores.leases.acquire(document.path)
        if isinstance(holder, PublishedMark):
            return f"published by {holder.owner}, which took it over"
        if holder:
            raise MachineError(f"{holder.owner} took it over; its end is waited for")
        return None

    def _give_up(self, document: Document, folder: bytes, reason: str) -> Document:
        """End the work on a file that is gone or was replaced, and remove the files of its unfinished result."""
        if document.stem is not None:
            for extension in extensions():
                path = os.path.join(folder, naming.fit(document.stem, extension))
                if extension != naming.SIDECAR_EXTENSION and os.path.isfile(path):
                    os.unlink(path)
        gone = self._stores.journal.move(document, State.GONE, reason)
        self._stores.inbox.parts.drop_below(document)
        self._log.info("gone", document=document.name, reason=reason)
        if document.part is None:
            self._queues.events.put(Look(document.path))
        return gone

    def _is_complete(self, folder: bytes, document: Document) -> bool:
        """Return whether the document's sidecar exists: it is written last, so the result is complete."""
        if document.stem is None:
            return False
        path = os.path.join(folder, naming.fit(document.stem, naming.SIDECAR_EXTENSION))
        return os.path.isfile(path) and sidecar.is_of(path, document)

    def _pages(self, document: Document) -> Iterator[PageResult]:
        pages = self._stores.journal.pages
        return (pages.result(document.id, number) for number in range(document.pages or 0))

    def _common_error(self, document: Document) -> PageError | None:
        """Return the first page's error if no page could be read, else None."""
        errors = [result.page.error for result in self._pages_to_first_read(document)]
        return errors[0] if errors and errors[-1] else None

    def _pages_to_first_read(self, document: Document) -> Iterator[PageResult]:
        """Yield the pages up to the first one that could be read."""
        for result in self._pages(document):
            yield result
            if result.page.error is None:
                return

    def _free_stem(self, document: Document) -> str:
        is_own = functools.partial(sidecar.is_of, document=document)
        path, sha256 = document.path, document.sha256
        return naming.free_stem(self._outbox, path, sha256, extensions(), is_own)
