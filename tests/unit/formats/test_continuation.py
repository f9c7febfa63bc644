"""Test which results continue an earlier one: the pages it had come first, and more follow."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import results
from scanmend.formats import sidecar
from scanmend.formats.continuation import continues, pages_of
from scanmend.formats.summary import Summary
from scanmend.page import Box, Correction, CorrectionStatus, Line, PageError, PageResult, PageText

NOTHING = Correction(CorrectionStatus.NOTHING)
LETTER = ("Dear Mrs Winterbourne", "the amount due is 150.90 in total", "please pay before noon")


def _page(index: int, texts: Sequence[str] = LETTER, moved: float = 0.0) -> PageResult:
    lines = tuple(
        Line(text, Box(10 + moved, 20 * n + moved, 90, 20 * n + 15), 0.98)
        for n, text in enumerate(texts)
    )
    page = PageText(index, 1000, 700, 150, 0, lines, results.FIRST.page.engine)
    return PageResult(page, tuple(texts), (), NOTHING)


def _bad_page(index: int) -> PageResult:
    return PageResult(PageText.failed(index, PageError("died", "it died")), (), (), NOTHING)


SECOND = _page(1, ["page 2"])


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "old.json"


def _write(path: Path, pages: list[PageResult]) -> bytes:
    summary = Summary()
    for _ in summary.gather(pages):
        pass
    document = dataclasses.replace(results.DOCUMENT, pages=len(pages))
    path.write_bytes(b"".join(sidecar.write(document, {"text": "old.txt"}, summary, 0, {}, pages)))
    return bytes(path)


def test_the_pages_of_a_sidecar_are_read_one_by_one(written: Path) -> None:
    path = _write(written, [_page(0), SECOND])

    assert [page["number"] for page in pages_of(path)] == [1, 2]
    assert list(pages_of(path))[1]["lines"][0]["ocr"] == "page 2"


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([_page(0), SECOND], True),
        ([_page(0), SECOND, _page(2)], True),
        ([_page(0), _bad_page(1)], True),
        ([_page(0, moved=3.5), SECOND], True),
        ([_page(0, [LETTER[0], LETTER[1].replace("amount", "arnount"), LETTER[2]]), SECOND], True),
        ([_page(0)], False),  # nothing follows
        ([], False),
        ([SECOND, _page(1)], False),
        ([_bad_page(0), SECOND], False),
        ([_page(0, moved=9), SECOND], False),
        ([_page(0, [LETTER[0], LETTER[1].replace("150", "160"), LETTER[2]]), SECOND], False),
        ([_page(0, LETTER[:2]), SECOND], False),
    ],
    ids=[
        "one more",
        "two more",
        "a bad one more",
        "moved a little",
        "a letter misread",
        "the same pages",
        "no pages",
        "other order",
        "the old page is bad now",
        "moved far",
        "another digit",
        "a line less",
    ],
)
def test_the_old_pages_must_come_first(
    written: Path, pages: list[PageResult], expected: bool
) -> None:
    assert continues(_write(written, [_page(0)]), pages) is expected


def test_pages_without_text_tell_nothing(written: Path) -> None:
    assert not continues(_write(written, [_page(0, [])]), [_page(0, []), SECOND])
    assert not continues(_write(written, [_page(0, ["- 1 -"])]), [_page(0, ["- 1 -"]), SECOND])


def test_a_bad_page_of_the_old_result_may_be_any_page(written: Path) -> None:
    old = _write(written, [_page(0), _bad_page(1)])

    assert continues(old, [_page(0), SECOND, _page(2)])


def test_another_size_or_turn_is_another_page(written: Path) -> None:
    old = _write(written, [_page(0)])
    changes: list[dict[str, Any]] = [{"width": 1001}, {"height": 701}, {"rotation": 90}]
    for change in changes:
        page = _page(0)
        turned = dataclasses.replace(page, page=dataclasses.replace(page.page, **change))
        assert not continues(old, [turned, SECOND])


def test_a_file_without_pages_is_continued_by_nothing(written: Path) -> None:
    written.write_bytes(b'{"source": {}}\n')

    assert not continues(bytes(written), [_page(0), SECOND])
