"""`scanmend models`: what is on the shelf, getting, checking and removing models."""

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from scanmend.backends.download import DOWNLOAD_SECONDS
from scanmend.backends.gguf_files import ModelFile, builtin, chosen, files
from scanmend.backends.llm_children import llm_child
from scanmend.cli import progress
from scanmend.config.settings import BUILTIN, Settings
from scanmend.errors import ScanmendError, UsageError
from scanmend.gguf_notes import NOTES_SUFFIX, Notes
from scanmend.workers.protocol import (
    DigestRequest,
    DownloadBegun,
    Downloaded,
    FetchRequest,
    ListingRequest,
    Progress,
    Request,
)
from scanmend.workers.sandbox import Sandbox

R = TypeVar("R")

OURS = "apache-2.0"
VERIFY_SECONDS = 24 * 3600.0
LISTING_SECONDS = 120.0


def show_list(settings: Settings, as_json: bool) -> int:
    """Print the models of the folder; the one that the configuration means is marked."""
    directory = _directory(settings)
    used = chosen(settings.llm, directory)
    rows = [_row(m, os.path.relpath(m.path, directory), used) for m in files(directory)]
    rows += [_row(m, BUILTIN, used) for m in files(os.path.dirname(builtin()))]
    if as_json:
        print(json.dumps({"directory": directory, "models": rows}, indent=1))
        return 0
    if len(rows) == 1:
        print(f"no model in {directory}; get one with: scanmend models pull")
    for row in rows:
        mark = "*" if row["used"] else " "
        state = "" if row["whole"] else "  DAMAGED, or a part is missing"
        licence = f"  {row['licence']}" if row["licence"] else ""
        print(f"{mark} {row['name']}  {_size(row['size'])}{licence}{state}")
    if used:
        print("(* is used: llm.model, llm.repo_id and llm.quantization choose it)")
    return 0


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _row(model: ModelFile, name: str, used: str | None) -> dict[str, Any]:
    licence = OURS if name == BUILTIN else Notes(model.path).get("licence")
    return {
        "name": name,
        "size": model.size,
        "files": len(model.parts),
        "whole": model.whole,
        "used": model.path == used,
        "licence": licence,
    }


def pull(settings: Settings, repository: str | None, quantization: str | None) -> int:
    """Download a model; its licence is shown before."""
    llm = replace(
        settings.llm,
        repo_id=repository or settings.llm.repository,
        quantization=quantization or settings.llm.quantization,
    )
    directory = _directory(settings)
    os.makedirs(directory, exist_ok=True)
    request = FetchRequest(llm.repository, llm.quantization, os.fsencode(directory))
    try:
        fetched = _ask(request, DOWNLOAD_SECONDS, _progress, (directory,))
    finally:
        progress.end()
    print(os.fsdecode(fetched.file))
    return 0


def _progress(step: Progress) -> None:
    match step:
        case DownloadBegun(licence, files, size):
            print(f"{', '.join(files)}: {size / 1e9:.2f} GB, licence: {licence}", flush=True)
        case Downloaded(file, done, total, checking) if total:
            said = "checking" if checking else ""
            progress.bar(done, total, f"{file}: {done / 1e6:.0f} of {total / 1e6:.0f} MB {said}")


def verify(settings: Settings, names: list[str]) -> int:
    """Compare each model's sha256 with the Hub's; 1 when one differs."""
    directory = _directory(settings)
    worst = 0
    for model in _named(directory, names):
        for part in model.parts:
            code, said = _verify(settings, part)
            print(f"{os.path.relpath(part, directory)}: {said}")
            worst = max(worst, code)
    return worst


def _verify(settings: Settings, path: str) -> tuple[int, str]:
    digest = _ask(DigestRequest(os.fsencode(path)), VERIFY_SECONDS).sha256
    noted = Notes(path)
    repository = noted.text("repo_id") or settings.llm.repository
    name = noted.text("file") or os.path.basename(path)
    where = "the Hub's"
    try:
        directory = _directory(settings)
        request = ListingRequest(repository, noted.text("revision"), "", os.fsencode(directory))
        files = _ask(request, LISTING_SECONDS, writable=(directory,)).files
        same = (f for f in files if os.path.basename(f.name) == os.path.basename(name))
        wanted = next((f.sha256 for f in same), None)
    except ScanmendError as error:
        wanted = noted.text("hub_sha256")
        where = f"that of its download ({error})"
    if wanted is None:
        return 0, f"not known to {repository}; its sha256 is {digest}"
    if wanted != digest:
        remedy = "remove it and pull it again: scanmend models remove, scanmend models pull"
        return 1, f"DAMAGED: its sha256 {digest} is not {where}, {wanted}; {remedy}"
    return 0, f"whole: its sha256 is {where}"


def remove(settings: Settings, names: list[str]) -> int:
    """Remove models, and what was noted of them."""
    directory = _directory(settings)
    for model in _named(directory, names):
        for part in model.parts:
            for path in (part, f"{part}{NOTES_SUFFIX}"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        print(
            f"{os.path.relpath(model.path, directory)}: removed, {model.size / 1e9:.2f} GB are free"
        )
    return 0


def _named(directory: str, names: list[str]) -> list[ModelFile]:
    """The models of these names; all when none is given."""
    models = files(directory)
    found = []
    for name in names:
        fitting = [
            m for m in models if name in (m.name, m.path, os.path.relpath(m.path, directory))
        ]
        if len(fitting) != 1:
            there = ", ".join(os.path.relpath(m.path, directory) for m in models) or "none"
            what = "several models are called so" if fitting else "no such model"
            raise UsageError(f"{name}: {what} in {directory}; there is: {there}")
        found += fitting
    return found if names else models


def _directory(settings: Settings) -> str:
    assert settings.models.directory is not None
    return settings.models.directory


def _ask(
    request: Request[R],
    seconds: float,
    progress: Callable[[Progress], None] | None = None,
    writable: tuple[str, ...] = (),
) -> R:
    child = llm_child("models", Sandbox("", writable, network=True))
    try:
        return child.ask(request, seconds, progress)
    finally:
        child.end()
