"""`scanmend models`: list, download, verify and remove models."""

import argparse
import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scanmend.backends.download import DOWNLOAD_SECONDS
from scanmend.backends.gguf_files import ModelFile, builtin, chosen, files
from scanmend.backends.llm_children import llm_child
from scanmend.backends.packaged_model import packaged
from scanmend.cli import progress
from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.cli.model_choice import describe_choice
from scanmend.config.settings import BUILTIN, Settings
from scanmend.errors import ScanmendError, UsageError
from scanmend.gguf_notes import NOTES_SUFFIX, Notes
from scanmend.telemetry import log
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

BUILTIN_LICENCE = "apache-2.0"
DIGEST_SECONDS = 24 * 3600.0  # in which a child must read a model; the disk may be slow
LISTING_SECONDS = 120.0  # in which the Hub must list a repository
_NAME_HELP = "a name as in `scanmend models list`"


def add_parser(commands: Commands) -> None:
    """Add the command and its actions to the parser."""
    parser = add_command(commands, "models", "list, download, verify and remove models")
    actions = parser.add_subparsers(prog="scanmend models", metavar="ACTION", required=True)
    action = add_command(actions, "list", "list the models; * marks the one in use")
    action.add_argument("--json", action="store_true", help="print JSON, for programs")
    action.set_defaults(run=run_list)
    action = add_command(actions, "pull", "download a model from the Hugging Face Hub")
    action.add_argument("--repo", metavar="OWNER/NAME", help="default: llm.repo_id")
    action.add_argument("--quantization", metavar="NAME", help="default: llm.quantization")
    action.set_defaults(run=run_pull)
    action = add_command(actions, "verify", "compare the models' checksums with the Hub's")
    action.add_argument("names", nargs="*", metavar="NAME", help=f"{_NAME_HELP}; default: all")
    action.set_defaults(run=run_verify)
    action = add_command(actions, "remove", "remove models from the disk")
    action.add_argument("names", nargs="+", metavar="NAME", help=_NAME_HELP)
    action.set_defaults(run=run_remove)


# list -----------------------------------------------------------------------------------------------


def run_list(options: argparse.Namespace) -> int:
    """Print the models in the folder, that of an installed package and the built-in one; mark the one in use."""
    settings = load_config(options)
    directory = settings.models.directory
    used = chosen(settings.llm, directory)
    rows = [_row(model, os.path.relpath(model.path, directory), used) for model in files(directory)]
    package = packaged()
    if package:
        file = ModelFile(package.path, (package.path,), os.path.getsize(package.path))
        rows.append({**_row(file, package.path, used), "licence": package.licence})
    rows += [_row(model, BUILTIN, used) for model in files(os.path.dirname(builtin()))]
    if options.json:
        print(json.dumps({"directory": directory, "models": rows}, indent=1))
    else:
        _print_rows(rows, directory)
        print(f"model: {describe_choice(settings)}")
    return 0


def _row(model: ModelFile, name: str, used: str | None) -> dict[str, Any]:
    """Return a model as an object of `--json`. ``used``: the path of the model in use."""
    licence = BUILTIN_LICENCE if name == BUILTIN else Notes(model.path).get("licence")
    return {
        "name": name,
        "size": model.size,
        "files": len(model.parts),
        "whole": model.whole,
        "used": model.path == used,
        "licence": licence,
    }


def _print_rows(rows: Sequence[dict[str, Any]], directory: str) -> None:
    if not files(directory):
        print(f"no model in {directory}; download one with: scanmend models pull")
    for row in rows:
        mark = "*" if row["used"] else " "
        licence = f"  {row['licence']}" if row["licence"] else ""
        damage = "" if row["whole"] else "  DAMAGED or incomplete"
        print(f"{mark} {row['name']}  {_size(row['size'])}{licence}{damage}")
    if any(row["used"] for row in rows):
        print("* is in use; llm.model, llm.repo_id and llm.quantization select it")


