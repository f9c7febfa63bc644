"""Write a document's result into the outbox."""

import functools
import os
from collections.abc import Iterator

import msgspec

from scanmend import file_types
from scanmend.document import Document, State, Superseded
from scanmend.errors import MachineError, show
from scanmend.formats import provenance, sidecar
from scanmend.formats.continuation import continues
from scanmend.formats.registry import extensions
from scanmend.formats.result import Result
from scanmend.intake.events import Look, Unrelated
from scanmend.intake.lease_folders import PublishedMark
from scanmend.intake.reopening import COMES_BACK_SECONDS
from scanmend.page import PageError, PageResult
from scanmend.pipeline.context import Stores
from scanmend.pipeline.folders import require
from scanmend.pipeline.queues import Queues
from scanmend.store import atomic, naming
from scanmend.store.journal import PUBLISHED
from scanmend.telemetry import log

# to which a scanner may add pages
_GROWING_TYPES = (file_types.PDF.media_type, file_types.TIFF.media_type)


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
        if gone and not self._must_go_on(folder, document):
            return self._give_up(document, folder, gone)
        if error := self._common_error(document):
            return journal.move(document, State.PUTTING_AWAY, error.what, outcome=error.code)
        atomic.make_folder(folder)
        if document.stem is None:
            document = self._name(document)
        self._remove_superseded(folder, document)
        result = Result(document, document.stem or "", functools.partial(self._pages, document))
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
        if document.stem is not None and not document.supersedes:
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

    def _must_go_on(self, folder: bytes, document: Document) -> bool:
        """Return whether the result is complete, or an earlier one was removed in its favour.

        The sidecar is written last, and the sidecar of an earlier result is removed first.
        """
        if document.stem is None:
            return False
        path = os.path.join(folder, naming.fit(document.stem, naming.SIDECAR_EXTENSION))
        if not os.path.isfile(path):
            return bool(document.supersedes)
        return sidecar.is_of(path, document)

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

    def _name(self, document: Document) -> Document:
        """Choose the names of the result: those of an earlier result that it continues, else free ones."""
        old = self._continued(document)
        if old is None or old.stem is None:
            return self._stores.journal.note_stem(document, self._free_stem(document))
        before = provenance.superseded(old)
        earlier = (before.sha256, *before.earlier) if before else ()
        superseded = Superseded(old.sha256, old.pages or 0, earlier)
        self._log.info("replaces an earlier result", document=document.name, stem=old.stem)
        text = msgspec.json.encode(superseded).decode()
        return self._stores.journal.note_stem(document, old.stem, text)

    def _continued(self, document: Document) -> Document | None:
        """Return the earlier document of this path whose pages stand at the beginning of this one, or None."""
        if document.media_type not in _GROWING_TYPES:
            return None
        old = self._stores.journal.published_before(document)
        if old is None or old.stem is None or old.media_type != document.media_type:
            return None
        if old.sha256 == document.sha256:  # the same file once more
            return None
        path = naming.result_path(self._outbox, document.path, old.stem, naming.SIDECAR_EXTENSION)
        if not os.path.isfile(path) or not sidecar.is_of(path, old):
            return None  # somebody has taken the result away, or put another file in its place
        if continues(path, self._pages(document)):
            return old
        if document.first_seen - old.since <= COMES_BACK_SECONDS:
            self._queues.events.put(Unrelated(document.path))
        return None

    def _remove_superseded(self, folder: bytes, document: Document) -> None:
        """Remove the sidecar of an earlier result that is to be replaced: none may stand beside another text."""
        if not document.supersedes:
            return
        path = os.path.join(folder, naming.fit(document.stem or "", naming.SIDECAR_EXTENSION))
        if os.path.isfile(path) and not sidecar.is_of(path, document):
            os.unlink(path)
            atomic.sync_folder(folder)

    def _free_stem(self, document: Document) -> str:
        is_own = functools.partial(sidecar.is_of, document=document)
        path, sha256 = document.path, document.sha256
        return naming.free_stem(self._outbox, path, sha256, extensions(), is_own)
