"""Find the GGUF files on this machine, and choose the one that the configuration selects."""

import glob
import os
from dataclasses import dataclass

from scanmend.backends.packaged_model import package_of, packaged
from scanmend.config.settings import AUTO, BUILTIN, LlmSettings
from scanmend.gguf_names import file_name_words, part_numbers, without_part
from scanmend.resources import shipped_file

GGUF_MAGIC = b"GGUF"  # the first bytes of each such file


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
        """Return whether the file begins as a GGUF file does, and no part is missing."""
        numbers = part_numbers(self.path)
        if numbers and len(self.parts) != numbers[1]:
            return False
        try:
            with open(self.path, "rb") as file:
                return file.read(len(GGUF_MAGIC)) == GGUF_MAGIC
        except OSError:
            return False


def files(directory: str) -> list[ModelFile]:
    """Return all models of the folder and its sub-folders, sorted by path; unfinished downloads are left out."""
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
    """Return the path of the built-in model; the file may be missing."""
    return str(shipped_file("models/corrector.gguf"))


def belongs_to_program(path: str) -> bool:
    """Return whether the file is part of an installed program, so that nothing may be written beside it."""
    return path == builtin() or package_of(path) is not None


def chooses_builtin(settings: LlmSettings, directory: str) -> bool:
    """Return whether these settings choose the built-in model."""
    return settings.backend == "local" and chosen(settings, directory) == builtin()


def chosen(settings: LlmSettings, directory: str) -> str | None:
    """Return the path of the file to load, or None if it does not exist.

    It is the file that the configuration names, or the file in ``directory`` that fits the configured repository and
    quantization best; else what ``_chosen_elsewhere`` returns.
    """
    if settings.effective_model == BUILTIN:
        return _builtin()
    if settings.effective_model not in (AUTO, None):
        path = os.path.join(directory, os.path.expanduser(settings.effective_model))
        return path if os.path.exists(path) else None
    repository = settings.repository.replace("/", "--").lower()
    words = file_name_words(settings.quantization)

    def mismatch(model: ModelFile) -> tuple[bool, bool]:
        name = model.name.lower()
        return (repository not in model.path.lower(), not any(word in name for word in words))

    best = min(files(directory), key=mismatch, default=None)
    return best.path if best else _chosen_elsewhere(settings)


def _chosen_elsewhere(settings: LlmSettings) -> str | None:
    """Return the path of the model to load if the models' folder holds none; None if one must be downloaded.

    With ``llm.model: auto`` it is the model of an installed package, but not if ``repo_id`` names another one.
    """
    if settings.effective_model is None:
        return _builtin()
    package = None if settings.repo_id else packaged()
    return package.path if package else None


def _builtin() -> str | None:
    """Return the path of the built-in model, or None if it is missing."""
    return builtin() if os.path.exists(builtin()) else None


def stamp(path: str) -> tuple[str, int, int] | None:
    """Return path, size and mtime, by which a replaced file differs from the old one; None if there is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (path, status.st_size, status.st_mtime_ns)
