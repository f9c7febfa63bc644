"""Test that the documents of `make eval-corrector` are complete and the same each time."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import documents
from bench.corrector_run import ProposedDocument, gated, with_texts, without_gate
from bench.corrector_sets import Document, Page, sample
from scanmend.config.profiles import Profile
from scanmend.page import Box, Divergence, Line, LineProposal


@pytest.mark.parametrize("language", documents.LANGUAGES)
def test_texts_fit_their_page(language: str) -> None:
    found = list(documents.texts((language,)))

    assert len(found) >= 4
    for text in found:
        assert 17 <= len([line for line in text.lines if line.strip()]) <= 50, text.name
        assert max(map(len, text.lines)) <= 100, text.name
        assert "\t" not in text.truth
        assert not any(line.startswith(("#", "|||")) for line in text.truth.split("\n"))


@pytest.mark.slow
def test_a_page_is_degraded_the_same_way_each_time() -> None:
    fonts = documents.fonts()
    if not fonts:
        pytest.skip("no font to set documents in")
    text = documents.Text("note", "en", ("# A note", "Pos\tArticle\t5.00", "one two three"))
    page = documents.printed(text, next(iter(fonts.values())), random.Random(1))
    assert np.asarray(page).min() == 0
    for level in documents.LEVELS:
        first, second = (
            documents.worn(page, documents.WEAR[level], random.Random(2)) for _ in range(2)
        )
        assert first.tobytes() == second.tobytes()
        assert isinstance(first, Image.Image)
        assert first.height < first.width < page.width


@pytest.mark.slow
def test_a_picture_is_made_once(tmp_path: Path) -> None:
    fonts = documents.fonts()
    if not fonts:
        pytest.skip("no font to set documents in")
    made = list(documents.pictures(str(tmp_path), fonts, 1, ("en",), 1))
    times = [Path(path).stat().st_mtime_ns for _, _, path in made]
    again = list(documents.pictures(str(tmp_path), fonts, 1, ("en",), 1))

    assert [level for _, level, _ in made] == list(documents.LEVELS)
    assert made == again
    assert times == [Path(path).stat().st_mtime_ns for _, _, path in again]


def _proposed() -> ProposedDocument:
    line = Line("farm rnodern house", Box(0, 0, 1, 1), 0.9)
    page = Page((line,), ("form modern house",), "form modern house")
    proposed = LineProposal("form modern house", (Divergence(1, 2, 5.0), Divergence(5, 6, 3.0)))
    return ProposedDocument(Document("one", ("given", "en"), (page,)), [(proposed,)])


def test_edits_of_a_lifted_rule_pass_from_the_given_margin_on() -> None:
    rules = Profile("default", "correct")
    as_it_is = gated(_proposed(), rules).lines[0]

    assert as_it_is.published == "farm modern house"
    assert gated(_proposed(), rules, {"short-word": 4.0}).lines[0].published == "form modern house"
    assert gated(_proposed(), rules, {"short-word": 6.0}).lines[0] == as_it_is
    assert without_gate(_proposed()).lines[0].published == "form modern house"
    assert with_texts(_proposed().document, [["a"]]).pages == (
        ("farm rnodern house", "a", "form modern house"),
    )


def test_a_sample_of_a_set_is_the_same_each_time() -> None:
    page = Page((Line("a", Box(0, 0, 1, 1), None),) * 5, ("a",) * 5, "a")
    found = [Document(str(n), ("set", "en"), (page,)) for n in range(20)]

    assert sample(found, 3, None) == sample(found[::-1], 3, None)
    assert len(sample(found, None, 12)) == 3
    assert len(sample(found, None, None)) == 20
