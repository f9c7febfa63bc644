"""Test `scanmend process` with the null engine and without a model: its results, messages and exit codes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from samples import encoded, put
from scanmend.cli.main import main

CONFIG = """\
base: .
profiles: {directory: profiles}
ocr: {engine: "null", workers: 1}
llm: {enabled: false}
"""

Process = Callable[..., int]


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    """Return a function that processes files into tmp_path/out."""
    monkeypatch.setenv("SCANMEND_NULL_ENGINE", "1")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "default.yaml").write_text("prompt: Correct it.\n")
    config = put(tmp_path, "scanmend.yaml", CONFIG.encode())

    def process(*arguments: str | Path) -> int:
        out = ["--out", str(tmp_path / "out")]
        return main(["--config", str(config), "process", *out, *map(str, arguments)])

    return process


def test_files_of_several_folders_are_published_and_stay(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "profiles", "letters.yaml", b"prompt: Correct the letter.\n")
    files = [put(tmp_path / name, f"{name}.png", encoded("png")) for name in ("desk", "hall")]

    assert process("--profile", "letters", *files) == 0

    assert capsys.readouterr().out == "desk.png: desk.txt\nhall.png: hall.txt\n"
    assert all(file.exists() for file in files)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["desk.json", "desk.txt", "hall.json", "hall.txt"]


def test_a_file_that_fails_does_not_hold_up_the_others(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = put(tmp_path / "desk", "good.png", encoded("png"))
    bad = put(tmp_path / "desk", "bad.pdf", b"no scan at all")
    half = put(tmp_path / "desk", "half.png", encoded("png")[:300])

    assert process(half, tmp_path / "missing.pdf", tmp_path, bad, good) == 5

    printed = capsys.readouterr()
    assert printed.out == "good.png: good.txt\n"
    assert "half.png: incomplete: " in printed.err
    assert "missing.pdf: no such file" in printed.err
    assert f"{tmp_path}: not a file" in printed.err
    assert "scanmend: bad.pdf: " in printed.err
    assert bad.exists()


def test_an_unknown_profile_is_named(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert process("--profile", "letters", tmp_path / "a.png") == 3
    assert "--profile letters: no such profile" in capsys.readouterr().err
