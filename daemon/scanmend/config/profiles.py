"""Load profiles: the prompt and the gate's rules for one kind of document, one YAML file each."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from scanmend.config.keys import key
from scanmend.config.loading import build, read_yaml
from scanmend.config.parsers import FRACTION, POSITIVE_NUMBER, TEXT, TEXTS, null_or
from scanmend.config.settings import ON_BAD_PAGE, ProfilesSettings, Settings
from scanmend.correction.gate_rules import GateRules
from scanmend.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Profile:
    """The prompt and the gate's rules for one kind of document.

    ``prompt``: text that a language model reads before each page; None: none. ``words``: of the domain, which the lexicon may
    lack: no edit touches one, and a language model may put one in place of a misread word. ``protect``: regular expressions whose matches no edit may touch. ``on_bad_page`` None: as in the settings. The other
    rules: see ``GateRules``.
    """

    name: str
    prompt: str | None = key(None, null_or(TEXT))
    words: tuple[str, ...] = key([], TEXTS)
    protect: tuple[str, ...] = key([], TEXTS)
    max_edit_ratio: float = key(0.34, FRACTION)
    min_margin: float = key(2.0, POSITIVE_NUMBER)
    min_confidence_to_skip: float = key(0.995, FRACTION)
    on_bad_page: str | None = key(None, null_or(ON_BAD_PAGE))

    @property
    def gate_rules(self) -> GateRules:
        """Return the profile's rules for the gate."""
        return GateRules(
            max_edit_ratio=self.max_edit_ratio,
            min_margin=self.min_margin,
            min_confidence_to_skip=self.min_confidence_to_skip,
            protected=tuple(re.compile(pattern) for pattern in (*self.protect, *self._of_words)),
        )

    @property
    def _of_words(self) -> list[str]:
        """Return a pattern for the words, if there are any."""
        words = "|".join(map(re.escape, self.words))
        return [rf"(?i)\b(?:{words})\b"] if words else []

    @property
    def prompt_sha256(self) -> str:
        """Return the prompt's sha256 in hexadecimal, by which a sidecar identifies the prompt."""
        return hashlib.sha256((self.prompt or "").encode()).hexdigest()


def load_profiles(settings: Settings) -> dict[str, Profile]:
    """Return all profiles in the folder of the settings, by name.

    Raises ConfigError if a profile is wrong, or if the settings name one that does not exist.
    """
    folder = settings.profiles.directory
    try:
        files = sorted(file for file in os.listdir(folder) if file.endswith(".yaml"))
    except OSError as error:
        what = f"{settings.file}: profiles.directory: {folder} can't be read: {error.strerror}"
        raise ConfigError(what) from None
    names = [file.removesuffix(".yaml") for file in files]
    profiles = {name: _load(os.path.join(folder, f"{name}.yaml"), name) for name in names}
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
    """Return the profile in a file. Raises ConfigError."""
    profile = build(Profile, {**read_yaml(path, Profile), "name": name})
    for pattern in profile.protect:
        try:
            re.compile(pattern)
        except re.error as error:
            what = f"{path}: protect: {pattern!r} is no regular expression: {error}"
            raise ConfigError(what) from None
    return profile


def select(profiles: Mapping[str, Profile], settings: ProfilesSettings, path: bytes) -> Profile:
    """Return the profile for a file in the inbox, whose ``path`` is relative to the inbox.

    The deepest sub-folder on the path decides that ``profiles.folders`` lists, or that has the name of a profile.
    Without such a folder, it is the default profile. Names are compared in NFC, since Macs write them in NFD.
    """
    listed = {unicodedata.normalize("NFC", name): value for name, value in settings.folders.items()}
    folder = unicodedata.normalize("NFC", os.fsdecode(os.path.dirname(path)))
    while folder:
        name = listed.get(folder, folder)
        if name in profiles:
            return profiles[name]
        folder = os.path.dirname(folder)
    return profiles[settings.default]
