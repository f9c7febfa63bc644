"""Test that the shipped files and the code agree on keys, defaults and restarts, and that each key is described."""

import pytest
import yaml

from scanmend import resources
from scanmend.config.keys import keys_of, sections_of
from scanmend.config.parsers import PASSWORDS, one_of
from scanmend.config.profiles import Profile
from scanmend.config.reference import (
    CONFIG_FILE,
    PROFILE_FILE,
    KeyDescription,
    comments_of,
    every_key,
    every_profile_key,
    every_section,
    without_restart,
)
from scanmend.config.settings import Settings

KEYS = list(every_key())


def test_the_shipped_configuration_has_every_key() -> None:
    shipped = yaml.safe_load(resources.shipped_file(CONFIG_FILE).read_text())

    for section, cls in sections_of(Settings).items():
        assert list(shipped.pop(section)) == list(keys_of(cls))
    assert set(shipped) == set(keys_of(Settings))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_a_shipped_value_is_the_default(key: KeyDescription) -> None:
    shipped = yaml.safe_load(resources.shipped_file(CONFIG_FILE).read_text())
    value = shipped[key.section][key.name] if key.section else shipped[key.name]

    if key.path == "base":  # the shipped file is in etc/, below the project's folder
        assert (value, key.default) == ("..", ".")
    else:
        assert value == yaml.safe_load(key.default)


@pytest.mark.parametrize(
    "key", [*KEYS, *every_profile_key()], ids=lambda key: f"{key.path}-{key.allowed[:9]}"
)
def test_every_key_has_a_description(key: KeyDescription) -> None:
    assert key.description
    assert key.allowed


def test_the_comment_above_a_section_describes_it() -> None:
    sections = dict(every_section())

    assert list(sections) == list(sections_of(Settings))
    assert sections["hooks"].startswith("Commands and a webhook")
    assert sections["folders"] == ""


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_the_comment_of_a_key_says_whether_it_needs_a_restart(key: KeyDescription) -> None:
    comments = comments_of(resources.shipped_file(CONFIG_FILE).read_text())
    notes = [name for name in (key.section, key.path) if _has_note(comments.get(name, ""))]

    assert bool(notes) is not key.reload


def _has_note(comment: str) -> bool:
    return without_restart(comment) != comment


def test_the_shipped_profile_holds_every_key() -> None:
    shipped = yaml.safe_load(resources.shipped_file(PROFILE_FILE).read_text())

    assert list(shipped) == list(keys_of(Profile))


def test_comments_above_and_beside_a_key_are_joined() -> None:
    text = "# about the file\n\n# of the\n# section\na:  # and so on\n  # a key\n  b: 1  # too\n  c: {}\n"

    assert comments_of(text) == {"a": "of the\nsection\nand so on", "a.b": "a key\ntoo", "a.c": ""}


def test_a_parser_describes_the_allowed_values() -> None:
    assert one_of("a", "b").allowed == "one of a, b"
    assert PASSWORDS.allowed.startswith("a list of passwords")
