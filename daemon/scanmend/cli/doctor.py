"""`scanmend doctor`: report what works on this machine, and what to do about the rest."""

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import replace

from scanmend import extras
from scanmend.backends import gpu
from scanmend.backends.gguf_files import ModelFile, builtin, chosen, files
from scanmend.backends.llm_children import llm_child
from scanmend.backends.llm_process import ModelProcess
from scanmend.backends.ocr_engines import choose, probe
from scanmend.backends.packaged_model import package_of
from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.cli.finding import Finding, Verdict
from scanmend.cli.model_advice import circumstances, free_memory, recommended
from scanmend.cli.model_choice import describe_choice
from scanmend.config.keys import keys_of
from scanmend.config.settings import AUTO, BUILTIN, FoldersSettings, LlmSettings, Settings
from scanmend.correction.lexicon import shipped
from scanmend.errors import MachineError, ScanmendError
from scanmend.store.lock import running
from scanmend.store.mounts import choose_method, free_bytes, mount_of
from scanmend.telemetry import log
from scanmend.workers.protocol import DeviceRequest, HeaderRequest, ListingRequest, R, Request
from scanmend.workers.sandbox import Sandbox, find_gaps

SERVER_CHECK_SECONDS = 15.0  # for which a server that is loading its model is waited for
HEADER_CHECK_SECONDS = 30.0  # in which llama.cpp must read a model's header and vocabulary
HUB_CHECK_SECONDS = 60.0  # in which the Hub must list a repository
GPU_CHECK_SECONDS = 60.0  # in which a model's process must say whether it finds the GPU
_CUDA_REMEDY = (
    "build llama.cpp for it (needs the CUDA toolkit): GPU=1 make run; in another installation:"
    ' CMAKE_ARGS="-DGGML_CUDA=on" pip install --no-cache-dir --force-reinstall --no-deps llama-cpp-python'
)
MIN_FREE_BYTES = 500 * 10**6  # on the file system of each folder


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "doctor",
        "check engines, folders, disk, GPU and models, and show what to install",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print every finding; return 1 if one is BAD."""
    settings = load_config(options, or_shipped=True)
    log.set_up(settings.log)
    exit_code = 0
    for finding in examine(settings):
        print(f"{finding.verdict:<4} {finding.subject:<22} {finding.what}", flush=True)
        if finding.remedy:
            print(f"{'':28}-> {finding.remedy}")
        if finding.verdict == Verdict.BAD:
            exit_code = 1
    return exit_code


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each part of this machine. This changes nothing."""
    yield Finding("python", Verdict.OK, sys.version.split()[0])
    process = running(settings.folders.state)
    yield Finding("daemon", Verdict.OK, f"running, process {process}" if process else "not running")
    for name in keys_of(FoldersSettings):
        yield _folder(name, getattr(settings.folders, name))
    yield _watching(settings)
    yield from _secrets(settings)
    yield from _sandbox()
    yield from _engines(settings)
    yield from _models(settings)
    yield _lexicon()
    graphics, usable = _gpu()
    yield graphics
    yield from _advice(settings, usable)


# folders --------------------------------------------------------------------------------------------


def _folder(name: str, path: str) -> Finding:
    subject = f"folders.{name}"
    if not os.path.isdir(path):
        return Finding(subject, Verdict.NOTE, f"{path} does not exist", "`scanmend run` creates it")
    mount = mount_of(path)
    free = free_bytes(path)
    what = f"{path} ({mount.fstype}, {free / 1e9:.1f} GB free)"
    remedy = ""
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"let this user read and write it: chown or chmod {path}"
    elif name == "state" and mount.network:
        remedy = "the journal needs a local disk: change folders.state"
    elif free < MIN_FREE_BYTES:
        remedy = "free some space on this file system"
    return Finding(subject, Verdict.BAD if remedy else Verdict.OK, what, remedy)


