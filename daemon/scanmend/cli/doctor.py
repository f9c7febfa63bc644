"""`scanmend doctor`: what is usable on this machine and, where not, what exactly to do."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from scanmend import extras
from scanmend.backends.gguf_files import ModelFile, builtin, files
from scanmend.backends.llm_children import llm_child
from scanmend.backends.ocr_engines import choose, probe
from scanmend.config.settings import BUILTIN, FoldersSettings, Settings
from scanmend.correction.lexicon import shipped
from scanmend.errors import MachineError, ScanmendError
from scanmend.store.lock import running
from scanmend.store.mounts import choose_method, free_bytes, mount_of
from scanmend.workers.protocol import ListingRequest
from scanmend.workers.sandbox import Sandbox, lacking

HUB_SECONDS = 60.0  # the Hub has to say what it has
LITTLE = 500 * 10**6  # bytes free below which a folder is worth a note


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``optional``: scanmend works without it."""

    subject: str
    good: bool
    found: str
    remedy: str = ""
    optional: bool = False


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; nothing is changed."""
    return [
        Finding("python", True, sys.version.split()[0]),
        *_daemon(settings),
        *_folders(settings.folders),
        _watching(settings),
        *_secrets(settings),
        *_confined(),
        *_engines(settings),
        *_models(settings),
        _lexicon(),
        _gpu(),
    ]


def _daemon(settings: Settings) -> list[Finding]:
    process = running(settings.folders.state)
    return [Finding("daemon", True, f"running, process {process}" if process else "not running")]


def _folders(folders: FoldersSettings) -> list[Finding]:
    findings = []
    for name in ("inbox", "outbox", "archive", "failed", "state"):
        path = getattr(folders, name)
        subject = f"folders.{name}"
        if not os.path.isdir(path):
            findings.append(
                Finding(
                    subject, False, f"{path} is not there", "`scanmend run` makes it", optional=True
                )
            )
            continue
        mount = mount_of(path)
        free = free_bytes(path)
        found = f"{path} ({mount.fstype}, {free / 1e9:.1f} GB free)"
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            findings.append(
                Finding(
                    subject, False, found, f"let this user read and write it: chown or chmod {path}"
                )
            )
        elif name == "state" and mount.network:
            findings.append(
                Finding(
                    subject, False, found, "the journal needs a local disk: change folders.state"
                )
            )
        elif free < LITTLE:
            findings.append(Finding(subject, False, found, "free some space on this file system"))
        else:
            findings.append(Finding(subject, True, found))
    return findings


def _watching(settings: Settings) -> Finding:
    if not os.path.isdir(settings.folders.inbox):
        return Finding("watching", False, "the inbox is not there yet", optional=True)
    method = choose_method(settings.folders.inbox, settings.watch.method)
    return Finding("watching", True, f"{method.name}: {method.why}")


def _secrets(settings: Settings) -> list[Finding]:
    if not settings.pdf.passwords or not os.stat(settings.file).st_mode & 0o004:
        return []
    found = f"{settings.file} can be read by every user"
    return [Finding("pdf.passwords", False, found, f"chmod o-r {settings.file}", optional=True)]


def _confined() -> list[Finding]:
    missing = lacking()
    if not missing:
        return [Finding("children", True, "without network, writing in a folder of their own only")]
    return [Finding("children", False, gap.what, gap.remedy, optional=True) for gap in missing]


def _engines(settings: Settings) -> list[Finding]:
    try:
        chosen = choose(settings)
        findings = [Finding("engine chosen", True, f"{chosen.engine}: {chosen.why}")]
    except ScanmendError as error:
        findings = [Finding("engine chosen", False, "none", str(error))]
    for name in ("rapidocr", "aspose", "tesseract"):
        status = probe(settings, name)
        found = f"usable, {status.version}" if status.usable else status.reason
        findings.append(
            Finding(f"engine {name}", status.usable, found, status.remedy, optional=True)
        )
    return findings


def _models(settings: Settings) -> list[Finding]:
    llm, directory = settings.llm, settings.models.directory
    if not llm.enabled:
        return [Finding("model", True, "llm.enabled is false: no correction")]
    if missing := extras.lacking("llm"):
        why = f"{', '.join(missing)} not installed: pages are published as read"
        return [Finding("model", False, why, extras.remedy("llm"), optional=True)]
    if llm.backend == "openai":
        return [Finding("model", True, f"llm.backend is openai: {llm.base_url}")]
    found = files(directory or "")
    if llm.wanted == BUILTIN or (llm.wanted is None and not found):
        return [_builtin(), *map(_unused, found)]
    if not found:
        how = f"put a .gguf file into {directory}, or set llm.auto_download: true"
        if llm.auto_download:
            how = _download(settings)
        return [Finding("model", False, f"no .gguf file in {directory}", how, optional=True)]
    return [_model(file) for file in found]


def _builtin() -> Finding:
    there = os.path.exists(builtin())
    found = f"{builtin()}, built in" if there else f"{builtin()} is missing"
    return Finding("model", there, found, "" if there else "install scanmend again")


def _lexicon() -> Finding:
    try:
        words = len(shipped().checksums)
    except MachineError as error:
        found, _, remedy = str(error).rpartition("; ")
        return Finding("lexicon", False, found, remedy)
    return Finding("lexicon", True, f"{words:,} words")


def _unused(file: ModelFile) -> Finding:
    found = f"{file.path} is not used: llm.model is {BUILTIN}"
    return Finding("model", False, found, "set llm.model: auto to use it", optional=True)


def _download(settings: Settings) -> str:
    """What would be downloaded, or what to do when the Hub is out of reach."""
    llm = settings.llm
    directory = os.fsencode(settings.models.directory or "")
    request = ListingRequest(llm.repository, None, llm.quantization, directory)
    child = llm_child("models", Sandbox(network=True))
    try:
        files = child.ask(request, HUB_SECONDS).files
    except ScanmendError as error:
        return str(error)
    finally:
        child.end()
    names = ", ".join(f.name for f in files)
    size = sum(f.size for f in files) / 1e9
    return f"{names} of {llm.repository} ({size:.2f} GB) is downloaded when the first page needs it, or now: scanmend models pull"


def _model(file: ModelFile) -> Finding:
    found = f"{file.path} ({file.size / 1e9:.2f} GB)"
    remedy = "damaged, or a part is missing: scanmend models remove, then scanmend models pull"
    return Finding("model", file.whole, found, "" if file.whole else remedy)


def _gpu() -> Finding:
    """Whether there is a GPU, and whether llama.cpp was built for one; asked in processes of their own."""
    built = _output(
        [sys.executable, "-c", "import llama_cpp; print(llama_cpp.llama_supports_gpu_offload())"]
    )
    device = _output(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"])
    if not device:
        return Finding("gpu", False, "none found; the CPU is used", optional=True)
    if built != "True":
        remedy = (
            'CMAKE_ARGS="-DGGML_CUDA=on" make run builds it for the GPU (needs the CUDA toolkit)'
        )
        return Finding(
            "gpu",
            False,
            f"{device}, but llama-cpp-python was built without GPU support",
            remedy,
            True,
        )
    return Finding("gpu", True, device)


def _output(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
