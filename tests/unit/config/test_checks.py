"""Test the checks that concern several settings: conflicting folders, and keys that need a restart."""

from dataclasses import replace
from pathlib import Path

import pytest

from scanmend.config.checks import check_folder_paths, check_links, unreloadable
from scanmend.config.settings import FoldersSettings, OcrSettings, Settings
from scanmend.errors import ConfigError


def _folders(home: str, **changes: str) -> FoldersSettings:
    """Return absolute folders below ``home``, as a loaded configuration has them."""
    names = ("inbox", "outbox", "archive", "failed", "state")
    return FoldersSettings(**{**{name: f"{home}/{name}" for name in names}, **changes})


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"inbox": "/a", "outbox": "/a/out"}, "folders.outbox: /a/out lies in the inbox /a"),
        ({"archive": "/x", "failed": "/x"}, "folders.failed: the same folder as folders.archive"),
        ({"inbox": "/st/in", "state": "/st"}, "folders.state: /st holds the inbox"),
    ],
)
def test_conflicting_folders_are_refused(folders: dict[str, str], message: str) -> None:
    settings = Settings(folders=_folders("/srv", **folders))

    with pytest.raises(ConfigError, match=message):
        check_folder_paths(settings)


def test_a_link_from_the_outbox_to_the_inbox_is_refused(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "outbox").symlink_to("inbox")
    settings = Settings(folders=_folders(str(tmp_path)))
    check_folder_paths(settings)

    with pytest.raises(ConfigError, match=r"folders\.outbox: .* lies in the inbox"):
        check_links(settings)


def test_changed_keys_that_need_a_restart_are_listed() -> None:
    old = Settings()
    new = replace(
        old, folders=replace(old.folders, outbox="other"), ocr=OcrSettings(dpi=200, workers=3)
    )

    assert unreloadable(old, new) == ["folders.outbox", "ocr.workers"]