def _watching(settings: Settings) -> Finding:
    if not os.path.isdir(settings.folders.inbox):
        return Finding("watching", Verdict.NOTE, "the inbox does not exist yet")
    method = choose_method(settings.folders.inbox, settings.watch.method)
    return Finding("watching", Verdict.OK, f"{method.name}: {method.why}")


def _secrets(settings: Settings) -> Iterator[Finding]:
    if settings.pdf.passwords and os.stat(settings.file).st_mode & 0o004:
        what = f"every user can read {settings.file}"
        yield Finding("pdf.passwords", Verdict.NOTE, what, f"chmod o-r {settings.file}")


# processes and engines ------------------------------------------------------------------------------


def _sandbox() -> Iterator[Finding]:
    gaps = find_gaps()
    if not gaps:
        what = "confined: no network, write access only to their own folder"
        yield Finding("children", Verdict.OK, what)
    for gap in gaps:
        yield Finding("children", Verdict.NOTE, gap.what, gap.remedy)


def _engines(settings: Settings) -> Iterator[Finding]:
    try:
        chosen = choose(settings)
        yield Finding("engine chosen", Verdict.OK, f"{chosen.engine}: {chosen.reason}")
    except ScanmendError as error:
        yield Finding("engine chosen", Verdict.BAD, error.what, error.remedy)
    for name in ("rapidocr", "aspose", "tesseract"):
        status = probe(settings, name)
        what = f"usable, {status.version}" if status.usable else status.reason
        verdict = Verdict.OK if status.usable else Verdict.NOTE
        yield Finding(f"engine {name}", verdict, what, status.remedy)


# models ---------------------------------------------------------------------------------------------


def _models(settings: Settings) -> Iterator[Finding]:
    llm, directory = settings.llm, settings.models.directory
    if not llm.enabled:
        yield Finding("model", Verdict.OK, "llm.enabled is false: no correction")
        return
    if missing := extras.lacking("llm"):
        what = f"{', '.join(missing)} not installed: pages are published as recognised"
        yield Finding("model", Verdict.NOTE, what, extras.remedy("llm"))
        return
    if llm.backend == "openai":
        yield _server(llm)
        return
    used = chosen(llm, directory)
    yield _choice(settings, used)
    for file in files(directory):
        if not file.whole and file.path != used:
            yield _damaged(file)
        elif used == builtin():
            yield _unused(file)


def _choice(settings: Settings, used: str | None) -> Finding:
    """Return which model is in use. ``used``: its path; None if it is missing."""
    llm, directory = settings.llm, settings.models.directory
    what = describe_choice(settings)
    remedy = f"put a .gguf file into {directory}, or set llm.auto_download: true"
    if used is not None:
        return Finding("model", Verdict.OK, what) if used == builtin() else _file(used, what)
    if llm.effective_model in (BUILTIN, None):
        return Finding("model", Verdict.BAD, what, "install scanmend again")
    if llm.effective_model == AUTO and llm.auto_download:
        remedy = _planned_download(settings)
    return Finding("model", Verdict.NOTE, what, remedy)


def _file(path: str, what: str) -> Finding:
    """Return whether llama.cpp takes a model file, and whether it can judge, as far as its header tells."""
    try:
        architecture = _ask(HeaderRequest(os.fsencode(path)), HEADER_CHECK_SECONDS, Sandbox())
    except ScanmendError as error:
        return Finding("model", Verdict.BAD, error.what, error.remedy)
    return Finding("model", Verdict.OK, f"{what} (architecture {architecture})")


def _server(llm: LlmSettings) -> Finding:
    """Connect to the server, and say which model would judge, or why none can."""
    said: list[str] = []
    patience = min(llm.load_timeout, SERVER_CHECK_SECONDS)
    process = ModelProcess(replace(llm, load_timeout=patience), "", said.append)
    try:
        info = process.load(llm.base_url, lambda: False)
    except ScanmendError as error:
        return Finding("model", Verdict.BAD, error.what, error.remedy)
    finally:
        process.end()
    if info.unused_server:
        what = f"the built-in corrector works alone: {info.unused_server}"
        remedy = "set llm.base_url to such a server, or llm.backend: local with a .gguf file"
        return Finding("model", Verdict.NOTE, what, remedy)
    what = f"llm.backend is openai: {llm.base_url} has {info.name}, which judges"
    return Finding("model", Verdict.OK, what, "; ".join(said))


