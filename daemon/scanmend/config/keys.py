"""Declare the keys of a YAML file as the fields of a dataclass.

Each field carries its ``Key``, so that neither ``loading`` nor ``reference`` needs code for a single key.
"""

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from scanmend.config.parsers import Parser

T = TypeVar("T")

_METADATA_KEY = "key"  # where a field's metadata holds its ``Key``


class RelativeTo(enum.Enum):
    """The folder that a relative path starts from."""

    FILE = "the folder of the configuration file"
    BASE = "the key `base`"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a YAML file.

    ``default`` is written as in the file. ``reload``: a running daemon adopts a change on SIGHUP. ``relative_to``: the
    value is a path, which the loader makes absolute. ``secret``: no message may show the value.
    """

    parser: Parser[Any]
    default: Any = None
    reload: bool = True
    relative_to: RelativeTo | None = None
    secret: bool = False


def key(
    default: Any,
    parser: Parser[T],
    *,
    reload: bool = True,
    relative_to: RelativeTo | None = None,
    secret: bool = False,
) -> T:
    """Return a dataclass field for a key, with its default as written in the file."""
    spec = Key(parser, default, reload, relative_to, secret=secret)
    # The return type lets mypy compare the field's annotation with the parser.
    return dataclasses.field(
        default_factory=lambda: parser(default), metadata={_METADATA_KEY: spec}
    )


def derived_key(parser: Parser[T | None], derived: T, relative_to: RelativeTo) -> T:
    """Return a dataclass field for a path that the loader derives from other keys while it is null, its default.

    ``derived`` is the path that follows from the other keys' defaults.
    """
    spec = Key(parser, None, relative_to=relative_to)
    return dataclasses.field(default=derived, metadata={_METADATA_KEY: spec})


def keys_of(section: Any) -> dict[str, Key]:
    """Return the keys of a section's class or instance by name, in the order of the file."""
    return {
        f.name: f.metadata[_METADATA_KEY]
        for f in dataclasses.fields(section)
        if _METADATA_KEY in f.metadata
    }


def sections_of(settings: type) -> dict[str, type]:
    """Return the sections of a settings class by name: its fields that are dataclasses."""
    return {
        f.name: cast("type", f.type)
        for f in dataclasses.fields(settings)
        if dataclasses.is_dataclass(f.type)
    }
