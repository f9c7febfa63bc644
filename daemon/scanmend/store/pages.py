"""The pages of documents in work: their texts, results and failed attempts, stored over restarts.

The journal deletes them when their document is not in work any more.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scanmend.store.database import Database

# imported late: `scanmend status` needs no page, and msgspec with these types would take a fifth of its time
if TYPE_CHECKING:
    from scanmend.page import PageResult, PageText


class Pages:
    """The pages in one journal. ``document`` is an id, ``number`` a page's index from 0.

    All methods raise MachineError if the journal fails.
    """

    def __init__(self, database: Database) -> None:
        """Read and write the pages of this database."""
        self._db = database

    def keep_text(self, document: int, text: PageText) -> None:
        """Store a page as it was read."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO pages (document, number, text) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET text = excluded.text",
                (document, text.index, _encoded(text)),
            )

    def keep_result(self, document: int, result: PageResult) -> None:
        """Store a page as it was corrected, and delete its text, which the result contains."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO pages (document, number, result) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET result = excluded.result, text = NULL",
                (document, result.page.index, _encoded(result)),
            )

    def text(self, document: int, number: int) -> PageText | None:
        """Return a page as it was read; None if it was not read, or is corrected already."""
        import msgspec  # noqa: PLC0415

        from scanmend.page import PageText  # noqa: PLC0415

        row = self._db.row(
            "SELECT text FROM pages WHERE document = ? AND number = ?", document, number
        )
        return msgspec.json.decode(row[0], type=PageText) if row and row[0] else None

    def result(self, document: int, number: int) -> PageResult:
        """Return a page as it was corrected. Raise LookupError if it was not corrected."""
        import msgspec  # noqa: PLC0415

        from scanmend.page import PageResult  # noqa: PLC0415

        row = self._db.row(
            "SELECT result FROM pages WHERE document = ? AND number = ?", document, number
        )
        if not row or not row[0]:
            raise LookupError(f"page {number} of document {document} has no result")
        return msgspec.json.decode(row[0], type=PageResult)

    def progress(self, document: int) -> tuple[set[int], set[int]]:
        """Return the numbers of the pages that are read but not corrected, and of the corrected pages."""
        rows = self._db.rows(
            "SELECT number, result IS NOT NULL FROM pages WHERE document = ?"
            " AND (text IS NOT NULL OR result IS NOT NULL)",
            document,
        )
        corrected = {number for number, is_corrected in rows if is_corrected}
        return {number for number, _ in rows} - corrected, corrected

    def count_attempt(self, document: int, number: int, failure: str) -> int:
        """Count a failed attempt at a page. Return the number of its attempts, those before restarts included."""
        with self._db.transaction() as db:
            attempts: int = db.execute(
                "INSERT INTO pages (document, number, attempts, failure) VALUES (?, ?, 1, ?) ON CONFLICT DO"
                " UPDATE SET attempts = attempts + 1, failure = excluded.failure RETURNING attempts",
                (document, number, failure),
            ).fetchone()[0]
        return attempts

    def attempts(self, document: int) -> int:
        """Return the number of failed attempts over all pages of a document."""
        total: int = self._db.row(
            "SELECT coalesce(sum(attempts), 0) FROM pages WHERE document = ?", document
        )[0]
        return total

    def drop_orphans(self) -> None:
        """Delete the pages of documents that are not in work any more."""
        with self._db.transaction() as db:
            db.execute(
                "DELETE FROM pages WHERE (SELECT state FROM documents WHERE id = document) IN"
                " ('done', 'failed', 'gone')"
            )

    def drop_unreadable(self) -> int:
        """Delete the texts and results that this version can't decode, so that their pages are read again.

        Return how many there were. An earlier version may have stored them in another form.
        """
        import msgspec  # noqa: PLC0415

        unreadable = 0
        for document, number in self._db.rows("SELECT document, number FROM pages"):
            try:
                if self.text(document, number) is None:
                    # the row only counts its failed attempts
                    with contextlib.suppress(LookupError):
                        self.result(document, number)
            except msgspec.DecodeError:
                unreadable += 1
                with self._db.transaction() as db:
                    db.execute(
                        "UPDATE pages SET text = NULL, result = NULL WHERE document = ? AND number = ?",
                        (document, number),
                    )
        return unreadable


def _encoded(page: PageText | PageResult) -> str:
    """Return a page as JSON."""
    import msgspec  # noqa: PLC0415

    return msgspec.json.encode(page).decode()
