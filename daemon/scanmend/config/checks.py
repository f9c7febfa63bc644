"""Check settings that concern several keys: the folders among each other, and what a reload can't change."""

import os
from collections.abc import Callable, Iterator

from scanmend.config.keys import keys_of, sections_of
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import ConfigError


def check_folder_paths(settings: Settings) -> None:
    """Raise ConfigError if two folders conflict, judged by their paths alone."""
    _check_folders(settings, os.path.normpath)


def check_links(settings: Settings) -> None:
    """Raise ConfigError if links make two folders conflict. Touches the folders, which may hang on a share."""
    _check_folders(settings, os.path.realpath)


def _check_folders(settings: Settings, real_path: Callable[[str], str]) -> None:
    mistakes = [
        f"{settings.file}: {mistake}" for mistake in _conflicts(settings.folders, real_path)
    ]
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _conflicts(folders: FoldersSettings, real_path: Callable[[str], str]) -> Iterator[str]:
    """Yield each pair of folders of which one lies in the inbox, holds it, or equals another.

    A folder inside the inbox would be watched: its files would be processed again.
    """
    paths = {name: real_path(getattr(folders, name)) for name in keys_of(FoldersSettings)}
    inbox = paths.pop("inbox")
    for name, path in paths.items():
        if os.path.commonpath([inbox, path]) == inbox:
            yield f"folders.{name}: {path} lies in the inbox {inbox}; put it beside the inbox"
    state = paths["state"]
    if os.path.commonpath([inbox, state]) == state:
        yield f"folders.state: {state} holds the inbox; give the state its own folder"
    names = list(paths)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            if paths[name] == paths[other]:
                yield f"folders.{other}: the same folder as folders.{name}; use another"


def unreloadable(old: Settings, new: Settings) -> list[str]:
    """Return the keys that differ but can't change while the daemon runs, such as ``ocr.workers``."""
    changed = _fixed_changes("", old, new)
    for name in sections_of(Settings):
        changed += _fixed_changes(f"{name}.", getattr(old, name), getattr(new, name))
    return changed


def _fixed_changes(prefix: str, old: object, new: object) -> list[str]:
    return [
        f"{prefix}{name}"
        for name, key in keys_of(old).items()
        if not key.reload and getattr(old, name) != getattr(new, name)
    ]
