"""Set keys in a configuration file, and leave every other character of it as it is: comments, order, blank lines."""

import contextlib
import json
import os
import stat
from collections.abc import Mapping
from typing import Any

import yaml

from scanmend.config.loading import load_settings
from scanmend.config.settings import Settings
from scanmend.errors import ConfigError

DEFAULT_INDENT = "  "  # of the keys of a section


def set_keys(path: str, section: str, values: Mapping[str, str | bool | None]) -> Settings:
    """Set keys of one section of the file at ``path``; return the settings that the file then holds.

    The new file replaces the old one at once, with its owner and mode. Raises ConfigError, and the file stays as it is,
    if it can't be read or written, or if the result would be wrong.
    """
    path = os.path.realpath(path)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for name, value in values.items():
            text = _with_key(text, section, name, json.dumps(value, ensure_ascii=False))
        _replace(path, text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or error
        lines = "\n".join(f"  {name}: {json.dumps(value)}" for name, value in values.items())
        what = f"{path}: can't be changed: {reason}"
        raise ConfigError(
            what, f"run this as the file's owner, or write it there:\n{section}:\n{lines}"
        ) from None
    return load_settings(path)


def _replace(path: str, text: str) -> None:
    """Replace a configuration file at once, if the new text is valid. Raises OSError or ConfigError."""
    temporary = f"{path}.new"
    status = os.stat(path)
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.fchown(file.fileno(), status.st_uid, status.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        load_settings(temporary)
        os.replace(temporary, path)
    finally:  # no half-written copy stays, as of a full disk
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _with_key(text: str, section: str, name: str, value: str) -> str:
    """Return a YAML text in which ``section.name`` has this value, given in YAML."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    section_node = _child(root, section)
    if section_node is None:
        separator = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{separator}\n{section}:\n{DEFAULT_INDENT}{name}: {value}\n"
    key, node = section_node
    if not isinstance(node, yaml.MappingNode):  # an empty section
        start, end = key.end_mark.index + 1, node.end_mark.index
        return f"{text[:start]}\n{DEFAULT_INDENT}{name}: {value}{text[end:]}"
    old = _child(node, name)
    if old is not None:
        start, end = old[1].start_mark.index, old[1].end_mark.index
        space = " " if text[start - 1 : start] == ":" else ""
        return f"{text[:start]}{space}{value}{text[end:]}"
    start = node.start_mark.index
    if node.flow_style:
        comma = ", " if node.value else ""
        return f"{text[: start + 1]}{name}: {value}{comma}{text[start + 1 :]}"
    indent = " " * node.start_mark.column
    return f"{text[:start]}{name}: {value}\n{indent}{text[start:]}"


def _child(node: Any, name: str) -> tuple[Any, Any] | None:
    """Return the key's node and the value's node of an entry of a mapping; None if there is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)
