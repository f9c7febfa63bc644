"""Choose the OCR engine, and find out whether it can be used; the daemon imports none of them.

What shows from outside (a missing package or library) is looked up. The rest is asked of a child, since a .NET runtime
without OpenSSL 1.1 ends its whole process.
"""

import glob
import importlib.metadata
import os
from dataclasses import dataclass

from scanmend import extras
from scanmend.config.settings import Settings
from scanmend.errors import Died, EngineUnusable, ScanmendError
from scanmend.workers.client import Child
from scanmend.workers.protocol import EngineStatus, ProbeRequest
from scanmend.workers.sandbox import Sandbox, home

PROBE_SECONDS = 60.0
OPENSSL = "libssl.so.1.1"
OPENSSL_FOLDERS = ("/usr/lib/*", "/lib/*", "/usr/lib", "/usr/local/lib")
OPENSSL_REMEDY = (
    "install OpenSSL 1.1: unpack the package libssl1.1 of Debian 11 or Ubuntu 20.04"
    " (dpkg-deb -x libssl1.1_*.deb FOLDER) and set aspose.library_path to the folder that then holds libssl.so.1.1"
)
PACKAGES = {"rapidocr": "rapidocr", "aspose": "aspose-ocr-python-net"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The engine to use, and why this one."""

    engine: str
    why: str


def choose(settings: Settings) -> Chosen:
    """Return the engine of this configuration; EngineUnusable with the remedy when it can't be used."""
    configured = settings.ocr.engine
    if configured == "auto":
        return _automatic(settings)
    look = _look if configured in ("rapidocr", "null") else probe
    status = look(settings, configured)
    if not status.usable:
        what = f"ocr.engine: {configured} can't be used: {status.reason}"
        raise EngineUnusable(what, status.remedy)
    why = f"ocr.engine: {configured}"
    if not status.licensed:
        why += "; WITHOUT A LICENCE: the text of each page will be truncated"
    return Chosen(configured, why)


def _automatic(settings: Settings) -> Chosen:
    """Return Aspose when it is licensed and can run, else the embedded engine."""
    if not settings.aspose.licence:
        why = "no aspose.licence is configured"
    else:
        aspose = probe(settings, "aspose")
        if aspose.usable and aspose.licensed:
            return Chosen("aspose", "its licence is accepted")
        why = f"aspose can't be used: {aspose.reason}"
        why += f"; {aspose.remedy}" if aspose.remedy else ""
    embedded = _look(settings, "rapidocr")
    if not embedded.usable:
        what = f"no OCR engine can be used: {why}; rapidocr: {embedded.reason}"
        raise EngineUnusable(what, embedded.remedy)
    return Chosen("rapidocr", why)


def probe(settings: Settings, engine: str) -> EngineStatus:
    """Return whether the engine can be used here, by loading it in a child; never raises."""
    status = _look(settings, engine)
    if not status.usable:
        return status
    box = Sandbox(home(settings.folders.state))
    child = Child("scanmend.ocr", f"OCR ({engine})", environment(settings, engine), 0, box)
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


def _look(settings: Settings, engine: str) -> EngineStatus:
    """Return what can be told without a child: is everything installed?"""
    if engine == "null":  # the configuration has asked for the permission
        return EngineStatus(engine, usable=True)
    if missing := extras.lacking(engine):
        reason = f"not installed ({', '.join(missing)})"
        return _unusable(engine, reason, extras.remedy(engine))
    if engine == "tesseract":  # the child loads the library, and says what is missing
        return EngineStatus(engine, usable=True)
    version = importlib.metadata.version(PACKAGES[engine])
    if engine == "aspose" and not _has_openssl(settings.aspose.library_path):
        return _unusable(engine, f"OpenSSL 1.1 is missing ({OPENSSL})", OPENSSL_REMEDY, version)
    return EngineStatus(engine, usable=True, version=version)


def _unusable(engine: str, reason: str, remedy: str, version: str = "") -> EngineStatus:
    return EngineStatus(engine, usable=False, version=version, reason=reason, remedy=remedy)


def _has_openssl(folder: str | None) -> bool:
    """Return whether OpenSSL 1.1 is in the folder; without one, where the loader looks."""
    if folder:
        return os.path.exists(os.path.join(folder, OPENSSL))
    searched = [path for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    return any(glob.glob(os.path.join(path, OPENSSL)) for path in OPENSSL_FOLDERS) or any(
        os.path.exists(os.path.join(path, OPENSSL)) for path in searched
    )


def environment(settings: Settings, engine: str) -> dict[str, str]:
    """Return the whole environment of an OCR child: as many threads as its share of the cores, and Aspose's needs."""
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
        env["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1"  # it knows no ICU as new as today's
        if settings.aspose.library_path:
            old = os.environ.get("LD_LIBRARY_PATH")
            env["LD_LIBRARY_PATH"] = settings.aspose.library_path + (f":{old}" if old else "")
    return env
