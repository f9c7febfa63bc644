"""Find the GGUF files in the models' folder, and the one that the configuration means."""

import glob
import os
from dataclasses import dataclass

from scanmend.config.settings import BUILTIN, LlmSettings
from scanmend.gguf_names import file_name_words, part_numbers, without_part
from scanmend.resources import shipped_file

MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk: the path to load, all its parts (the first is that path), and its size in bytes."""

    path: str
    parts: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """Return the name of the file to load."""
        return os.path.basename(self.path)

    @property
    def whole(self) -> bool:
        """Return whether it begins like a GGUF file, and no part is missing."""
        numbers = part_numbers(self.path)
        if numbers and len(self.parts) != numbers[1]:
            return False
        try:
            with open(self.path, "rb") as file:
                return file.read(len(MAGIC)) == MAGIC
        except OSError:
            return False


def files(directory: str) -> list[ModelFile]:
    """Return all models of the folder and its sub-folders, by name; unfinished downloads are not among them."""
    pattern = os.path.join(glob.escape(directory), "**", "*.gguf")
    paths = sorted(glob.glob(pattern, recursive=True))
    models = []
    for path in paths:
        parts = _parts(path, paths)
        if parts:
            models.append(ModelFile(path, parts, sum(map(os.path.getsize, parts))))
    return models


def _parts(path: str, paths: list[str]) -> tuple[str, ...]:
    """Return the files of the model that begins with the file at ``path``; empty when none begins there."""
    numbers = part_numbers(path)
    if numbers is None:
        return (path,)
    if numbers[0] != 1:
        return ()
    whole = without_part(path)
    return tuple(p for p in paths if part_numbers(p) and without_part(p) == whole)


def builtin() -> str:
    """Return the path of the corrector that comes with scanmend."""
    return str(shipped_file("models/corrector.gguf"))


def chosen(settings: LlmSettings, directory: str) -> str | None:
    """Return the file to load, or None when it is not there.

    It is the file that the configuration names; or the one that fits its repository and its quantization best; or, where
    there is no file and the configuration names none, the built-in one.
    """
    if settings.wanted == BUILTIN:
        return _builtin()
    if settings.wanted not in ("auto", None):
        path = os.path.join(directory, os.path.expanduser(settings.wanted))
        return path if os.path.exists(path) else None
    repository = settings.repository.replace("/", "--").lower()
    words = file_name_words(settings.quantization)

    def mismatch(model: ModelFile) -> tuple[bool, bool]:
        name = model.name.lower()
        return (repository not in model.path.lower(), not any(word in name for word in words))

    best = min(files(directory), key=mismatch, default=None)
    if best is None and settings.wanted is None:
        return _builtin()
    return best.path if best else None


def _builtin() -> str | None:
    return builtin() if os.path.exists(builtin()) else None


def stamp(path: str) -> tuple[str, int, int] | None:
    """Return what tells a file from its successor: path, size and mtime; None when there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (path, status.st_size, status.st_mtime_ns)
