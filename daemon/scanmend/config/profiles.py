"""Load profiles: the prompt and the gate's rules for one kind of document, one YAML file each."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from scanmend.config.keys import key, required_key
from scanmend.config.loading import build, read_yaml
from scanmend.config.parsers import FRACTION, POSITIVE_NUMBER, TEXT, TEXTS
from scanmend.config.settings import ProfilesSettings, Settings
from scanmend.correction.gate_rules import GateRules
from scanmend.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """The prompt and the gate's rules for one kind of document.

    ``protect``: regular expressions whose matches no edit may touch. The other rules: see ``GateRules``.
    """

    name: str
    prompt: str = required_key(TEXT, "say what the model is to do")
    protect: tuple[str, ...] = key([], TEXTS)
    max_edit_ratio: float = key(0.34, FRACTION)
    min_margin: float = key(2.0, POSITIVE_NUMBER)
    min_confidence_to_skip: float = key(0.995, FRACTION)

    @property
    def gate_rules(self) -> GateRules:
        """Return what the profile sets for the gate."""
        return GateRules(
            max_edit_ratio=self.max_edit_ratio,
            min_margin=self.min_margin,
            min_confidence_to_skip=self.min_confidence_to_skip,
            protected=tuple(re.compile(pattern) for pattern in self.protect),
        )

    @property
    def prompt_sha256(self) -> str:
        """Return the prompt's digest, by which a sidecar says which prompt was used."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()


def load_profiles(settings: Settings) -> dict[str, Profile]:
    """Return all profiles of the folder by name.

    Raises ConfigError if one is wrong, or if the settings name one that is missing.
    """
    folder = settings.profiles.directory
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith(".yaml"))
    except OSError as error:
        what = f"{settings.file}: profiles.directory: {folder} can't be read: {error.strerror}"
        raise ConfigError(what) from None
    profiles = {name[:-5]: _load(os.path.join(folder, name), name[:-5]) for name in names}
    named = {"profiles.default": settings.profiles.default}
    named |= {
        f"profiles.folders.{inbox_folder}": name
        for inbox_folder, name in settings.profiles.folders.items()
    }
    for key_path, name in named.items():
        if name not in profiles:
            what = f"{settings.file}: {key_path}: no profile {name} in {folder}"
            raise ConfigError(what, f"there is: {', '.join(profiles) or 'none'}")
    return profiles


def _load(path: str, name: str) -> Profile:
    profile = build(Profile, {**read_yaml(path, Profile), "name": name})
    for pattern in profile.protect:
        try:
            re.compile(pattern)
        except re.error as error:
            what = f"{path}: protect: {pattern!r} is no regular expression: {error}"
            raise ConfigError(what) from None
    return profile


def select(profiles: Mapping[str, Profile], settings: ProfilesSettings, path: bytes) -> Profile:
    """Return the profile of a file in the inbox.

    The deepest of its sub-folders that ``profiles.folders`` names, or that is called like a profile, decides; else it
    is the default profile. ``path`` is relative to the inbox.
    """
    folder = os.fsdecode(os.path.dirname(path))
    while folder:
        name = settings.folders.get(folder, folder)
        if name in profiles:
            return profiles[name]
        folder = os.path.dirname(folder)
    return profiles[settings.default]
