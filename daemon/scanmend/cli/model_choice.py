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
    if path == builtin():
        lonely = llm.effective_model == AUTO
        return f"the built-in corrector alone: {no_model(directory)}" if lonely else path
    package = package_of(path)
    return f"{path} of the package {package.package}" if package else path


def no_model(directory: str) -> str:
    """Return that ``llm.model: auto`` finds nothing."""
    return f"no .gguf file in {directory}, no installed package with one, and llm.auto_download is false"


def _absence(settings: Settings) -> str:
    """Return which file is missing, and what the daemon does about it."""
    llm, directory = settings.llm, settings.models.directory
    if llm.effective_model in (BUILTIN, None):
        return f"none: {builtin()} is missing"
    if llm.effective_model != AUTO:
        return f"none: {os.path.join(directory, llm.effective_model)} is not there"
    if llm.auto_download:
        source = f"{llm.repository} ({llm.quantization})"
        return f"none yet: the first page that needs it downloads {source} into {directory}"
    return f"none: no .gguf file in {directory}, and llm.auto_download is false"
