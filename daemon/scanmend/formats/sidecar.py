"""The sidecar: the JSON beside each result that says how it came about.

Written as a stream, one page at a time, so that a book costs no more memory than a receipt. ``source``
stands first: who looks for the owner of a name need not read the pages. The schema is in
``sidecar.schema.json`` beside this file.
"""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scanmend import __version__
from scanmend.document import Document
from scanmend.errors import costs_attempts, show
from scanmend.page import TEXT_LAYER, Box, Edit, EngineInfo, Line, ModelInfo, PageResult, TextSource
from scanmend.store import parts

SCHEMA_VERSION = 1
_HEAD = 64 * 2**10  # bytes in which the source stands


@dataclass(slots=True)
class Summary:
    """What holds for the whole document, gathered from its pages one by one."""

    engine: EngineInfo | None = None
    text_layer: EngineInfo | None = None
    model: ModelInfo | None = None
    truncated: bool = False
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    prompt_sha256: str = ""
    accepted: int = 0
    rejected: int = 0
    suspects: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, result: PageResult) -> None:
        """One page more."""
        page, correction = result.page, result.correction
        if page.source != TextSource.RECOGNISED:
            self.text_layer = EngineInfo(TEXT_LAYER, importlib.metadata.version("pypdfium2"))
        if page.engine.name != TEXT_LAYER:
            self.engine = page.engine
        self.truncated |= page.truncated
        self.model = correction.model or self.model
        self.statuses[correction.status] += 1
        self.reasons.setdefault(correction.status, correction.reason)
        self.profile = correction.profile or self.profile
        self.prompt_sha256 = correction.prompt_sha256 or self.prompt_sha256
        accepted = sum(edit.accepted for edit in result.edits)
        self.accepted += accepted
        self.rejected += len(result.edits) - accepted
        self.suspects += len(result.suspects)
        for stage, seconds in page.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        self.seconds["correct"] = self.seconds.get("correct", 0.0) + correction.seconds

    @property
    def correction(self) -> dict[str, Any]:
        """The correction of the whole: the least fortunate status of its pages."""
        order = ("failed", "unavailable", "done", "nothing", "off")
        status = next((s for s in order if self.statuses[s]), "nothing")
        return {
            "status": status,
            "reason": self.reasons.get(status, ""),
            "pages": dict(self.statuses),
            "profile": self.profile,
            "prompt_sha256": self.prompt_sha256,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "suspects": self.suspects,
        }


def source(document: Document) -> dict[str, Any]:
    """Where the document came from. ``path_percent`` is exact where the name is not UTF-8."""
    name = os.path.basename(document.path)
    return {
        "name": show(name),
        "path": show(document.path),
        "path_percent": urllib.parse.quote_from_bytes(document.path),
        "size": document.size,
        "sha256": document.sha256,
        "modified": _iso(document.mtime_ns / 1e9),
        "media_type": document.media_type,
        "pages": document.pages,
    }


def part_of(document: Document) -> dict[str, Any] | None:
    """Return which file an embedded one lay in, and its name there; None for a file of the inbox."""
    where = parts.part_of(document)
    if where is None:
        return None
    path = urllib.parse.unquote_to_bytes(where.path_percent)
    return {
        "name": show(os.path.basename(path)),
        "path": show(path),
        "path_percent": where.path_percent,
        "sha256": where.sha256,
        "attachment": show(where.attachment),
    }


def chunks(
    document: Document,
    text_name: str,
    summary: Summary,
    attempts: int,
    times: dict[str, float],
    pages: Iterable[PageResult],
) -> Iterator[bytes]:
    """The whole sidecar as JSON, in pieces; ``times`` are moments since the epoch, by name."""
    engine = summary.engine or summary.text_layer
    head = {
        "schema_version": SCHEMA_VERSION,
        "source": source(document),
        "part_of": part_of(document),
        "result": {"text": text_name},
        "scanmend": {"version": __version__},
        "engine": engine.to_json() if engine else None,
        "text_layer": summary.text_layer.to_json() if summary.text_layer else None,
        "evaluation": bool(engine and engine.evaluation),
        "truncated": summary.truncated,
        "model": summary.model.to_json() if summary.model else None,
        "correction": summary.correction,
        "times": {name: _iso(moment) for name, moment in times.items()},
        "seconds": {stage: round(seconds, 4) for stage, seconds in summary.seconds.items()},
        "attempts": attempts,
        "warnings": json.loads(document.warnings),
    }
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2].encode() + b',\n "pages": ['
    separator = b"\n  "
    for result in pages:
        yield separator + json.dumps(as_json(result), ensure_ascii=False).encode()
        separator = b",\n  "
    yield b"\n ]\n}\n"


