"""Test a daemon that has run for years: its temporary files and its journal."""

from pathlib import Path

import samples
from bench import scale_made
from running import new_tree

DAY = 86400.0


def test_half_written_files_of_a_killed_run_are_removed_after_the_start(tmp_path: Path) -> None:
    with new_tree(tmp_path / "home") as tree:
        left = [tree.outbox / "desk" / ".scanmend-00ff.tmp", tree.archive / ".scanmend-01ff.tmp"]
        for path in left:
            path.parent.mkdir(parents=True)
            path.write_text("half")
        tree.start()

        tree.eventually(lambda: not any(path.exists() for path in left))
        said = tree.log_text()
        assert said.index("ready") < said.index("removed a half-written file")


def test_the_journal_is_pruned_while_documents_are_published(tmp_path: Path) -> None:
    with new_tree(tmp_path / "home", "journal: {keep: 2d}\nllm: {enabled: false}") as tree:
        scale_made.fill_journal(tree.state, 250, age=3 * DAY)
        assert tree.status()["counts"]["done"] == 250
        tree.start()
        samples.put(tree.inbox, "new.png", samples.encoded("png"))

        tree.published("new")
        tree.eventually(lambda: tree.status()["counts"]["done"] == 1)
