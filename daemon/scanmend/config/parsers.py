"""Parse the values of the configuration; for a wrong value, say what is allowed."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scanmend.durations import SECONDS_PER_UNIT, duration_text
from scanmend.errors import NULL_ALLOWED
from scanmend.languages import normalised

T = TypeVar("T")

BYTES_PER_UNIT = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


@dataclass(frozen=True, slots=True)
class Parser(Generic[T]):
    """A parser of a key's value.

    ``convert`` returns the value for the settings, or raises ValueError with a hint as its message.
    ``allowed`` completes the sentence "it must be …"; the configuration reference prints it.
    """

    allowed: str
    convert: Callable[[Any], T]

    def __call__(self, value: Any) -> T:
        """Return the settings' value for a value of the YAML file.

        Raises ValueError with the end of the sentence "it must be …".
        """
        try:
            return self.convert(value)
        except ValueError as error:
            raise ValueError(f"{self.allowed}{error}") from None


def nearest(word: str, known: Iterable[str], similarity: float = 0.6) -> str | None:
    """Return the known word that was probably meant, or None.

    ``similarity``: the lowest accepted ratio of difflib, 0 to 1.
    """
    import difflib  # noqa: PLC0415 - only a mistake needs it

    return next(iter(difflib.get_close_matches(word, list(known), 1, similarity)), None)


# numbers --------------------------------------------------------------------------------------------


def whole_number(low: int, high: int) -> Parser[int]:
    """Return a parser of whole numbers from ``low`` to ``high``."""

    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return Parser(f"a whole number from {low} to {high}", convert)


def _number(allowed: str, high: float) -> Parser[float]:
    """Return a parser of numbers from 0 to ``high``."""

    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
            raise ValueError
        return float(value)

    return Parser(allowed, convert)


FRACTION = _number("a number from 0 to 1", 1.0)
POSITIVE_NUMBER = _number("a number from 0 upwards", 1e9)


def duration(at_least: float = 0) -> Parser[float]:
    """Return a parser of durations such as 30s, as seconds; ``at_least`` is in seconds."""
    bound = f", at least {duration_text(at_least)}" if at_least else ""
    return Parser(
        f"a number with a unit ({', '.join(SECONDS_PER_UNIT)}), such as 30s{bound}",
        lambda value: _quantity(value, SECONDS_PER_UNIT, at_least),
    )


def _quantity(value: Any, units: Mapping[str, float], at_least: float) -> float:
    """Return a number with a unit, in the base unit; raise ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", str(value).strip())
    if not match or match[2] not in units:
        raise ValueError
    amount = float(match[1]) * units[match[2]]
    if amount < at_least:
        raise ValueError
    return amount


DURATION = duration()
SIZE = Parser(
    f"a number with a unit ({', '.join(BYTES_PER_UNIT)}), such as 500MB, at least one byte",
    lambda value: _quantity(value, BYTES_PER_UNIT, 1),
)


# words ----------------------------------------------------------------------------------------------


def one_of(*words: str) -> Parser[str]:
    """Return a parser that accepts only these words."""

    def convert(value: Any) -> str:
        if value not in words:
            likely = nearest(str(value), words)
            raise ValueError(f" (did you mean {likely}?)" if likely else "")
        return str(value)

    return Parser(f"one of {', '.join(words)}", convert)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - one class for every wrong value
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _engine(value: Any) -> str:
    """Return an engine's name.

    "null" would publish pages without text, so it needs the environment variable that benches set.
    """
    if value == "null":
        if os.environ.get(NULL_ALLOWED) == "1":
            return "null"
        raise ValueError(f"; null reads nothing, it is for benches ({NULL_ALLOWED}=1)")
    return _ENGINES.convert(value)


_ENGINES = one_of("auto", "rapidocr", "aspose", "tesseract")
FLAG = Parser("true or false", _flag)
TEXT = Parser("a text", _text)
OCR_ENGINE = Parser(_ENGINES.allowed, _engine)


# null and auto --------------------------------------------------------------------------------------


def null_or(parser: Parser[T]) -> Parser[T | None]:
    """Return a parser that also accepts null, as None."""

    def convert(value: Any) -> T | None:
        return None if value is None else parser.convert(value)

    return Parser(f"{parser.allowed}, or null", convert)


def auto_or(parser: Parser[T]) -> Parser[T | None]:
    """Return a parser that also accepts auto, as None."""

    def convert(value: Any) -> T | None:
        return None if value == "auto" else parser.convert(value)

    return Parser(f"auto, or {parser.allowed}", convert)


# lists and mappings ---------------------------------------------------------------------------------


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError
    return tuple(value)


def _languages(value: Any) -> tuple[str, ...]:
    """Return the codes of languages, each in its shortest form and once."""
    if isinstance(value, list) and any(item is False for item in value):
        raise ValueError('; YAML reads no as false: write "no" in quotes')
    codes = dict.fromkeys(map(normalised, _texts(value)))
    if not codes:
        raise ValueError
    return tuple(codes)


def _profiles_by_folder(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - one class for every wrong value
    if not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise ValueError
    return {folder.strip("/"): profile for folder, profile in value.items()}


TEXTS = Parser("a list of texts, such as [en, de]", _texts)
LANGUAGES = Parser("a list of language codes (ISO 639), such as [en, de]", _languages)
# YAML reads a password of digits without quotes as a number, and drops its leading zeros.
PASSWORDS = Parser('a list of passwords, each in quotes, such as ["0042", "x y"]', _texts)
# A command is a list, so that no shell interprets it.
COMMAND = Parser("a list of a program and its arguments, such as [/opt/notify, --now]", _texts)
PROFILES_BY_FOLDER = Parser(
    "pairs of sub-folder and profile, such as {invoices: financial}", _profiles_by_folder
)


# addresses ------------------------------------------------------------------------------------------


def _listen_address(value: Any) -> str:
    """Return the address of a loopback port, or a socket's path: only this machine may read the metrics."""
    address = str(value)
    host, _, port = address.rpartition(":")
    loopback = host in ("127.0.0.1", "localhost", "[::1]")
    if loopback and port.isdecimal() and int(port) < 65536:
        return address
    if address.startswith("/"):
        return address
    raise ValueError


def _web_address(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ValueError
    return value


LISTEN_ADDRESS = Parser(
    "127.0.0.1:PORT, [::1]:PORT, the absolute path of a socket", _listen_address
)
WEB_ADDRESS = Parser("an address that begins with http:// or https://", _web_address)
