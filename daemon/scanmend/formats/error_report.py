"""The error report: ``<name>.error.json`` beside the original of a failed document."""

import contextlib
import importlib.metadata
import json
import platform

from scanmend import __version__
from scanmend.document import Document
from scanmend.errors import costs_attempts
from scanmend.formats import provenance

# packages whose versions may help to explain a failure
_REPORTED_PACKAGES = ("rapidocr", "aspose-ocr-python-net", "pypdfium2", "pikepdf", "pillow")


def write(document: Document, attempts: int) -> bytes:
    """Return the report of a failed document. ``attempts``: the failed attempts at all its pages."""
    report = {
        "schema_version": provenance.SCHEMA_VERSION,
        "source": provenance.source(document),
        "part_of": provenance.part_of(document),
        "reason": document.reason,
        "kind": document.outcome,
        "class": "exhausted" if costs_attempts(document.outcome) else "permanent",
        "attempts": max(attempts, 1),
        "failed": provenance.iso_time(document.since),
        "versions": _versions(),
        "retry": "move the file back into the inbox, or: scanmend retry NAME",
    }
    return json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n"


def _versions() -> dict[str, str]:
    versions = {"scanmend": __version__, "python": platform.python_version()}
    for package in _REPORTED_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
