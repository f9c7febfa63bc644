"""Test the real Aspose.OCR in evaluation mode; skip the tests, with the reason, if there is no OpenSSL 1.1."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openssl import openssl_folder
from running import Tree, new_tree
from samples import encoded, page, put
from scanmend.backends.ocr_engines import choose, probe
from scanmend.config.settings import AsposeSettings, Settings
from scanmend.errors import EngineUnusable
from scanmend.formats.summary import TRUNCATED_WARNING

LONG = [f"Line {n} of a long letter about the harbour and its ledgers" for n in range(1, 13)]


@pytest.fixture(scope="module")
def library() -> str:
    return openssl_folder()


def _settings(**aspose: object) -> Settings:
    base = Settings()
    return replace(base, ocr=replace(base.ocr, engine="aspose"), aspose=AsposeSettings(**aspose))  # type: ignore[arg-type]


def test_without_a_licence_the_engine_is_refused_with_the_remedy(library: str) -> None:
    with pytest.raises(EngineUnusable) as error:
        choose(_settings(library_path=library))

    assert "no licence" in str(error.value)
    assert "aspose.licence" in str(error.value)
    assert "allow_evaluation" in str(error.value)


def test_without_openssl_the_engine_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        EngineUnusable, match=r"OpenSSL 1\.1 is missing.*libssl1\.1.*aspose\.library_path"
    ):
        choose(_settings(library_path=str(tmp_path), allow_evaluation=True))


def test_an_invalid_licence_is_named_and_auto_chooses_rapidocr(
    library: str, tmp_path: Path
) -> None:
    licence = tmp_path / "Aspose.lic"
    licence.write_text("<License>no</License>")
    settings = _settings(licence=str(licence), library_path=library)

    with pytest.raises(EngineUnusable, match=r"aspose\.licence: .*Aspose\.lic is not accepted"):
        choose(settings)
    chosen = choose(replace(settings, ocr=replace(settings.ocr, engine="auto")))

    assert chosen.engine == "rapidocr"
    assert "Aspose.lic is not accepted" in chosen.reason


def test_auto_without_a_licence_chooses_rapidocr() -> None:
    assert choose(Settings()).engine == "rapidocr"


def test_the_probe_finds_the_engine_usable_and_unlicensed(library: str) -> None:
    """Load the library in a child: without OpenSSL 1.1, the .NET runtime ends its process."""
    settings = _settings(allow_evaluation=True, library_path=library)

    status = probe(settings, "aspose")

    assert status.usable
    assert not status.licensed


@pytest.fixture
def evaluation(library: str, tmp_path: Path) -> Iterator[Tree]:
    more = (
        "ocr: {workers: 1, engine: aspose}\n"
        f"aspose: {{allow_evaluation: true, library_path: {library}}}\n"
    )
    with new_tree(tmp_path, more) as tree:
        tree.start()
        yield tree


def test_every_result_is_marked_as_evaluation_and_contains_no_trial_notice(
    evaluation: Tree,
) -> None:
    tree = evaluation
    put(tree.inbox, "letter.png", encoded("png", [page(LONG, size=(1400, 900))]))

    sidecar = tree.published("letter")
    text = tree.text("letter")

    assert sidecar["engine"]["name"] == "aspose"
    assert sidecar["evaluation"] is True
    assert sidecar["truncated"] is True
    assert sidecar["warnings"][0] == TRUNCATED_WARNING  # then what the page shows beyond its text
    assert TRUNCATED_WARNING in tree.log_text()
    assert sidecar["pages"][0]["truncated"] is True
    assert "Trial" not in text
    assert "***" not in text
    assert "Line 1 of a long letter" in text
    assert len(text) < len("\n".join(LONG))
    for line in sidecar["pages"][0]["lines"]:
        assert line["box"][2] > line["box"][0] >= 0
    assert "WITHOUT A LICENCE" in tree.log_text()
