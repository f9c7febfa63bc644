"""Test the summary of a document: the warnings that its pages give rise to."""

import dataclasses

import pytest

import results
from scanmend.formats.summary import MAX_UNREAD_WARNINGS, Summary
from scanmend.page import Box, PageResult


def _page(index: int, places: int) -> PageResult:
    page = dataclasses.replace(results.SECOND.page, index=index, unread=(Box(0, 0, 5, 5),) * places)
    return dataclasses.replace(results.SECOND, page=page)


def _warnings(*pages: PageResult) -> tuple[str, ...]:
    summary = Summary()
    for page in pages:
        summary.add(page)
    return summary.warnings


def test_a_document_whose_ink_was_read_has_no_warning() -> None:
    assert _warnings(_page(0, 0), _page(1, 0)) == ()


def test_a_warning_names_the_page_and_the_number_of_places() -> None:
    assert _warnings(_page(0, 0), _page(2, 2), _page(1, 1)) == (
        "page 2: 1 place with ink that could not be read (see pages[].unread)",
        "page 3: 2 places with ink that could not be read (see pages[].unread)",
    )


@pytest.mark.parametrize(("more", "last"), [(1, "1 more page has"), (490, "490 more pages have")])
def test_a_book_names_the_first_pages_and_counts_the_rest(more: int, last: str) -> None:
    warnings = _warnings(*(_page(index, 1) for index in range(MAX_UNREAD_WARNINGS + more)))

    assert len(warnings) == MAX_UNREAD_WARNINGS + 1
    assert warnings[0].startswith("page 1: ")
    assert warnings[-1] == f"{last} ink that could not be read (see pages[].unread)"


def test_pages_in_an_unreadable_script_are_named_in_one_warning() -> None:
    summary = Summary()
    for index in range(12):
        page = dataclasses.replace(results.SECOND.page, index=index, unreadable_script=index != 3)
        summary.add(dataclasses.replace(results.SECOND, page=page))

    (warning,) = summary.warnings
    assert warning.startswith("unreadable-script: pages 1, 2, 3, 5, 6, 7, 8, 9, 10, 11 and more in")
