"""The origin of a document, for sidecars and error reports."""

import dataclasses
import datetime
import os
import urllib.parse
from typing import Any

import msgspec

from scanmend.document import Document, Superseded
from scanmend.errors import show
from scanmend.store import parts

SCHEMA_VERSION = 1  # of the sidecar and the error report


def source(document: Document) -> dict[str, Any]:
    """Return the file of a document. ``path_percent`` (percent-encoded) is exact even if the path is not UTF-8."""
    name = os.path.basename(document.path)
    return {
        "name": show(name),
        "path": show(document.path),
        "path_percent": urllib.parse.quote_from_bytes(document.path),
        "size": document.size,
        "sha256": document.sha256,
        "modified": iso_time(document.mtime_ns / 1e9),
        "media_type": document.media_type,
        "pages": document.pages,
    }


def part_of(document: Document) -> dict[str, Any] | None:
    """Return the file in which a part was embedded, and its name there; None for a file of the inbox."""
    origin = parts.part_of(document)
    if origin is None:
        return None
    path = urllib.parse.unquote_to_bytes(origin.path_percent)
    return {
        "name": show(os.path.basename(path)),
        "path": show(path),
        "path_percent": origin.path_percent,
        "sha256": origin.sha256,
        "attachment": show(origin.attachment),
    }


def superseded(document: Document) -> Superseded | None:
    """Return the earlier result that the document's result replaces, or None."""
    return (
        msgspec.json.decode(document.supersedes, type=Superseded) if document.supersedes else None
    )


def supersedes(document: Document) -> dict[str, Any] | None:
    """Return the sidecar's ``supersedes``."""
    found = superseded(document)
    return dataclasses.asdict(found) if found else None


def iso_time(moment: float) -> str:
    """Return seconds since the epoch as ISO 8601 with milliseconds, in UTC."""
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")
