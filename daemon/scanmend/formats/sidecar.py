"""The sidecar: the JSON beside each result, with its provenance.

It is written as a stream, one page at a time, so that a book takes no more memory than a receipt. ``source`` stands
near the start, so that ``is_of`` need not read the pages. The schema is ``sidecar.schema.json`` beside this file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from scanmend import __version__
from scanmend.document import Document
from scanmend.formats import provenance
from scanmend.formats.summary import Summary
from scanmend.page import Box, Edit, Line, PageError, PageResult

# ``source`` stands within these; paths and names have at most 4,096 bytes
_SOURCE_WITHIN_BYTES = 64 * 2**10
_SOURCE = '"source": '


def write(
    document: Document,
    files: Mapping[str, str],
    summary: Summary,
    attempts: int,
    times: Mapping[str, float],
    pages: Iterable[PageResult],
) -> Iterator[bytes]:
    """Yield the bytes of the sidecar, page by page.

    ``files``: the names of the result's other files, by format. ``attempts``: the failed attempts at all pages.
    ``times``: moments in seconds since the epoch, by name.
    """
    engine = summary.engine or summary.text_layer
    head = {
        "schema_version": provenance.SCHEMA_VERSION,
        "source": provenance.source(document),
        "part_of": provenance.part_of(document),
        "supersedes": provenance.supersedes(document),
        "result": dict(files),
        "scanmend": {"version": __version__},
        "engine": msgspec.to_builtins(engine) if engine else None,
        "text_layer": msgspec.to_builtins(summary.text_layer) if summary.text_layer else None,
        "evaluation": bool(engine and engine.evaluation),
        "truncated": summary.truncated or bool(summary.failed),
        "model": msgspec.to_builtins(summary.model) if summary.model else None,
        "correction": summary.correction,
        "times": {name: provenance.iso_time(moment) for name, moment in times.items()},
        "seconds": {stage: round(seconds, 4) for stage, seconds in summary.seconds.items()},
        "attempts": attempts,
        "warnings": [
            *json.loads(document.warnings),
            *summary.warnings,
            *_model_warnings(summary),
        ],
    }
    yield json.dumps(head, ensure_ascii=False, indent=1)[:-2].encode() + b',\n "pages": ['
    separator = b"\n  "
    for result in pages:
        yield separator + json.dumps(page_as_json(result), ensure_ascii=False).encode()
        separator = b",\n  "
    yield b"\n ]\n}\n"


def _model_warnings(summary: Summary) -> list[str]:
    if summary.model is None:
        return []
    unused = {"GPU": summary.model.why_gpu_unused, "server": summary.model.unused_server}
    return [f"the {what} is not used: {why}" for what, why in unused.items() if why]


def page_as_json(result: PageResult) -> dict[str, Any]:
    """Return a page's entry in the sidecar."""
    page, correction = result.page, result.correction
    if page.error:
        return _failed_page(page.index, page.error)
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
        "tilt": round(page.tilt, 1),
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
        "unread": [{"box": _rounded(box)} for box in page.unread],
        "unreadable_script": page.unreadable_script,
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


def _failed_page(index: int, error: PageError) -> dict[str, Any]:
    """Return the entry of a page that could not be read: no measurements, and empty lists where others have contents."""
    lists: tuple[str, ...] = ("hidden", "unread", "suspects", "hyphenated", "lines")
    return {
        "number": index + 1,
        "error": {"code": error.code, "what": error.what},
        "truncated": True,
        "seconds": {},
        "warnings": [error.what],
        **{name: [] for name in lists},
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
        "turn": line.turn,
        "confidence": None if line.confidence is None else round(line.confidence, 4),
        "unsure": None if line.unsure is None else list(line.unsure),
        "block": line.block,
        "edits": edits,
    }


def _rounded(box: Box) -> list[float]:
    return [round(v, 1) for v in (box.x0, box.y0, box.x1, box.y1)]


def is_of(path: bytes, document: Document) -> bool:
    """Return whether an existing sidecar is of this very document, by content and path. Raise OSError."""
    owner = _owner(path)
    mine = provenance.source(document)
    return owner is not None and all(
        owner.get(key) == mine[key] for key in ("sha256", "path_percent")
    )


def _owner(path: bytes) -> dict[str, Any] | None:
    """Return the ``source`` of an existing sidecar; None if the file is no sidecar."""
    with open(path, "rb") as file:
        head = file.read(_SOURCE_WITHIN_BYTES).decode(errors="replace")
    start = head.find(_SOURCE)
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(head, start + len(_SOURCE))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
