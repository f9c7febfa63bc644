"""Load the configured OCR engine; import no other one."""

import functools
from dataclasses import dataclass

from scanmend.ocr.engines.base import Engine


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine and its settings.

    ``languages``: ISO 639-1 codes. ``licence`` (a path) and ``allow_evaluation``: of Aspose.
    """

    name: str
    languages: tuple[str, ...]
    licence: str | None = None
    allow_evaluation: bool = False


@functools.lru_cache(maxsize=1)
def loaded(choice: EngineChoice) -> Engine:
    """Return the engine, which stays loaded until another one is chosen. Raise EngineUnusable."""
    return load(choice)


def load(choice: EngineChoice) -> Engine:
    """Load an engine. Raise EngineUnusable, with the remedy, if that is impossible on this machine."""
    if choice.name == "aspose":
        from scanmend.ocr.engines.aspose import Aspose  # noqa: PLC0415 - only the chosen engine

        return Aspose(choice.languages, choice.licence, allow_evaluation=choice.allow_evaluation)
    if choice.name == "tesseract":
        from scanmend.ocr.engines.tesseract import Tesseract  # noqa: PLC0415

        return Tesseract(choice.languages)
    if choice.name == "null":
        from scanmend.ocr.engines.null import Null  # noqa: PLC0415

        return Null(choice.languages)
    from scanmend.ocr.engines.rapid import Rapid  # noqa: PLC0415

    return Rapid(choice.languages)
