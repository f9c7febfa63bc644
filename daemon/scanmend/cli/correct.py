"""`scanmend correct`: text that others have read, through the same model, decoding and gate."""

import contextlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TextIO

import msgspec

from scanmend.backends.gguf_files import chosen
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.cli import progress
from scanmend.config.profiles import Profile, load_profiles
from scanmend.config.settings import Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.page_result import (
    correction_of,
    gated_result,
    result_without_model,
)
from scanmend.errors import ChildError, ConfigError, ModelUnavailable, UsageError
from scanmend.formats.sidecar import page_as_json
from scanmend.page import (
    Box,
    Correction,
    CorrectionStatus,
    EngineInfo,
    Line,
    PageResult,
    PageText,
    TextSource,
)
from scanmend.telemetry import log

LINES = 60  # of a page, which is what the model sees together
CHARACTERS = 6000
_NOWHERE = Box(0, 0, 0, 0)


@dataclass(slots=True)
class _Piece:
    """An input's line, or its JSON object, whose text may have several lines."""

    record: dict[str, Any] | None
    lines: list[Line] = field(default_factory=list)


def correct(settings: Settings, files: list[str], profile: str | None, structured: bool) -> int:
    """Correct files, or standard input; the text, or with ``structured`` the pages as JSON, to standard output.

    Raises ModelUnavailable when there is no model. The exit code: 0, or that of a page's failure, whose text
    then goes out as it came in.
    """
    profiles = load_profiles(settings)
    rules = profiles.get(profile or settings.profiles.default)
    if rules is None:
        raise ConfigError(f"--profile {profile}: no such profile in {settings.profiles.directory}")
    log.set_up(replace(settings.log, level="warning"))
    directory = settings.models.directory
    assert directory is not None
    local = settings.llm.backend == "local"
    if local and chosen(settings.llm, directory) is None:
        raise ModelUnavailable(
            f"no model in {directory}: get one with: scanmend models pull, or set llm.model: builtin"
        )
    model = LanguageModel(replace(settings.llm, auto_download=False), directory, lambda *_: None)
    failed = 0
    try:
        for name in files or ["-"]:
            failed = _file(model, name, rules, structured) or failed
    finally:
        model.close()
        progress.end()
    return failed


def _file(model: LanguageModel, name: str, rules: Profile, structured: bool) -> int:
    pieces = _read(name)
    pages = _pages(pieces)
    failed = 0
    started = time.monotonic()
    results: list[PageResult] = []
    written = sum(len(page) for page in pages)
    through = 0
    for index, page in enumerate(pages):
        result = _page(model, index, [line for piece in page for line in piece.lines], rules)
        if result.correction.status == "failed":
            print(f"scanmend: {name}: {result.correction.reason}", file=sys.stderr)
            failed = ChildError.exit_code
        if structured:
            results.append(result)
        else:
            _write(page, result)
        through += len(page)
        spent = time.monotonic() - started
        progress.bar(through, written, f"{name}: {through}/{written} lines, {spent:.0f} s")
    if structured:
        _write_pages(name, results)
    return failed


def _page(model: LanguageModel, index: int, lines: list[Line], profile: Profile) -> PageResult:
    page = PageText(index, 0, 0, 0, 0, tuple(lines), EngineInfo("text", ""), TextSource.TEXT)
    rules = profile.gate_rules
    wanted = [number for number, line in enumerate(lines) if needs_correction(line, rules)]
    if not wanted:
        correction = Correction(CorrectionStatus.NOTHING, "no line needs it", profile=profile.name)
        return result_without_model(page, rules, correction)
    started = time.monotonic()
    try:
        proposal = model.propose(lines, wanted, profile)
    except ChildError as error:
        correction = Correction(CorrectionStatus.FAILED, str(error), profile=profile.name)
        return result_without_model(page, rules, correction)
    correction = correction_of(
        proposal, started, profile=profile.name, prompt_sha256=profile.prompt_sha256
    )
    return gated_result(page, proposal.lines, rules, correction)


# in and out -----------------------------------------------------------------------------------------


def _read(name: str) -> list[_Piece]:
    try:
        with contextlib.ExitStack() as stack:
            file: TextIO = sys.stdin
            if name != "-":
                file = stack.enter_context(open(name, encoding="utf-8"))
            text = file.read()
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8 at byte {error.start}; convert it first") from None
    rows = text.split("\n")
    if rows and not rows[-1]:
        rows.pop()
    if _record(next((row for row in rows if row.strip()), "")) is not None:
        return [
            _from_record(name, number, row) for number, row in enumerate(rows, 1) if row.strip()
        ]
    return [_Piece(None, [Line(row, _NOWHERE, None)]) for row in rows]


def _record(row: str) -> dict[str, Any] | None:
    """A row of JSON lines: an object with a ``text``."""
    with contextlib.suppress(ValueError):
        record = json.loads(row)
        if isinstance(record, dict) and isinstance(record.get("text"), str):
            return record
    return None


def _from_record(name: str, number: int, row: str) -> _Piece:
    record = _record(row)
    if record is None:
        raise UsageError(f"{name}:{number}: not a JSON object with a text, as the first line is")
    sure = record.get("confidence")
    if sure is not None and not (isinstance(sure, int | float) and 0 <= sure <= 1):
        raise UsageError(f"{name}:{number}: confidence: {sure!r} is no number from 0 to 1")
    lines = [Line(text, _NOWHERE, sure) for text in record["text"].split("\n")]
    return _Piece(record, lines)


def _pages(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Runs of pieces that the model sees together; a form feed ends one."""
    pages: list[list[_Piece]] = [[]]
    lines = characters = 0
    for piece in pieces:
        size = sum(len(line.text) for line in piece.lines)
        full = lines + len(piece.lines) > LINES or characters + size > CHARACTERS
        if pages[-1] and (full or piece.lines[0].text.startswith("\f")):
            pages.append([])
            lines = characters = 0
        pages[-1].append(piece)
        lines += len(piece.lines)
        characters += size
    return [page for page in pages if page]


def _write(page: list[_Piece], result: PageResult) -> None:
    texts: Iterator[str] = iter(result.lines)
    for piece in page:
        text = "\n".join(itertools.islice(texts, len(piece.lines)))
        if piece.record is not None:
            text = json.dumps({**piece.record, "text": text}, ensure_ascii=False)
        print(text)
    sys.stdout.flush()


def _write_pages(name: str, results: list[PageResult]) -> None:
    """The page structure of the sidecar; what only a picture has is null."""
    pages = []
    for result in results:
        page = page_as_json(result)
        page |= dict.fromkeys(("width", "height", "dpi", "rotation"))
        for line in page["lines"]:
            line["box"] = None
        pages.append(page)
    model = next((r.correction.model for r in results if r.correction.model), None)
    head = {"source": name, "model": msgspec.to_builtins(model) if model else None, "pages": pages}
    print(json.dumps(head, ensure_ascii=False))
