"""Test the text of a result."""

import dataclasses

import results
from scanmend.formats import text


def test_a_blank_line_separates_blocks_and_a_form_feed_pages() -> None:
    written = b"".join(text.write(results.DOCUMENT, [results.FIRST, results.SECOND]))

    assert written.decode() == "Total 12,50\n\ndrawn “ß”\n\f"


def test_a_lone_surrogate_is_replaced() -> None:
    page = dataclasses.replace(results.FIRST, lines=("a\ud800b", "c"))

    assert b"".join(text.write(results.DOCUMENT, [page])) == b"a?b\n\nc\n"
