"""Test the list of GGUF files, and the choice of the one that the configuration means."""

from dataclasses import replace
from pathlib import Path

import pytest

from language_models import install
from scanmend.backends.gguf_files import belongs_to_program, builtin, chosen, files, stamp
from scanmend.config.settings import BUILTIN, LlmSettings

SETTINGS = replace(LlmSettings(), model="auto", repo_id="Linden/Tiny-GGUF", quantization="int8")


def _write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"GGUF" + b"x" * 6)


def test_the_parts_of_a_model_are_one_model(tmp_path: Path) -> None:
    _write(tmp_path, "a.gguf", "b-00001-of-00002.gguf", "b-00002-of-00002.gguf")
    _write(tmp_path, "sub/b-00001-of-00002.gguf", "c-00002-of-00002.gguf", "b.gguf")
    found = {model.path.removeprefix(f"{tmp_path}/"): model for model in files(str(tmp_path))}

    assert list(found) == sorted(
        ["a.gguf", "b-00001-of-00002.gguf", "b.gguf", "sub/b-00001-of-00002.gguf"]
    )
    assert [len(model.parts) for model in found.values()] == [1, 2, 1, 1]
    assert found["b-00001-of-00002.gguf"].size == 20
    assert found["b-00001-of-00002.gguf"].whole
    assert not found["sub/b-00001-of-00002.gguf"].whole  # a part is missing
    assert found["a.gguf"].name == "a.gguf"


def test_a_file_without_the_signature_of_a_gguf_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGU")
    (model,) = files(str(tmp_path))
    assert not model.whole

    (tmp_path / "a.gguf").unlink()
    assert not model.whole


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("Linden--Tiny-GGUF/tiny-q4_k_m.gguf", "other-q8_0.gguf"), "tiny-q4_k_m.gguf"),
        (("Linden--Tiny-GGUF/tiny-q4_k_m.gguf", "Linden--Tiny-GGUF/tiny-Q8_0.gguf"), "tiny-Q8_0.gguf"),
        (("a-q4_k_m.gguf", "b-q8_0.gguf"), "b-q8_0.gguf"),
        (("a.gguf", "b.gguf"), "a.gguf"),
    ],
)  # fmt: skip
def test_the_file_that_fits_best_is_chosen(
    tmp_path: Path, names: tuple[str, ...], best: str
) -> None:
    _write(tmp_path, *names)

    assert (chosen(SETTINGS, str(tmp_path)) or "").rpartition("/")[2] == best


def test_a_named_file_is_chosen_if_it_exists(tmp_path: Path) -> None:
    _write(tmp_path, "sub/mine.gguf")

    assert chosen(replace(SETTINGS, model="sub/mine.gguf"), str(tmp_path)) == str(
        tmp_path / "sub" / "mine.gguf"
    )
    assert chosen(replace(SETTINGS, model="other.gguf"), str(tmp_path)) is None


def test_the_builtin_model_is_chosen_by_name_or_if_there_is_no_other(tmp_path: Path) -> None:
    assert chosen(replace(SETTINGS, model=BUILTIN), str(tmp_path)) == builtin()
    assert chosen(LlmSettings(), str(tmp_path)) == builtin()
    assert chosen(SETTINGS, str(tmp_path)) is None  # a repository is named: a download


AUTOMATIC = LlmSettings(model="auto")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (AUTOMATIC, "package"),
        (replace(AUTOMATIC, auto_download=False), "package"),
        (LlmSettings(), "builtin"),  # a package changes nothing before it is asked for
        (LlmSettings(repo_id="Linden/Tiny-GGUF"), "download"),
    ],
)
def test_auto_finds_the_model_of_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LlmSettings, found: str
) -> None:
    package = install(monkeypatch, tmp_path / "site", "small.gguf")
    expected = {"package": str(package / "small.gguf"), "builtin": builtin(), "download": None}
    models = tmp_path / "models"

    assert chosen(settings, str(models)) == expected[found]

    _write(models, "own.gguf")
    assert chosen(settings, str(models)) == str(models / "own.gguf")


def test_without_any_language_model_auto_chooses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "site")  # a package without a model

    assert chosen(AUTOMATIC, str(tmp_path)) is None


def test_nothing_is_written_beside_the_files_of_installed_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(monkeypatch, tmp_path / "site", "small.gguf")

    assert belongs_to_program(builtin())
    assert belongs_to_program(str(package / "small.gguf"))
    assert not belongs_to_program(str(tmp_path / "small.gguf"))


def test_a_replaced_file_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    assert stamp(str(path)) is None
    path.write_bytes(b"one")
    first = stamp(str(path))
    path.write_bytes(b"three")

    assert first
    assert stamp(str(path)) != first
