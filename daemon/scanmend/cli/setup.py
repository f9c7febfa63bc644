"""`scanmend setup aspose`: get what Aspose.OCR needs, set its licence, and try a page with it."""

import argparse
import os
import sys
from dataclasses import replace

from scanmend import extras
from scanmend.backends import openssl11
from scanmend.backends.ocr_engines import environment, has_openssl, probe
from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.config.editing import set_keys
from scanmend.config.settings import AsposeSettings, Settings
from scanmend.errors import EngineUnusable, UsageError
from scanmend.page import PageText
from scanmend.resources import shipped_file
from scanmend.workers.client import Child
from scanmend.workers.protocol import PageRequest
from scanmend.workers.sandbox import Sandbox

SAMPLE_SECONDS = 300.0  # in which Aspose must read the sample
SHOWN_LINES = 5  # of the sample's text
OPENSSL_FOLDER = "openssl11"  # in folders.state


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "setup",
        "set up Aspose.OCR: get OpenSSL 1.1, set your licence, try a page",
    )
    parser.add_argument("engine", choices=["aspose"], help="the engine to set up")
    parser.add_argument(
        "--licence", metavar="FILE", help="your Aspose.OCR licence (default: the terminal asks)"
    )
    parser.add_argument(
        "--evaluation",
        action="store_true",
        help="try Aspose without a licence, which TRUNCATES the text",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Set up Aspose; return 0. Raises EngineUnusable if it can't be used, and the configuration stays as it is."""
    settings = load_config(options)
    if missing := extras.lacking("aspose"):
        raise EngineUnusable(f"not installed: {', '.join(missing)}", extras.remedy("aspose"))
    aspose = replace(settings.aspose, library_path=_library(settings))
    if options.evaluation:
        aspose = replace(aspose, licence=None, allow_evaluation=True)
    else:
        aspose = replace(aspose, licence=_licence(options.licence), allow_evaluation=False)
    _try(replace(settings, aspose=aspose))
    keys = _changed_keys(settings.aspose, aspose)
    if keys:
        set_keys(settings.file, "aspose", keys)
        print(f"written: {settings.file}: {', '.join(f'aspose.{name}' for name in keys)}")
    if aspose.licence:
        print("ocr.engine: auto now chooses Aspose; a running daemon takes it over with SIGHUP")
    else:
        print(
            "the text of each page is TRUNCATED without a licence; set ocr.engine: aspose to use it"
        )
    return 0


def _library(settings: Settings) -> str | None:
    """Return the folder with OpenSSL 1.1 for ``aspose.library_path``; None: where the loader looks anyway."""
    configured = settings.aspose.library_path
    if configured and has_openssl(configured):
        print(f"OpenSSL 1.1: {configured}")
        return configured
    if has_openssl(None):
        print("OpenSSL 1.1: the system's")
        return None
    folder = os.path.join(settings.folders.state, OPENSSL_FOLDER)
    found = openssl11.unpacked(folder)
    if found is None:
        print("OpenSSL 1.1: apt downloads the package of an older release …", flush=True)
        found = openssl11.download(folder)
    print(f"OpenSSL 1.1: {found}")
    return found


def _licence(named: str | None) -> str:
    """Return the absolute path of the licence, which the terminal asks for unless it is named. Raises UsageError."""
    if named is None and sys.stdin.isatty():
        named = input("Path of your Aspose.OCR licence file: ").strip()
    if not named:
        raise UsageError("no licence", "name it with --licence FILE, or try without: --evaluation")
    path = os.path.abspath(os.path.expanduser(named))
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file", "name your licence file with --licence")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path}: can't be read", "let this user and the service's user read it")
    return path


def _try(settings: Settings) -> None:
    """Load Aspose with these settings, read the sample with it, and show the text. Raises EngineUnusable."""
    status = probe(settings, "aspose")
    if not status.usable:
        raise EngineUnusable(f"aspose can't be used: {status.reason}", status.remedy)
    print(f"Aspose.OCR {status.version}: {'licensed' if status.licensed else 'WITHOUT A LICENCE'}")
    page = _sample(settings)
    if not page.lines:
        raise EngineUnusable("aspose reads no text on the sample page")
    print(f"a sample page in {page.seconds['ocr']:.1f} s:")
    for line in page.lines[:SHOWN_LINES]:
        print(f"  {line.text}")


def _sample(settings: Settings) -> PageText:
    child = Child("scanmend.ocr", "OCR (aspose)", environment(settings, "aspose"), 0, Sandbox())
    licence = settings.aspose.licence
    request = PageRequest(
        os.fsencode(shipped_file("etc/sample.png")),
        0,
        "aspose",
        settings.ocr.languages,
        settings.ocr.dpi,
        False,
        "always_ocr",
        int(settings.limits.pixels),
        os.fsencode(licence) if licence else None,
        settings.aspose.allow_evaluation,
    )
    try:
        return child.ask(request, SAMPLE_SECONDS)
    finally:
        child.end()


def _changed_keys(old: AsposeSettings, new: AsposeSettings) -> dict[str, str | bool | None]:
    """Return the keys of the section whose values differ."""
    return {
        name: getattr(new, name)
        for name in ("licence", "library_path", "allow_evaluation")
        if getattr(new, name) != getattr(old, name)
    }