def _unused(file: ModelFile) -> Finding:
    what = f"{file.path} is not used: llm.model is {BUILTIN}"
    return Finding("model", Verdict.NOTE, what, "set llm.model: auto to use it")


def _damaged(file: ModelFile) -> Finding:
    remedy = "damaged or incomplete: scanmend models remove, then scanmend models pull"
    return Finding("model", Verdict.BAD, file.path, remedy)


def _ask(request: Request[R], seconds: float, sandbox: Sandbox) -> R:
    """Return the reply of a child of its own; raise as ``Child.ask``."""
    child = llm_child("models", sandbox)
    try:
        return child.ask(request, seconds)
    finally:
        child.end()


def _planned_download(settings: Settings) -> str:
    """Return what the daemon will download, or what to do if the Hub can't be reached."""
    llm = settings.llm
    directory = os.fsencode(settings.models.directory)
    request = ListingRequest(llm.repository, None, llm.quantization, directory)
    try:
        listing = _ask(request, HUB_CHECK_SECONDS, Sandbox(network=True)).files
    except ScanmendError as error:
        return str(error)
    names = ", ".join(file.name for file in listing)
    size = sum(file.size for file in listing) / 1e9
    return (
        f"the first page that needs it downloads {names} of {llm.repository} ({size:.2f} GB);"
        " to download it now: scanmend models pull"
    )


def _lexicon() -> Finding:
    try:
        words = len(shipped())
    except MachineError as error:
        return Finding("lexicon", Verdict.BAD, error.what, error.remedy)
    return Finding("lexicon", Verdict.OK, f"{words:,} words")


# GPU ------------------------------------------------------------------------------------------------


def _gpu() -> tuple[Finding, gpu.GpuMemory | None]:
    """Return whether a model can use a GPU, as tried by a process in the model's sandbox, and the memory of that GPU."""
    measured = gpu.measure()
    try:
        device = _ask(DeviceRequest(), GPU_CHECK_SECONDS, Sandbox(gpu=True))
    except ScanmendError as error:
        device = f"cpu: {error}"
    if isinstance(measured, gpu.NoGpu):
        if device == "gpu":
            what = f"llama.cpp finds one in the sandbox; its memory is not known: {measured.reason}"
            return Finding("gpu", Verdict.OK, what), None
        what = f"{measured.reason}; the model runs on the {device}"
        return Finding("gpu", Verdict.NOTE, what), None
    found = f"{measured.key}, {measured.used} MiB in use"
    if device == "gpu":
        return Finding("gpu", Verdict.OK, f"{found}; llama.cpp finds it in the sandbox"), measured
    return Finding("gpu", Verdict.NOTE, f"{found}, not used: {device}", _CUDA_REMEDY), None


def _advice(settings: Settings, usable: gpu.GpuMemory | None) -> Iterator[Finding]:
    """Yield a recommendation if no language model is in use, or one that does not know the languages of the documents."""
    llm, languages = settings.llm, settings.ocr.languages
    if not llm.enabled or llm.backend != "local" or extras.lacking("llm"):
        return
    used = chosen(llm, settings.models.directory)
    package = package_of(used) if used else None
    if package and set(languages) != {"en"}:
        problem = f"{package.package} knows English alone"
    elif used in (None, builtin()):
        problem = "none is in use"
    else:
        return
    free = free_memory()
    model = recommended(languages, free, usable)
    reason = circumstances(languages, free, usable)
    if model:
        what = f"{problem}; for {reason}: {model.name} ({model.size_text}, {model.licence})"
        yield Finding("language model", Verdict.NOTE, what, f"{model.remedy}; see docs/models.md")
