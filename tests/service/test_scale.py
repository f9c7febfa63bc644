"""The journal of a daemon that has run for years."""

from pathlib import Path

import samples
from bench import scale_made
from running import tree

DAY = 86400.0


def test_it_is_pruned_while_documents_are_published(tmp_path: Path) -> None:
    with tree(tmp_path / "home", "journal: {keep: 2d}\nllm: {enabled: false}") as made:
        scale_made.fill_journal(made.state, 250, age=3 * DAY)
        assert made.status()["counts"]["done"] == 250
        made.start()
        samples.put(made.inbox, "new.png", samples.encoded("png"))

        made.published("new")
        made.eventually(lambda: made.status()["counts"]["done"] == 1)
