"""Test how the configured folders are made and remembered."""

import dataclasses
from pathlib import Path

import pytest

from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import ConfigError, FolderGone
from scanmend.pipeline.folders import make_folders, remember_roots, remembered_roots, require
from scanmend.store.facts import Memory
from scanmend.store.journal import Journal

NAMES = ("inbox", "outbox", "archive", "failed", "state")


def _settings(home: Path) -> Settings:
    folders = FoldersSettings(*(str(home / name) for name in NAMES))
    return dataclasses.replace(Settings(), file="scanmend.yaml", folders=folders)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    make_folders(_settings(tmp_path / "deep" / "down"))

    assert sorted(path.name for path in (tmp_path / "deep" / "down").iterdir()) == sorted(NAMES)


def test_the_error_for_a_file_in_the_place_of_a_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")

    with pytest.raises(ConfigError, match=r"folders\.outbox: .*outbox is not a folder"):
        make_folders(_settings(tmp_path))


def test_folders_are_recognised_after_a_restart(tmp_path: Path) -> None:
    """Remember the mounts, so that the empty folder under an absent share is not taken for the share."""
    settings = _settings(tmp_path)
    make_folders(settings)
    journal = Journal.open(settings.folders.state)
    roots = remembered_roots(settings, journal)
    assert [root.check() for root in roots] == [None] * 4

    for _ in range(2):
        remember_roots(journal, roots)

    known = journal.facts.recall(Memory.ROOT, settings.folders.inbox)
    assert known is not None
    assert known.value == roots.inbox.export()
    assert remembered_roots(settings, journal).inbox.export() == roots.inbox.export()
    journal.close()


def test_requiring_a_folder_that_is_away_is_an_error(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    make_folders(settings)
    journal = Journal.open(settings.folders.state)
    roots = remembered_roots(settings, journal)
    journal.close()
    require(roots.outbox, "outbox")
    (tmp_path / "outbox").rmdir()

    with pytest.raises(FolderGone, match=r"^folders\.outbox: .*can't be read"):
        require(roots.outbox, "outbox")
