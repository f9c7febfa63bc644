"""Test the real daemon with OCR children that lie: each file reaches a final state, and the daemon keeps running."""

import json
from pathlib import Path
from typing import Any

import pytest

from children import liar
from running import ROOT, Tree, new_tree
from samples import encoded, put

pytestmark = pytest.mark.unmeasured
TIMES = 2
CONFIG = f"""\
llm: {{enabled: false}}
ocr: {{workers: 1, attempts: {TIMES}, idle_unload: 30s}}
"""
CONTENTS = {"is": "reply", "value": {"media_type": "image/png", "pages": 1}}
PAGE = {
    "is": "reply",
    "value": {
        "index": 0,
        "width": 10,
        "height": 10,
        "dpi": 300,
        "rotation": 0,
        "lines": [],
        "engine": {"name": "rapidocr", "version": "1"},
    },
}


def _with(answer: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**answer, "value": {**answer["value"], **values}}


def _frame(*answers: dict[str, Any]) -> str:
    return "".join(liar.frame(json.dumps(answer).encode()) for answer in answers)


def _start(tree: Tree, lies: dict[str, str]) -> None:
    file = tree.home / "lies.json"
    file.write_text(json.dumps(lies))
    children = ROOT / "tests" / "children"
    path = f"{children / 'lying'}:{children}:{ROOT / 'daemon'}"
    tree.start(PYTHONPATH=path, LIES=str(file))


LIES = {
    "noise": {"contents": liar.frame(b"hello")},
    "wrong kind": {"contents": _frame({"is": "news"})},
    "more pages than the limit": {"contents": _frame(_with(CONTENTS, pages=10**12))},
    "no number": {
        "contents": _frame(CONTENTS),
        "page": _frame(_with(PAGE, lines=[{"text": "a", "box": {"x0": "a"}, "confidence": 1}])),
    },
    "another page": {"contents": _frame(CONTENTS), "page": _frame(_with(PAGE, index=1))},
    "a page in place of contents": {"contents": _frame(PAGE)},
}


@pytest.mark.parametrize("lies", LIES.values(), ids=LIES)
def test_a_malformed_answer_costs_an_attempt(tmp_path: Path, lies: dict[str, str]) -> None:
    with new_tree(tmp_path, CONFIG) as tree:
        _start(tree, lies)
        put(tree.inbox, "scan.png", encoded("png"))

        report = tree.failure("scan.png")

        assert (report["kind"], report["class"]) == ("babbled", "exhausted")
        assert report["attempts"] == TIMES
        assert "not what the protocol allows" in report["reason"] or "fit" in report["reason"]
        assert "a bug" not in tree.log_text()


def test_valid_answers_of_the_liar_are_published(tmp_path: Path) -> None:
    """Let the liar tell the truth, which shows that only its lies cause the failures above."""
    line = {"text": "Total 1", "box": {"x0": 0, "y0": 0, "x1": 9, "y1": 9.5}, "confidence": 1}
    with new_tree(tmp_path, CONFIG) as tree:
        _start(tree, {"contents": _frame(CONTENTS), "page": _frame(_with(PAGE, lines=[line]))})
        put(tree.inbox, "scan.png", encoded("png"))

        (page,) = tree.published("scan")["pages"]

        assert page["lines"][0]["box"] == [0, 0, 9, 9.5]
        assert tree.text("scan") == "Total 1\n"


def test_a_second_answer_is_not_taken_for_the_next_page(tmp_path: Path) -> None:
    contents = _with(CONTENTS, media_type="image/tiff", pages=2)
    pages = _frame(PAGE, _with(PAGE, index=1, warnings=["not asked for"]))
    with new_tree(tmp_path, CONFIG) as tree:
        _start(tree, {"contents": _frame(contents), "page": pages})
        put(tree.inbox, "scan.png", encoded("png"))

        assert tree.failure("scan.png")["kind"] == "babbled"  # page 1 is answered with page 0
