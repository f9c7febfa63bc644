"""The files of a document's result, in the order in which they must be written."""

import time
from collections.abc import Callable, Iterable, Iterator

from scanmend.document import Document
from scanmend.formats import registry, sidecar
from scanmend.formats.summary import Summary
from scanmend.page import PageResult
from scanmend.store import naming

Files = Iterator[tuple[bytes, Iterator[bytes]]]


class Result:
    """The result of one document, under the stem that was chosen for it."""

    def __init__(
        self, document: Document, stem: str, pages: Callable[[], Iterable[PageResult]]
    ) -> None:
        """Write nothing yet. ``pages``: returns a new iterator over all pages at each call."""
        self.summary = Summary()
        self._document = document
        self._pages = pages
        self._names = {
            output.name: naming.fit(stem, output.extension) for output in registry.FORMATS
        }
        self._sidecar = naming.fit(stem, naming.SIDECAR_EXTENSION)

    @property
    def names(self) -> dict[str, str]:
        """Return the names of the files except the sidecar, by format."""
        return {name: file.decode() for name, file in self._names.items()}

    def files(self, attempts: int) -> Files:
        """Yield name and content of each file, the sidecar last. Consume each content before the next file.

        ``attempts``: the failed attempts at all pages. The summary is complete once the first content is consumed.
        """
        pages: Iterable[PageResult] = self.summary.gather(self._pages())
        for output in registry.FORMATS:
            yield self._names[output.name], output.write(self._document, pages)
            pages = self._pages()
        times = {"seen": self._document.first_seen, "published": time.time()}
        yield (
            self._sidecar,
            sidecar.write(self._document, self.names, self.summary, attempts, times, pages),
        )
