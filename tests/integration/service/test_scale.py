"""Test a daemon that has run for years: its temporary files and its journal."""

from pathlib import Path

import samples
from bench import scale_made
from running import tree

DAY = 86400.0


def test_half_written_files_of_a_killed_run_are_removed_after_the_start(tmp_path: Path) -> None:
    with tree(tmp_path / "home") as made:
        left = [made.outbox / "desk" / ".scanmend-00ff.tmp", made.archive / ".scanmend-01ff.tmp"]
        for path in left:
            path.parent.mkdir(parents=True)
            path.write_text("half")
        made.start()

        made.eventually(lambda: not any(path.exists() for path in left))
        said = made.log_text()
        assert said.index("ready") < said.index("removed a half-written file")


def test_the_journal_is_pruned_while_documents_are_published(tmp_path: Path) -> None:
    with tree(tmp_path / "home", "journal: {keep: 2d}\nllm: {enabled: false}") as made:
        scale_made.fill_journal(made.state, 250, age=3 * DAY)
        assert made.status()["counts"]["done"] == 250
        made.start()
        samples.put(made.inbox, "new.png", samples.encoded("png"))

        made.published("new")
        made.eventually(lambda: made.status()["counts"]["done"] == 1)
