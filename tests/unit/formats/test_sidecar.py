"""Test the sidecar: its bytes, its schema, and the document that it belongs to."""

import dataclasses
import importlib.metadata
import json
from pathlib import Path

import jsonschema
import pytest

import results
from running import SCHEMA
from scanmend import __version__
from scanmend.formats import sidecar
from scanmend.formats.summary import Summary
from scanmend.page import PageResult

EXPECTED = Path(__file__).with_name("expected.json")
PAGES = [results.FIRST, results.SECOND]


def _written(pages: list[PageResult], path: bytes = results.DOCUMENT.path) -> bytes:
    summary = Summary()
    for _ in summary.gather(pages):
        pass
    times = {"seen": 1700000000.25, "published": 1700000002.5}
    document = dataclasses.replace(results.DOCUMENT, path=path)
    return b"".join(sidecar.write(document, {"text": "caf_.txt"}, summary, 2, times, pages))


def test_the_bytes_are_those_of_earlier_versions() -> None:
    versions = {"SCANMEND": __version__, "PYPDFIUM2": importlib.metadata.version("pypdfium2")}
    expected = EXPECTED.read_text("utf-8")
    for name, version in versions.items():
        expected = expected.replace(f'"version": "{name}"', f'"version": "{version}"')

    assert _written(PAGES).decode() == expected


def test_a_sidecar_follows_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    jsonschema.validate(json.loads(_written(PAGES)), SCHEMA)


def test_further_formats_are_named_in_the_result() -> None:
    written = json.loads(_written(PAGES))
    written["result"]["csv"] = "caf_.csv"

    jsonschema.validate(written, SCHEMA)


@pytest.mark.parametrize(("pages", "status"), [(PAGES, "done"), (PAGES[1:], "nothing")])
def test_the_status_is_the_worst_of_all_pages(pages: list[PageResult], status: str) -> None:
    assert json.loads(_written(pages))["correction"]["status"] == status


def test_an_earlier_sidecar_without_unread_ink_follows_the_schema() -> None:
    written = json.loads(_written(PAGES))
    for page in written["pages"]:
        del page["unread"]

    jsonschema.validate(written, SCHEMA)


def _is_of(data: bytes, tmp_path: Path) -> bool:
    (tmp_path / "a.json").write_bytes(data)
    return sidecar.is_of(bytes(tmp_path / "a.json"), results.DOCUMENT)


def test_a_sidecar_belongs_to_the_document_that_it_names(tmp_path: Path) -> None:
    assert _is_of(_written(PAGES), tmp_path)
    assert not _is_of(_written(PAGES, b"desk/other.pdf"), tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\xff\xfe", b'{"source": ', b'{"source": 5}', b'{"source": {}}']
)
def test_a_file_that_is_not_a_sidecar_belongs_to_no_document(data: bytes, tmp_path: Path) -> None:
    assert not _is_of(data, tmp_path)


def test_the_source_is_found_in_the_sidecar_of_the_longest_name(tmp_path: Path) -> None:
    path = b"/".join([b"\xff" * 255] * 15)
    document = dataclasses.replace(results.DOCUMENT, path=path)
    (tmp_path / "a.json").write_bytes(_written(PAGES, path))

    assert sidecar.is_of(bytes(tmp_path / "a.json"), document)
