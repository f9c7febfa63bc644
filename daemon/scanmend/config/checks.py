"""Check several keys together: which folders conflict, and which changes need a restart."""

import os
from collections.abc import Callable, Iterator

from scanmend.config.keys import keys_of, sections_of
from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import ConfigError


def check_folder_paths(settings: Settings) -> None:
    """Raise ConfigError if two folders conflict, judged by their paths alone. Touches no folder."""
    _check_folders(settings, os.path.normpath)


def check_links(settings: Settings) -> None:
    """Raise ConfigError if symbolic links make two folders conflict.

    This touches the folders, which may hang if one is on a share.
    """
    _check_folders(settings, os.path.realpath)


def _check_folders(settings: Settings, real_path: Callable[[str], str]) -> None:
    """Raise ConfigError with every conflict between the folders' real paths."""
    mistakes = [
        f"{settings.file}: {mistake}" for mistake in _conflicts(settings.folders, real_path)
    ]
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _conflicts(folders: FoldersSettings, real_path: Callable[[str], str]) -> Iterator[str]:
    """Yield a message for each folder inside the inbox, around it, or used twice.

    The daemon would watch a folder inside the inbox, and process its files again.
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
    """Return the changed keys that a running daemon can't adopt, such as ``ocr.workers``."""
    changed = _fixed_changes("", old, new)
    for name in sections_of(Settings):
        changed += _fixed_changes(f"{name}.", getattr(old, name), getattr(new, name))
    return changed


def _fixed_changes(prefix: str, old: object, new: object) -> list[str]:
    """Return the changed keys of one section that a reload can't change, each behind ``prefix``."""
    return [
        f"{prefix}{name}"
        for name, key in keys_of(old).items()
        if not key.reload and getattr(old, name) != getattr(new, name)
    ]
