"""Describe every key of the configuration, for the documentation.

Types, defaults and bounds come from the settings' fields; the descriptions are the comments in the shipped files.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from scanmend import resources
from scanmend.config.keys import Key, keys_of, sections_of
from scanmend.config.profiles import Profile
from scanmend.config.settings import Settings

CONFIG_FILE = "etc/scanmend.yaml"
PROFILE_FILE = "etc/profiles/default.yaml"
_RESTART = re.compile(r"\s*(?:all: )?\b[Rr]estart\.?$")


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """One key of a YAML file, described for people.

    ``section`` is empty for keys outside sections. ``allowed`` completes "it must be …". ``default`` is YAML. ``reload``: a running daemon adopts a change on SIGHUP.
    """

    section: str
    name: str
    allowed: str
    default: str
    reload: bool
    description: str

    @property
    def path(self) -> str:
        """Return the key as messages name it, such as ``ocr.dpi``."""
        return f"{self.section}.{self.name}" if self.section else self.name


def every_key() -> Iterator[KeyDescription]:
    """Yield every key of ``scanmend.yaml``: first those outside sections, then section by section."""
    comments = comments_of(resources.shipped_file(CONFIG_FILE).read_text("utf-8"))
    yield from _describe("", Settings, comments)
    for name, section in sections_of(Settings).items():
        yield from _describe(name, section, comments)


def every_section() -> Iterator[tuple[str, str]]:
    """Yield each section of ``scanmend.yaml`` with its description, which may be empty."""
    comments = comments_of(resources.shipped_file(CONFIG_FILE).read_text("utf-8"))
    for name in sections_of(Settings):
        yield name, without_restart(comments[name])


def every_profile_key() -> Iterator[KeyDescription]:
    """Yield every key of a profile's file."""
    yield from _describe(
        "", Profile, comments_of(resources.shipped_file(PROFILE_FILE).read_text("utf-8"))
    )


def _describe(section: str, cls: type, comments: Mapping[str, str]) -> Iterator[KeyDescription]:
    """Yield the keys of one section."""
    for name, key in keys_of(cls).items():
        path = f"{section}.{name}" if section else name
        yield KeyDescription(
            section,
            name,
            allowed=key.parser.allowed,
            default=_as_yaml(key),
            reload=key.reload,
            description=without_restart(comments.get(path, "")),
        )


def _as_yaml(key: Key) -> str:
    """Return a key's default as a YAML file would write it."""
    if isinstance(key.default, list):
        return f"[{', '.join(key.default)}]"
    return key.default if isinstance(key.default, str) else json.dumps(key.default)


def without_restart(comment: str) -> str:
    """Return a comment without the final note that a change needs a restart, which ``reload`` says too."""
    return _RESTART.sub("", comment)


def comments_of(text: str) -> dict[str, str]:
    """Return the comments of a YAML file by key, such as ``ocr.dpi``, each with its line breaks.

    A key's comment is the block of comment lines directly above it, and the comment behind its value.
    """
    return dict(_comments(yaml.compose(text, Loader=yaml.SafeLoader), text.splitlines(), ""))


def _comments(node: Any, lines: list[str], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the keys below a node, each behind ``prefix``, with their comments."""
    for name, value in node.value:
        parts = [*_above(lines, name.start_mark), *_behind(lines, name.start_mark)]
        yield f"{prefix}{name.value}", "\n".join(parts)
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _comments(value, lines, f"{prefix}{name.value}.")


def _above(lines: list[str], mark: Any) -> list[str]:
    """Return the comment lines directly above a key, as indented as the key."""
    start = mark.line
    comment_start = " " * mark.column + "#"
    while start > 0 and lines[start - 1].startswith(comment_start):
        start -= 1
    return [line.removeprefix(comment_start).removeprefix(" ") for line in lines[start : mark.line]]


def _behind(lines: list[str], mark: Any) -> list[str]:
    """Return the comment behind a key's value. No value in the shipped files has a number sign of its own."""
    match = re.search(r"\s#\s*(.*)$", lines[mark.line])
    return [match[1]] if match else []
