"""What a value of the configuration may be: parsers that say what is allowed when it is something else.

Each raises ValueError with the end of the sentence "it must be …".
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scanmend.errors import NULL_ALLOWED

Parser = Callable[[Any], Any]  # raises ValueError with what is allowed

TIME = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
SIZE = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


def quantity(units: Mapping[str, float], example: str, low: float = 0) -> Parser:
    def parse(value: Any) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", str(value).strip())
        if not match or match[2] not in units:
            raise ValueError(f"a number with a unit ({', '.join(units)}), as {example}")
        amount = float(match[1]) * units[match[2]]
        if amount < low:
            raise ValueError(f"at least {low:g} ({example})")
        return amount

    return parse


def whole(low: int, high: int) -> Parser:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return parse


def auto_or(parser: Parser) -> Parser:
    def parse(value: Any) -> Any:
        if value == "auto":
            return None
        try:
            return parser(value)
        except ValueError as error:
            raise ValueError(f"auto, or {error}") from None

    return parse


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """What was probably meant; ``likeness`` is difflib's, 0 to 1."""
    import difflib  # noqa: PLC0415 - for mistakes alone

    return next(iter(difflib.get_close_matches(word, list(known), 1, likeness)), None)


def choice(*words: str) -> Parser:
    def parse(value: Any) -> str:
        if value not in words:
            near = nearest(str(value), words)
            hint = f" (did you mean {near}?)" if near else ""
            raise ValueError("one of " + ", ".join(words) + hint)
        return str(value)

    return parse


def engine_of(value: Any) -> str:
    """An OCR engine; "null", which publishes nonsense, only where the environment of a bench allows it."""
    if value == "null" and os.environ.get(NULL_ALLOWED) == "1":
        return "null"
    try:
        return str(choice("auto", "rapidocr", "aspose", "tesseract")(value))
    except ValueError as error:
        why = f"; null reads nothing, it is for benches ({NULL_ALLOWED}=1)"
        raise ValueError(f"{error}{why if value == 'null' else ''}") from None


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one class for every wrong value
    return value


def text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def optional(value: Any) -> str | None:
    return None if value is None else text(value)


def listen(value: Any) -> str | None:
    """A port of this machine alone, as 127.0.0.1:9464, or the path of a socket; null: none."""
    if value is None:
        return None
    found = str(value)
    host, _, port = found.rpartition(":")
    loopback = (
        host in ("127.0.0.1", "localhost", "[::1]") and port.isdecimal() and int(port) < 65536
    )
    if not loopback and not found.startswith("/"):
        raise ValueError("127.0.0.1:PORT, [::1]:PORT, or the absolute path of a socket")
    return found


def share(value: Any) -> float:
    """A number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def number(value: Any) -> float:
    """A number from 0 upwards."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError("a number from 0 upwards")
    return float(value)


def texts(value: Any) -> tuple[str, ...]:
    """A list of such texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("a list of texts, as [en, de]")
    return tuple(value)


def passwords(value: Any) -> tuple[str, ...]:
    """A list of them; one of digits alone must stand in quotes, or YAML would drop its zeros."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError('a list of passwords, each in quotes, as ["0042", "x y"]')
    return tuple(value)


def command(value: Any) -> tuple[str, ...]:
    """A program and its arguments, as a list: no shell ever sees it."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("a list of a program and its arguments, as [/usr/local/bin/tell, --now]")
    return tuple(value)


def address(value: Any) -> str | None:
    """An address on the web; null: none."""
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ValueError("an address that begins with http:// or https://")
    return value


def languages_of(value: Any) -> tuple[str, ...]:
    codes = texts(value)
    if not codes or not all(re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]+)?", code) for code in codes):
        raise ValueError("a list of language codes (ISO 639), as [en, de]")
    return codes


def mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str) for kv in value.items() for v in kv
    ):
        raise ValueError("pairs of sub-folder and profile, as {invoices: financial}")
    return {key.strip("/"): profile for key, profile in value.items()}


duration = quantity(TIME, "30s")


def in_words(seconds: float) -> str:
    """Return a duration for people: "300 ms", "45 s", "2 min", "1.5 h", "3 d"."""
    for unit, length in (
        ("d", 2 * TIME["d"]),
        ("h", TIME["h"]),
        ("min", TIME["m"]),
        ("s", TIME["s"]),
    ):
        if seconds >= length:
            size = TIME[unit[0]]
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{seconds * 1000:.0f} ms"


size_of = quantity(SIZE, "500MB", low=1)
