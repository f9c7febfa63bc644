"""Choose the OCR engine, and find out whether it can be used. The daemon imports no engine.

The daemon itself looks for missing packages and libraries. A child tries the rest, since a .NET runtime without OpenSSL
1.1 ends its whole process.
"""

import glob
import importlib.metadata
import os
from collections.abc import Sequence
from dataclasses import dataclass

from scanmend import extras
from scanmend.config.settings import Settings
from scanmend.errors import Died, EngineUnusable, ScanmendError
from scanmend.languages import (
    KNOWN_CODES,
    UNREAD_LETTERS,
    listed,
    nearest_code,
    packages,
    unread_by_rapidocr,
    unread_by_tesseract,
)
from scanmend.workers.client import Child
from scanmend.workers.protocol import EngineStatus, ProbeRequest
from scanmend.workers.sandbox import Sandbox, home

PROBE_SECONDS = 60.0  # in which a child must load an engine
OPENSSL_LIBRARY = "libssl.so.1.1"
OPENSSL_FOLDERS = ("/usr/lib/*", "/lib/*", "/usr/lib", "/usr/local/lib")
OPENSSL_BY_HAND = (
    "install OpenSSL 1.1: unpack the package libssl1.1 of Debian 11 or Ubuntu 20.04"
    " (dpkg-deb -x libssl1.1_*.deb FOLDER) and set aspose.library_path to the folder that then holds libssl.so.1.1"
)
OPENSSL_REMEDY = f"run `scanmend setup aspose`; by hand: {OPENSSL_BY_HAND}"
# engine -> its package, whose version is reported
ENGINE_PACKAGES = {"rapidocr": "rapidocr", "aspose": "aspose-ocr-python-net"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The engine to use, and the reason for the choice."""

    engine: str
    reason: str


def choose(settings: Settings) -> Chosen:
    """Return the engine of this configuration, which reads its languages.

    Raises EngineUnusable with the remedy if it can't be used, or does not read one of them.
    """
    configured, languages = settings.ocr.engine, settings.ocr.languages
    if configured == "auto":
        return _automatic(settings)
    examine = _installed if configured in ("rapidocr", "null") else probe
    status = examine(settings, configured)
    if not status.usable:
        what = f"ocr.engine: {configured} can't be used: {status.reason}"
        raise EngineUnusable(what, status.remedy)
    unread = unread_by_rapidocr(languages) if configured == "rapidocr" else []
    if unread:
        what = f"ocr.languages: rapidocr does not read {listed(unread)}"
        remedy = f"set ocr.engine: auto, and apt install {packages(unread)}"
        raise EngineUnusable(what, remedy)
    reason = f"ocr.engine: {configured}"
    if not status.licensed:
        reason += "; WITHOUT A LICENCE: the text of each page will be truncated"
    if configured == "rapidocr":
        reason += _unread_letters(languages)
    return Chosen(configured, reason)


def _automatic(settings: Settings) -> Chosen:
    """Return Aspose if it is licensed and can run, else RapidOCR, else Tesseract: the first that reads the languages.

    Raises EngineUnusable.
    """
    languages = settings.ocr.languages
    if not settings.aspose.licence:
        reason = "no aspose.licence is configured"
    else:
        aspose = probe(settings, "aspose")
        if aspose.usable and aspose.licensed:
            return Chosen("aspose", "its licence is accepted")
        reason = f"aspose can't be used: {aspose.reason}"
        reason += f"; {aspose.remedy}" if aspose.remedy else ""
    unread = unread_by_rapidocr(languages)
    if unread:
        return _tesseract(settings, unread, reason)
    rapidocr = _installed(settings, "rapidocr")
    if not rapidocr.usable:
        what = f"no OCR engine can be used: {reason}; rapidocr: {rapidocr.reason}"
        raise EngineUnusable(what, rapidocr.remedy)
    return Chosen("rapidocr", reason + _unread_letters(languages))


def check_languages(settings: Settings) -> None:
    """Raise EngineUnusable if the configured engine does not read a language. Other faults of engines don't matter.

    Where RapidOCR reads all languages, this loads nothing.
    """
    engine = settings.ocr.engine
    if engine == "tesseract" or (
        engine in ("auto", "rapidocr") and unread_by_rapidocr(settings.ocr.languages)
    ):
        choose(settings)


def _tesseract(settings: Settings, unread: Sequence[str], reason: str) -> Chosen:
    """Return Tesseract if it reads the languages, of which RapidOCR does not read ``unread``. Raises EngineUnusable."""
    what = f"ocr.languages: rapidocr does not read {listed(unread)}"
    neither = unread_by_tesseract(settings.ocr.languages)
    if neither:
        what += f", and tesseract does not read {listed(neither)}"
        raise EngineUnusable(what, "name only languages that one engine reads")
    status = probe(settings, "tesseract")
    if status.usable:
        return Chosen("tesseract", f"{what}; {reason}")
    remedy = status.remedy
    for code in unread:
        if code.partition("-")[0] not in KNOWN_CODES and (likely := nearest_code(code)):
            remedy = f"did you mean {likely} instead of {code}? else {remedy}"
    raise EngineUnusable(f"{what}, and tesseract can't be used: {status.reason}", remedy)


def _unread_letters(languages: Sequence[str]) -> str:
    """Return a note about letters of the languages that RapidOCR does not read; "" if it reads them all."""
    codes = [code for code in languages if code.partition("-")[0] in UNREAD_LETTERS]
    letters = "".join(UNREAD_LETTERS[code.partition("-")[0]] for code in codes)
    letters = " ".join(dict.fromkeys(letters))
    if not codes:
        return ""
    return (
        f"; it does not read the letters {letters} of {listed(codes)}, but ocr.engine: tesseract does"
        f" (apt install {packages(codes)})"
    )


def probe(settings: Settings, engine: str) -> EngineStatus:
    """Return whether the engine can be used here, found out by loading it in a child; never raises."""
    status = _installed(settings, engine)
    if not status.usable:
        return status
    sandbox = Sandbox(home(settings.folders.state))
    child = Child("scanmend.ocr", f"OCR ({engine})", environment(settings, engine), 0, sandbox)
    licence = settings.aspose.licence
    request = ProbeRequest(
        engine,
        settings.ocr.languages,
        os.fsencode(licence) if licence else None,
        settings.aspose.allow_evaluation,
    )
    try:
        return child.ask(request, PROBE_SECONDS)
    except ScanmendError as error:
        remedy = error.remedy
        if isinstance(error, Died) and "libssl" in error.output:
            remedy = OPENSSL_REMEDY
        return _unusable(engine, error.what, remedy)
    finally:
        child.end()


def _installed(settings: Settings, engine: str) -> EngineStatus:
    """Return whether everything that the engine needs is installed, as far as that shows without a child."""
    if engine == "null":  # the configuration's parser has checked that it is allowed
        return EngineStatus(engine, usable=True)
    if missing := extras.lacking(engine):
        reason = f"not installed ({', '.join(missing)})"
        return _unusable(engine, reason, extras.remedy(engine))
    if engine == "tesseract":  # only a child, which loads the library, can tell what is missing
        return EngineStatus(engine, usable=True)
    version = importlib.metadata.version(ENGINE_PACKAGES[engine])
    if engine == "aspose" and not has_openssl(settings.aspose.library_path):
        return _unusable(
            engine, f"OpenSSL 1.1 is missing ({OPENSSL_LIBRARY})", OPENSSL_REMEDY, version
        )
    return EngineStatus(engine, usable=True, version=version)


def _unusable(engine: str, reason: str, remedy: str, version: str = "") -> EngineStatus:
    return EngineStatus(engine, usable=False, version=version, reason=reason, remedy=remedy)


def has_openssl(folder: str | None) -> bool:
    """Return whether OpenSSL 1.1 is in the folder; without a folder, whether it is where the loader looks."""
    if folder:
        return os.path.exists(os.path.join(folder, OPENSSL_LIBRARY))
    searched = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    return any(glob.glob(os.path.join(path, OPENSSL_LIBRARY)) for path in OPENSSL_FOLDERS) or any(
        os.path.exists(os.path.join(path, OPENSSL_LIBRARY)) for path in searched
    )


def environment(settings: Settings, engine: str) -> dict[str, str]:
    """Return the whole environment of an OCR child: threads for its share of the cores, and Aspose's variables."""
    cores = len(os.sched_getaffinity(0))
    threads = str(max(1, cores // (settings.ocr.workers or cores)))
    env = {
        **os.environ,
        "SCANMEND_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OMP_THREAD_LIMIT": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MALLOC_ARENA_MAX": "2",
    }
    if engine == "aspose":
        env["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = (
            "1"  # its .NET knows no current version of ICU
        )
        if settings.aspose.library_path:
            old = os.environ.get("LD_LIBRARY_PATH")
            env["LD_LIBRARY_PATH"] = settings.aspose.library_path + (f":{old}" if old else "")
    return env
