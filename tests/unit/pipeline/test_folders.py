"""Test how the configured folders are made and remembered."""

import dataclasses
import os
from pathlib import Path

import pytest

from scanmend.config.settings import FoldersSettings, Settings
from scanmend.errors import ConfigError, FolderGone
from scanmend.pipeline.folders import (
    clear_temp_files,
    make_folders,
    remember_roots,
    remembered_roots,
    require,
)
from scanmend.store import mounts, naming
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


def test_the_error_for_a_folder_that_cant_be_made_names_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(ConfigError, match=r"folders\.state: .*state can't be made: Not a dir"):
        make_folders(_settings(tmp_path / "home"))


def test_the_error_for_a_folder_that_cant_be_written_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replace the kernel's answer: root, as which tests may run, can write everywhere."""
    monkeypatch.setattr(os, "access", lambda path, _: not path.endswith("archive"))

    with pytest.raises(ConfigError, match=r"folders\.archive: .*can't be written by this user"):
        make_folders(_settings(tmp_path))


def test_the_journal_may_not_lie_on_a_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the kernel's list of mounts say that the test's folder is an NFS share."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 nas:/scans rw\n")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))

    with pytest.raises(ConfigError, match=r"folders\.state: .*state is on a share \(nfs4\)"):
        make_folders(_settings(tmp_path / "home"))


def test_temporary_files_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    make_folders(settings)
    journal = Journal.open(settings.folders.state)
    roots = remembered_roots(settings, journal)
    journal.close()
    left = naming.temp_beside(bytes(tmp_path / "outbox" / "a.txt"))
    own = Path(os.fsdecode(left))
    own.write_text("half")
    earlier = own.with_name(own.name.replace(naming._THIS_RUN.decode(), ".scanmend-0-"))
    earlier.write_text("half")

    clear_temp_files(roots, lambda: False)

    assert list((tmp_path / "outbox").iterdir()) == [own]


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
