"""Test the notes about a model file, which are stored beside it."""

from pathlib import Path

import pytest

from scanmend.gguf_names import file_name_words, part_numbers, without_part
from scanmend.gguf_notes import NOTES_SUFFIX, Fact, Notes


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    return path


def test_notes_are_kept_until_the_file_is_replaced(model: Path) -> None:
    notes = Notes(str(model))
    notes.update({"licence": "MIT", "layers": 3})
    again = Notes(str(model))

    assert (again.text("licence"), again.integer("layers")) == ("MIT", 3)
    assert again.get("unknown") is None
    assert again.text("layers") is None
    assert again.integer("licence") is None
    model.write_bytes(b"GGUF of another model")
    assert Notes(str(model)).get("licence") is None


def test_notes_that_can_not_be_read_are_dropped(model: Path) -> None:
    beside = Path(f"{model}{NOTES_SUFFIX}")
    for text in ("", "[]", "{}", "\udcff"):
        beside.write_text(text, errors="surrogateescape")
        assert Notes(str(model)).get("licence") is None


def test_the_sha256_is_computed_once(model: Path) -> None:
    digest = Notes(str(model)).sha256()

    assert len(digest) == 64
    Notes(str(model)).set("sha256", "kept")
    assert Notes(str(model)).sha256() == "kept"


def test_a_process_without_write_permission_reports_its_notes(model: Path) -> None:
    reported: list[dict[str, Fact]] = []
    notes = Notes(str(model), reported.append)
    notes.set("layers", 3)

    assert reported == [{"layers": 3}]
    assert notes.get("layers") == 3
    assert not Path(f"{model}{NOTES_SUFFIX}").exists()


def test_a_files_name_tells_quantization_and_parts() -> None:
    assert file_name_words("INT8") == ("q8_0",)
    assert file_name_words("Q5_K_M") == ("q5_k_m",)
    assert part_numbers("a/tiny-00002-of-00003.gguf") == (2, 3)
    assert part_numbers("tiny-2-of-3.gguf") is None
    assert without_part("tiny-00002-of-00003.gguf") == "tiny.gguf"