def as_json(result: PageResult) -> dict[str, Any]:
    """A page of the sidecar."""
    page, correction = result.page, result.correction
    seconds = {**page.seconds, "correct": correction.seconds}
    edits: dict[int, list[dict[str, Any]]] = {}
    for edit in result.edits:
        edits.setdefault(edit.line, []).append(_edit(edit))
    return {
        "number": page.index + 1,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "rotation": page.rotation,
        "source": page.source,
        "engine": page.engine.name,
        "truncated": page.truncated,
        "correction": {
            "status": correction.status,
            "reason": correction.reason,
            "bound": correction.bound,
            "calls": correction.calls,
            "tokens": correction.tokens,
            "method": correction.method,
        },
        "seconds": {stage: round(s, 4) for stage, s in seconds.items()},
        "warnings": list(page.warnings),
        "hidden": [
            {"text": h.text, "box": _rounded(h.box), "reason": h.reason} for h in page.hidden
        ],
        "suspects": [
            {"line": s.line, "offset": s.start, "text": s.text, "kind": s.kind, "reason": s.reason}
            for s in result.suspects
        ],
        "hyphenated": [
            {"line": h.line, "printed": list(h.printed), "joined": h.joined}
            for h in result.hyphenated
        ],
        "lines": [
            _line(line, text, edits.get(number, []))
            for number, (line, text) in enumerate(zip(page.lines, result.lines, strict=True))
        ],
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "offset": edit.start,
        "before": edit.before,
        "after": edit.after,
        "accepted": edit.accepted,
        "rule": edit.rule,
        "margin": None if edit.margin is None else round(edit.margin, 2),
    }


def _line(line: Line, text: str, edits: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "ocr": line.text,
        "text": text,
        "source": line.source,
        "box": _rounded(line.box),
        "confidence": None if line.confidence is None else round(line.confidence, 4),
        "unsure": None if line.unsure is None else list(line.unsure),
        "block": line.block,
        "edits": edits,
    }


def _rounded(box: Box) -> list[float]:
    return [round(v, 1) for v in (box.x0, box.y0, box.x1, box.y1)]


def text_of(result: PageResult) -> str:
    """The page as text: a line each, an empty line between blocks."""
    out: list[str] = []
    for number, (line, text) in enumerate(zip(result.page.lines, result.lines, strict=True)):
        if number and line.block != result.page.lines[number - 1].block:
            out.append("")
        out.append(text)
    return "".join(line + "\n" for line in out)


def owner(path: bytes) -> dict[str, Any] | None:
    """The ``source`` of an existing sidecar; None when the file is none of ours."""
    with open(path, "rb") as file:
        head = file.read(_HEAD).decode(errors="replace")
    start = head.find('"source": ')
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(head, start + len('"source": '))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def failure(document: Document, attempts: int) -> bytes:
    """``<name>.error.json`` beside the original of a failed document."""
    report = {
        "schema_version": SCHEMA_VERSION,
        "source": source(document),
        "part_of": part_of(document),
        "reason": document.reason,
        "kind": document.outcome,
        "class": "exhausted" if costs_attempts(document.outcome) else "permanent",
        "attempts": max(attempts, 1),
        "failed": _iso(document.since),
        "versions": _versions(),
        "retry": "move the file back into the inbox, or: scanmend retry NAME",
    }
    return json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n"


def _versions() -> dict[str, str]:
    versions = {"scanmend": __version__, "python": platform.python_version()}
    for package in ("rapidocr", "aspose-ocr-python-net", "pypdfium2", "pikepdf", "pillow"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")
