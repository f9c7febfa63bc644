"""Test that the null engine of the benches works in the whole pipeline, and only with permission."""

from pathlib import Path

import pytest

import samples
from running import new_tree
from scanmend.errors import NULL_ALLOWED, EngineUnusable
from scanmend.ocr.engines.factory import EngineChoice, load
from scanmend.ocr.engines.null import NULL_LINE


def test_pages_of_the_null_engine_go_through_the_whole_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NULL_ALLOWED, "1")
    more = 'ocr: {engine: "null", workers: 1, rotate: false}\nllm: {enabled: false}'
    with new_tree(tmp_path / "home", more) as tree:
        tree.start()
        samples.put(tree.inbox, "page.png", samples.encoded("png"))

        assert tree.published("page")["engine"]["name"] == "null"
        assert tree.text("page") == f"{NULL_LINE}\n"


def test_the_child_refuses_the_null_engine_without_permission() -> None:
    with pytest.raises(EngineUnusable, match="null reads nothing"):
        load(EngineChoice("null", ("en",)))
