"""Test the files of a result: all formats, then the sidecar."""

import json
from collections.abc import Iterable, Iterator

import jsonschema
import pytest

import results
from running import SCHEMA
from scanmend.document import Document
from scanmend.formats import registry
from scanmend.formats.registry import FORMATS, Format, extensions
from scanmend.formats.result import Result
from scanmend.page import PageResult


def _pages() -> Iterator[PageResult]:
    return iter([results.FIRST, results.SECOND])


def _files(made: Result) -> dict[str, bytes]:
    return {name.decode(): b"".join(content) for name, content in made.files(attempts=2)}


def test_the_sidecar_comes_last_and_names_the_other_files() -> None:
    made = Result(results.DOCUMENT, "caf_", _pages)

    files = _files(made)

    assert list(files) == ["caf_.txt", "caf_.json"]
    sidecar = json.loads(files["caf_.json"])
    jsonschema.validate(sidecar, SCHEMA)
    assert sidecar["result"] == made.names == {"text": "caf_.txt"}
    assert sidecar["attempts"] == 2
    assert sidecar["correction"]["accepted"] == 1
    assert made.summary.status == "done"


def test_a_further_format_is_written_before_the_sidecar(monkeypatch: pytest.MonkeyPatch) -> None:
    def count(_document: Document, pages: Iterable[PageResult]) -> Iterator[bytes]:
        yield b"%d pages\n" % len(list(pages))

    more = (*FORMATS, Format("count", ".count", count))
    monkeypatch.setattr(registry, "FORMATS", more)

    files = _files(Result(results.DOCUMENT, "caf_", _pages))

    assert list(files) == ["caf_.txt", "caf_.count", "caf_.json"]
    assert files["caf_.count"] == b"2 pages\n"
    assert json.loads(files["caf_.json"])["result"]["count"] == "caf_.count"
    assert extensions() == (".json", ".txt", ".count")
