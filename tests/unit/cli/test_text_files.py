"""Test the text of other programs: how it is read, divided into pages and written in the same format."""

import json
from pathlib import Path

import pytest

from scanmend.cli.text_files import (
    MAX_PAGE_CHARACTERS,
    MAX_PAGE_LINES,
    read_records,
    split_pages,
    write_page,
)
from scanmend.errors import UsageError


def _file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "in.txt"
    path.write_bytes(text.encode("latin-1"))
    return str(path)


def test_plain_text_is_read_and_written_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = read_records(_file(tmp_path, "a\n\nb\n"))

    assert [[line.text for line in record.lines] for record in records] == [["a"], [""], ["b"]]
    write_page(records, ["A", "", "B"])
    assert capsys.readouterr().out == "A\n\nB\n"


def test_json_lines_keep_their_other_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"id": 1, "text": "a\nb", "confidence": 0.5}, {"id": 2, "text": "c"}]
    text = "\n\n".join(json.dumps(row) for row in rows)

    records = read_records(_file(tmp_path, text))

    assert [line.confidence for record in records for line in record.lines] == [0.5, 0.5, None]
    write_page(records, ["A", "B", "C"])
    written = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert written == [{**rows[0], "text": "A\nB"}, {**rows[1], "text": "C"}]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("", []),
        ("x\n" * (MAX_PAGE_LINES + 1), [MAX_PAGE_LINES, 1]),
        (f"{'x' * (MAX_PAGE_CHARACTERS - 1)}\nxx\n", [1, 1]),
        (f"{'x' * (MAX_PAGE_CHARACTERS + 1)}\nx\n", [1, 1]),
        ("a\nb\n\fc\nd\n", [2, 2]),
        ("\fa\nb\n", [2]),
    ],
)
def test_text_is_divided_at_form_feeds_and_at_the_limits_of_a_page(
    tmp_path: Path, text: str, sizes: list[int]
) -> None:
    pages = split_pages(read_records(_file(tmp_path, text)))

    assert [len(page) for page in pages] == sizes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("caf\xe9", "not UTF-8 at byte 3; convert it first"),
        ('{"text": "a"}\nplain\n', ":2: not a JSON object with a text"),
        ('{"text": "a", "confidence": 7}\n', ":1: confidence: 7 is not a number from 0 to 1"),
    ],
)
def test_the_error_for_unreadable_text_names_the_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        read_records(_file(tmp_path, text))

    assert message in str(error.value)
