"""Load YAML files as typed settings, and report every mistake with file, line, key, value and remedy."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml

from scanmend.config.checks import check_folder_paths
from scanmend.config.keys import Key, RelativeTo, keys_of, sections_of
from scanmend.config.parsers import nearest
from scanmend.config.settings import Settings
from scanmend.errors import ConfigError

T = TypeVar("T")  # a settings class

KEY_SIMILARITY = 0.5  # of a misspelled key to the one that was meant: difflib's ratio, 0 to 1

# libyaml's loader where PyYAML has it: it is 15 times as fast, which saves a tenth of the time of `scanmend status`
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# key -> parsed value, section -> Values; only the keys that the file sets
Values = dict[str, Any]


def load_settings(path: str) -> Settings:
    """Return the settings of a configuration file. Raises ConfigError with every mistake, not only the first.

    This touches no folder: on an unreachable share it would hang, and `scanmend status` must answer.
    """
    values = read_yaml(path, Settings)
    _make_absolute(values, path)
    settings: Settings = build(Settings, {**values, "file": os.path.abspath(path)})
    check_folder_paths(settings)
    return settings


def read_yaml(path: str, cls: type) -> Values:
    """Return the parsed values of a YAML file whose keys are the fields of ``cls``. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8") as file:
            node = yaml.compose(file, Loader=_LOADER)
    except OSError as error:
        what = f"{path}: can't be read: {error.strerror}"
        raise ConfigError(what, "name another file with --config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    reader = _Reader(path)
    values = reader.section(node, cls, "")
    if reader.mistakes:
        raise ConfigError("\n".join(reader.mistakes))
    return values


def build(cls: type[T], values: Values) -> T:
    """Return an instance of a settings class; keys missing in ``values`` get their defaults."""
    sections = sections_of(cls)
    return cls(
        **{
            name: build(sections[name], value) if name in sections else value
            for name, value in values.items()
        }
    )


class _Reader:
    """A reader of one YAML file's nodes, which collects all mistakes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.mistakes: list[str] = []

    def section(self, node: Any, cls: type, prefix: str) -> Values:
        """Return the values of a mapping node. ``prefix``: the section's name with a dot, for messages."""
        entries = self._entries(node, prefix)
        keys, sections = keys_of(cls), sections_of(cls)
        values: Values = {}
        for name_node, value_node in entries:
            name = str(name_node.value)
            position = f"{self._line(name_node)}: {prefix}{name}"
            if name in values:
                self.mistakes.append(f"{position}: given twice; keep one")
            elif name in sections:
                values[name] = self.section(value_node, sections[name], f"{prefix}{name}.")
            elif name in keys:
                values[name] = self._value(value_node, keys[name], position)
            else:
                hint = _hint(name, prefix, [*keys, *sections])
                self.mistakes.append(f"{position}: unknown key; {hint}")
        return values

    def _entries(self, node: Any, prefix: str) -> list[tuple[Any, Any]]:
        """Return the keys and values of a mapping node; an empty section has none."""
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")):
            return []
        if isinstance(node, yaml.MappingNode):
            return list(node.value)
        section = prefix.rstrip(".") or "the file"
        self.mistakes.append(f"{self._line(node)}: {section}: must be keys with values")
        return []

    def _value(self, node: Any, key: Key, position: str) -> Any:
        """Return a key's parsed value; None if it is not allowed, which is noted as a mistake at ``position``."""
        value: Any = None
        try:
            value = yaml.SafeLoader("").construct_object(node, deep=True)
            return key.parser(value)
        except ValueError as error:
            shown = "this" if key.secret else repr(value)  # other people may read the log
            self.mistakes.append(f"{position}: {shown} is not allowed; it must be {error}")
        except yaml.YAMLError as error:
            self.mistakes.append(f"{position}: {error}")
        return None

    def _line(self, node: Any) -> str:
        """Return the file and the line of a node, as "FILE:LINE"."""
        return f"{self._path}:{node.start_mark.line + 1}"


def _hint(name: str, prefix: str, known: list[str]) -> str:
    """Return a hint at the key that was probably meant, else at all known keys."""
    likely = nearest(name, known, KEY_SIMILARITY)
    return f"did you mean {prefix}{likely}?" if likely else f"known here: {', '.join(known)}"


def _make_absolute(values: Values, path: str) -> None:
    """Make all paths in ``values`` absolute, and add the paths that have defaults."""
    roots = {RelativeTo.FILE: os.path.dirname(os.path.abspath(path))}
    values |= _absolute(keys_of(Settings), values, roots)
    roots[RelativeTo.BASE] = values["base"]
    for name, section in sections_of(Settings).items():
        section_values = values.setdefault(name, {})
        section_values |= _absolute(keys_of(section), section_values, roots)
    if values["models"]["directory"] is None:
        values["models"]["directory"] = os.path.join(values["folders"]["state"], "models")


def _absolute(keys: Mapping[str, Key], values: Values, roots: Mapping[RelativeTo, str]) -> Values:
    """Return the paths among these keys, set or default, as absolute paths; None stays None."""
    paths: Values = {}
    for name, key in keys.items():
        if key.relative_to is not None:
            path = values.get(name, key.default)
            root = roots[key.relative_to]
            paths[name] = path and os.path.normpath(os.path.join(root, os.path.expanduser(path)))
    return paths
