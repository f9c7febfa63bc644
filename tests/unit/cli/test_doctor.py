"""Test the findings and advice of `scanmend doctor` on this machine."""

import itertools
from pathlib import Path

import pytest

import tinygguf
from language_models import install
from scanmend.cli.main import main

CONFIG = """\
base: .
folders: {inbox: in}
pdf: {passwords: ["0042"]}
llm: {model: auto, auto_download: false}
"""


def test_doctor_reports_a_finding_for_every_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, tmp_path / "site")  # a package without a model
    config = tmp_path / "scanmend.yaml"
    config.write_text(CONFIG)
    config.chmod(0o644)
    (tmp_path / "in").mkdir()

    exit_code = main(["--config", str(config), "doctor"])

    lines = capsys.readouterr().out.splitlines()
    remedies = dict(itertools.pairwise(lines))
    findings = {line[5:27].strip(): line for line in lines if not line.startswith(" ")}
    assert exit_code == 0  # nothing is bad
    assert findings["daemon"].endswith("not running")
    assert findings["folders.inbox"].startswith(f"ok   folders.inbox          {tmp_path}/in (")
    assert findings["folders.state"].startswith("note folders.state")
    assert remedies[findings["folders.state"]].endswith("-> `scanmend run` creates it")
    assert findings["watching"].startswith("ok   watching")
    assert remedies[findings["pdf.passwords"]].endswith(f"-> chmod o-r {config}")
    assert findings["engine chosen"].startswith("ok   engine chosen          rapidocr: ")
    assert findings["engine rapidocr"].startswith("ok   engine rapidocr        usable, ")
    assert "the built-in corrector alone: no .gguf file in" in findings["model"]
    assert "put a .gguf file into" in remedies[findings["model"]]
    assert findings["lexicon"].endswith(" words")
    assert "gpu" in findings
    assert findings["language model"].startswith(
        "note language model         none is in use; for en, "
    )
    assert "Apache-2.0" in findings["language model"]
    assert remedies[findings["language model"]].endswith("see docs/models.md")


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (None, "ok   model                  {path} (architecture llama)"),
        (50_000, "BAD  model                  {path}: llama.cpp can't load it: "),
    ],
)
def test_doctor_reads_the_header_of_the_model_in_use(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    end: int | None,
    said: str,
) -> None:
    path = tinygguf.write(tmp_path / "own.gguf")
    path.write_bytes(path.read_bytes()[:end])
    config = tmp_path / "scanmend.yaml"
    config.write_text(f"base: .\nllm: {{model: {path}}}\n")

    main(["--config", str(config), "doctor"])

    assert said.format(path=path) in capsys.readouterr().out
