"""Which OCR engine is used, seen from the daemon: it imports none of them.

What can be told by looking is told by looking; the rest is asked of a child, since a .NET runtime without
OpenSSL 1.1 ends its whole process.
"""

import glob
import importlib.metadata
import os
from dataclasses import dataclass

from scanmend import extras
from scanmend.config.settings import Settings
from scanmend.errors import ChildError, EngineUnusable, ScanmendError
from scanmend.workers.client import Child
from scanmend.workers.protocol import EngineStatus, ProbeRequest
from scanmend.workers.sandbox import Sandbox, home

PROBE_SECONDS = 60
_SSL_REMEDY = (
    "install OpenSSL 1.1: unpack the package libssl1.1 of Debian 11 or Ubuntu 20.04"
    " (dpkg-deb -x libssl1.1_*.deb FOLDER) and set aspose.library_path to the folder that then holds libssl.so.1.1"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The engine to use, and why this one."""

    engine: str
    why: str


def choose(settings: Settings) -> Chosen:
    """The engine of this configuration; EngineUnusable with the remedy when it can't be used."""
    configured = settings.ocr.engine
    if configured == "auto":
        return _auto(settings)
    look = _look if configured in ("rapidocr", "null") else probe
    status = look(settings, configured)
    if not status.usable:
        raise EngineUnusable(f"ocr.engine: {configured} can't be used: {_said(status)}")
    why = f"ocr.engine: {configured}"
    if not status.licensed:
        why += "; WITHOUT A LICENCE: the text of each page will be truncated"
    return Chosen(configured, why)


def _auto(settings: Settings) -> Chosen:
    """Aspose when it is licensed and can run, else the embedded engine."""
    if not settings.aspose.licence:
        why = "no aspose.licence is configured"
    else:
        status = probe(settings, "aspose")
        if status.usable and status.licensed:
            return Chosen("aspose", "its licence is accepted")
        why = f"aspose can't be used: {_said(status)}"
    status = _look(settings, "rapidocr")
    if not status.usable:
        raise EngineUnusable(f"no OCR engine can be used: {why}; rapidocr: {_said(status)}")
    return Chosen("rapidocr", why)


def probe(settings: Settings, engine: str) -> EngineStatus:
    """Whether the engine can be used here, by loading it in a child; never raises."""
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
    except ChildError as error:
        remedy = _SSL_REMEDY if "libssl" in str(error) else ""
        return EngineStatus(engine, False, reason=str(error), remedy=remedy)
    except ScanmendError as error:
        return EngineStatus(engine, False, reason=str(error))
    finally:
        child.end()


def _look(settings: Settings, engine: str) -> EngineStatus:
    """Return what can be told without a child: is everything installed?"""
    if engine == "null":  # the configuration has asked for the permission
        return EngineStatus(engine, True)
    if missing := extras.lacking(engine):
        reason = f"not installed ({', '.join(missing)})"
        return EngineStatus(engine, False, reason=reason, remedy=extras.remedy(engine))
    if engine == "tesseract":  # the child loads the library, and says what is missing
        return EngineStatus(engine, True)
    package = {"rapidocr": "rapidocr", "aspose": "aspose-ocr-python-net"}[engine]
    version = importlib.metadata.version(package)
    if engine == "aspose" and not _has_openssl11(settings.aspose.library_path):
        return EngineStatus(
            engine,
            False,
            version,
            reason="OpenSSL 1.1 is missing (libssl.so.1.1)",
            remedy=_SSL_REMEDY,
        )
    return EngineStatus(engine, True, version)


def _has_openssl11(folder: str | None) -> bool:
    if folder:
        return bool(glob.glob(os.path.join(glob.escape(folder), "libssl.so.1.1")))
    known = [
        "/usr/lib/*/libssl.so.1.1",
        "/lib/*/libssl.so.1.1",
        "/usr/lib/libssl.so.1.1",
        "/usr/local/lib/libssl.so.1.1",
    ]
    paths = [*os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    return any(glob.glob(pattern) for pattern in known) or any(
        os.path.exists(os.path.join(path, "libssl.so.1.1")) for path in paths if path
    )


def environment(settings: Settings, engine: str) -> dict[str, str]:
    """The whole environment of an OCR child: threads so that N workers on N cores don't fight, Aspose's needs."""
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


def _said(status: EngineStatus) -> str:
    return status.reason + (f"; {status.remedy}" if status.remedy else "")
