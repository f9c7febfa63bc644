"""Describe which model a configuration selects and where it comes from, for `check-config`, `doctor` and `models list`."""

import os

from scanmend.backends.gguf_files import builtin, chosen
from scanmend.backends.packaged_model import package_of
from scanmend.config.settings import AUTO, BUILTIN, Settings


def describe_choice(settings: Settings) -> str:
    """Return which model these settings select, or why they select none."""
    llm, directory = settings.llm, settings.models.directory
    if not llm.enabled:
        return "none: llm.enabled is false"
    if llm.backend == "openai":
        return f"that of the server {llm.base_url}"
    path = chosen(llm, directory)
    if path is None:
        return _absence(settings)
    package = package_of(path)
    return f"{path} of the package {package.package}" if package else path


def _absence(settings: Settings) -> str:
    """Return which file is missing, and what the daemon does about it."""
    llm, directory = settings.llm, settings.models.directory
    if llm.effective_model in (BUILTIN, None):
        return f"none: {builtin()} is missing"
    waits = llm.on_unavailable == "wait"
    meanwhile = "pages wait" if waits else "the built-in corrector works alone"
    if llm.effective_model != AUTO:
        path = os.path.join(directory, llm.effective_model)
        return f"none: {path} is not there; until it is, {meanwhile}"
    if llm.auto_download:
        source = f"{llm.repository} ({llm.quantization})"
        return f"none yet: the first page that needs it downloads {source}; until then {meanwhile}"
    alone = "none, and pages wait" if waits else "the built-in corrector alone"
    package = "" if llm.repo_id else ", no installed package with one"
    return f"{alone}: no .gguf file in {directory}{package}, and llm.auto_download is false"
