"""Profiles: what a domain asks of the model and of the gate, one YAML file each."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scanmend.config import parsers
from scanmend.config.settings import ProfilesSettings, Settings, key, read
from scanmend.correction.gate_rules import GateRules
from scanmend.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """The model's prompt and the gate's rules for a domain.

    ``protect``: regular expressions whose matches no edit may touch. The other rules: ``GateRules``.
    """

    name: str = field(default="", metadata={"internal": True})
    prompt: str = key("-", parsers.text)
    protect: tuple[str, ...] = key([], parsers.texts)
    max_edit_ratio: float = key(0.34, parsers.share)
    min_margin: float = key(2.0, parsers.number)
    min_confidence_to_skip: float = key(0.995, parsers.share)

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
        """Tells in a sidecar which prompt was used."""
        return hashlib.sha256(self.prompt.encode()).hexdigest()


def load_profiles(settings: Settings) -> dict[str, Profile]:
    """All profiles of the folder; ConfigError when one is wrong, or one that is named is not there."""
    folder = settings.profiles.directory
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith(".yaml"))
    except OSError as error:
        raise ConfigError(
            f"{settings.file}: profiles.directory: {folder} can't be read: {error.strerror}"
        ) from None
    profiles = {name[:-5]: _load(os.path.join(folder, name), name[:-5]) for name in names}
    wanted = {"profiles.default": settings.profiles.default}
    wanted |= {
        f"profiles.folders.{inbox_folder}": name
        for inbox_folder, name in settings.profiles.folders.items()
    }
    for named, name in wanted.items():
        if name not in profiles:
            there = ", ".join(profiles) or "none"
            raise ConfigError(
                f"{settings.file}: {named}: no profile {name} in {folder}; there is: {there}"
            )
    return profiles


def _load(path: str, name: str) -> Profile:
    profile: Profile = read(path, Profile)
    if profile.prompt == "-":
        raise ConfigError(f"{path}: prompt: missing; say what the model is to do")
    for pattern in profile.protect:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"{path}: protect: {pattern!r} is no regular expression: {error}"
            ) from None
    return dataclasses.replace(profile, name=name)


def select(profiles: Mapping[str, Profile], settings: ProfilesSettings, path: bytes) -> Profile:
    """The profile of a file by its sub-folder: the longest one configured, or one named like a profile."""
    folder = os.fsdecode(os.path.dirname(path))
    while folder:
        name: Any = settings.folders.get(folder, folder)
        if name in profiles:
            return profiles[name]
        folder = os.path.dirname(folder)
    return profiles[settings.default]