def _size(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


# pull -----------------------------------------------------------------------------------------------


def run_pull(options: argparse.Namespace) -> int:
    """Download a model: print its licence first, and its path at the end."""
    settings = _configured(options)
    directory = settings.models.directory
    os.makedirs(directory, exist_ok=True)
    request = FetchRequest(
        repo_id=options.repo or settings.llm.repository,
        quantization=options.quantization or settings.llm.quantization,
        directory=os.fsencode(directory),
    )
    try:
        fetched = _ask(request, DOWNLOAD_SECONDS, directory, _print_progress)
    finally:
        progress.end()
    print(os.fsdecode(fetched.file))
    return 0


def _print_progress(reported: Progress) -> None:
    match reported:
        case DownloadBegun(licence, files, size):
            print(f"{', '.join(files)}: {size / 1e9:.2f} GB, licence: {licence}", flush=True)
        case Downloaded(file, done, total, checking) if total:
            note = ", checking" if checking else ""
            text = f"{file}: {done / 1e6:.0f} of {total / 1e6:.0f} MB{note}"
            progress.draw(done, total, text)


# verify ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published:
    """A file's published digest, and in words who published it; ``sha256`` None: unknown."""

    sha256: str | None
    source: str


def run_verify(options: argparse.Namespace) -> int:
    """Compare each model's digest with the Hub's; return 1 if one differs."""
    settings = _configured(options)
    directory = settings.models.directory
    exit_code = 0
    for model in _named(directory, options.names):
        for path in model.parts:
            damaged, text = _verify(settings, path)
            print(f"{os.path.relpath(path, directory)}: {text}")
            exit_code = 1 if damaged else exit_code
    return exit_code


def _verify(settings: Settings, path: str) -> tuple[bool, str]:
    """Return whether a file is damaged, and the finding in words."""
    digest = _ask(DigestRequest(os.fsencode(path)), DIGEST_SECONDS).sha256
    notes = Notes(path)
    repository = notes.text("repo_id") or settings.llm.repository
    published = _published(settings, repository, notes, os.path.basename(path))
    if published.sha256 is None:
        return False, f"not in {repository}; its sha256 is {digest}"
    if published.sha256 == digest:
        return False, f"whole: its sha256 is {published.source}"
    remedy = "remove it and download it again: scanmend models remove, scanmend models pull"
    difference = f"its sha256 {digest} is not {published.source}, {published.sha256}"
    return True, f"DAMAGED: {difference}; {remedy}"


def _published(settings: Settings, repository: str, notes: Notes, name: str) -> Published:
    """Return a file's digest from the Hub; if the Hub can't be reached, the one noted at the download."""
    directory = settings.models.directory
    request = ListingRequest(repository, notes.text("revision"), "", os.fsencode(directory))
    try:
        listing = _ask(request, LISTING_SECONDS, directory).files
    except ScanmendError as error:
        return Published(notes.text("hub_sha256"), f"that of its download ({error})")
    base = os.path.basename(notes.text("file") or name)
    digests = (file.sha256 for file in listing if os.path.basename(file.name) == base)
    return Published(next(digests, None), "the Hub's")


# remove ---------------------------------------------------------------------------------------------


def run_remove(options: argparse.Namespace) -> int:
    """Remove models and the facts beside them."""
    directory = load_config(options).models.directory
    for model in _named(directory, options.names):
        for part in model.parts:
            for path in (part, f"{part}{NOTES_SUFFIX}"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        name = os.path.relpath(model.path, directory)
        print(f"{name}: removed, {_size(model.size)} freed")
    return 0


# for all actions ------------------------------------------------------------------------------------


def _configured(options: argparse.Namespace) -> Settings:
    """Return the settings, after setting up the log."""
    settings = load_config(options)
    log.set_up(settings.log)
    return settings


def _named(directory: str, names: Sequence[str]) -> list[ModelFile]:
    """Return the models with these names; all models if ``names`` is empty. Raises UsageError for an unknown name."""
    models = files(directory)
    return [_find(directory, models, name) for name in names] if names else models


def _find(directory: str, models: Sequence[ModelFile], name: str) -> ModelFile:
    """Return the model of a name or path. Raises UsageError unless there is exactly one."""
    matches = [m for m in models if name in (m.name, m.path, os.path.relpath(m.path, directory))]
    if len(matches) == 1:
        return matches[0]
    problem = "several models have this name" if matches else "no such model"
    known = ", ".join(os.path.relpath(m.path, directory) for m in models) or "none"
    raise UsageError(f"{name}: {problem} in {directory}", f"there is: {known}")


def _ask(
    request: Request[R],
    seconds: float,
    writable: str | None = None,
    report: Callable[[Progress], None] | None = None,
) -> R:
    """Return the reply of an LLM child that has the network, and may write to one folder. Raises ScanmendError."""
    sandbox = Sandbox("", (writable,) if writable else (), network=True)
    child = llm_child("models", sandbox)
    try:
        return child.ask(request, seconds, report)
    finally:
        child.end()
