"""The GGUF files in the models' folder: which there are, and which one the configuration means."""

import glob
import os
import re
from dataclasses import dataclass

from scanmend.config.settings import BUILTIN, LlmSettings
from scanmend.quantizations import file_name_words
from scanmend.resources import place

_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk; ``parts``: all its files, the first is the one to load. ``size`` in bytes."""

    path: str
    parts: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        return os.path.basename(self.path)

    @property
    def whole(self) -> bool:
        """Whether it begins like a GGUF, and no part is missing."""
        match = _PART.search(self.path)
        if match and len(self.parts) != int(match[1]):
            return False
        try:
            with open(self.path, "rb") as file:
                return file.read(4) == b"GGUF"
        except OSError:
            return False


def files(directory: str) -> list[ModelFile]:
    """All models of the folder and its sub-folders, by name; what is being downloaded is not among them."""
    pattern = os.path.join(glob.escape(directory), "**", "*.gguf")
    found = sorted(glob.glob(pattern, recursive=True))
    models = []
    for path in found:
        if _LATER_PART.search(path):
            continue
        stem = _PART.sub("", path)
        parts = tuple(p for p in found if p == path or (stem != path and _PART.sub("", p) == stem))
        models.append(ModelFile(path, parts, sum(os.path.getsize(p) for p in parts)))
    return models


def builtin() -> str:
    """The corrector that comes with scanmend."""
    return str(place("models/corrector.gguf"))


def chosen(settings: LlmSettings, directory: str) -> str | None:
    """The file to load: the one named, the one of repository and quantization, any, the built-in one; None: not there."""
    if settings.effective_model == BUILTIN:
        return _builtin()
    if settings.effective_model not in ("auto", None):
        path = os.path.join(directory, os.path.expanduser(settings.effective_model))
        return path if os.path.exists(path) else None
    repository = settings.repository.replace("/", "--").lower()
    words = file_name_words(settings.quantization)

    def fits(model: ModelFile) -> tuple[bool, bool]:
        name = model.name.lower()
        return (repository not in model.path.lower(), not any(word in name for word in words))

    best = min(files(directory), key=fits, default=None)
    if best is None and settings.effective_model is None:
        return _builtin()
    return best.path if best else None


def _builtin() -> str | None:
    return builtin() if os.path.exists(builtin()) else None


def stamp(path: str) -> tuple[str, int, int] | None:
    """What tells one file from its successor."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (path, status.st_size, status.st_mtime_ns)
