"""Test correction as users meet it: a scanned invoice, text of other programs, model files, a model server."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygguf
from hub import Hub, serving
from hybrid import with_recurrent_layer
from language_models import smollm2
from running import MODEL_IN_FOLDER, Tree, eventually, new_tree
from samples import encoded, page, put
from scanmend.backends import gpu

TUTORIAL = ["Invoic # 12345", "Total: $1O0.00", "Date: 2023-07-15"]
ANSWERS = {"#": "Invoice # 12345", "$": "The total is $900.00", "-": "Date: 2023-07-51"}
LLM = f"llm: {{{MODEL_IN_FOLDER}, context: 1024}}"


def test_good_edits_are_accepted_and_bad_ones_rejected(tmp_path: Path) -> None:
    """Correct lines with a model that is scripted to propose good and bad edits."""
    with new_tree(tmp_path, LLM) as tree:
        tinygguf.scripted(tree.state / "models" / "scripted-f32.gguf", ANSWERS)
        found = json.loads(tree.command("correct", "--json", stdin="\n".join(TUTORIAL)).stdout)

        lines = found["pages"][0]["lines"]
        assert [line["text"] for line in lines] == [
            "Invoice # 12345",
            "Total: $100.00",
            TUTORIAL[2],
        ]
        accepted = {(e["before"], e["after"]) for x in lines for e in x["edits"] if e["accepted"]}
        rejected = {e["rule"] for x in lines for e in x["edits"] if not e["accepted"]}
        assert accepted == {("Invoic", "Invoice"), ("$1O0.00", "$100.00")}
        assert "digits" in rejected
        assert any(e["margin"] > 2 for x in lines for e in x["edits"] if e["after"] == "Invoice")
        assert {s["kind"] for s in found["pages"][0]["suspects"]} >= {"model"}
        assert found["pages"][0]["correction"]["method"] == "parallel"


def test_the_users_example_comes_right_with_what_is_installed(tmp_path: Path) -> None:
    """Correct the misread invoice without a model, a download or a setting."""
    with new_tree(tmp_path, "llm: {context: 8192}") as tree:
        found = tree.command("correct", stdin="\n".join(TUTORIAL), HF_ENDPOINT="http://127.0.0.1:9")

        assert found.stdout == "Invoice # 12345\nTotal: $100.00\nDate: 2023-07-15\n"


def _worn_letter(tree: Tree) -> None:
    """Drop a letter, enlarged from a small picture, so that the engine is unsure of some characters."""
    read = "The comrnittee will meet again on Tuesday to consider tbe matter. Total: $1O0.00"
    scan = page([read[:65], read[66:]], size=(1100, 260)).resize((360, 85)).resize((1100, 260))
    put(tree.inbox, "letter.png", encoded("png", [scan]))


def test_the_built_in_model_corrects_if_no_model_is_named(tmp_path: Path) -> None:
    """Correct without a download, a GPU or a setting."""
    with new_tree(tmp_path, "llm: {context: 8192}") as tree:
        tree.start(HF_ENDPOINT="http://127.0.0.1:9")
        _worn_letter(tree)

        sidecar = tree.published("letter")

        assert sidecar["pages"][0]["correction"]["status"] == "done"
        assert sidecar["pages"][0]["correction"]["method"] == "parallel"
        assert sidecar["model"]["name"] == "corrector.gguf"
        assert sidecar["model"]["gpu_layers"] == 0
        assert "$100.00" in tree.text("letter")
        assert tree.status()["facts"]["model"]["value"] in ("busy", "idle", "loaded")
        listed = tree.command("models", "list").stdout
        assert "* builtin" in listed
        assert "no model in" in listed
        assert [f.name for f in (tree.state / "models").rglob("*")] == []


@pytest.mark.parametrize("effort", ["full", "fast"])
def test_a_language_model_judges_beside_the_built_in_corrector(tmp_path: Path, effort: str) -> None:
    file = smollm2()
    with new_tree(tmp_path, f"llm: {{model: auto, effort: {effort}, context: 1024}}") as tree:
        tree.start()
        _worn_letter(tree)

        sidecar = tree.published("letter")

        assert sidecar["model"]["name"] == file.name
        assert sidecar["pages"][0]["correction"]["method"] == "judge"
        assert "$100.00" in tree.text("letter")


def test_a_hybrid_model_judges_beside_the_built_in_corrector(tmp_path: Path) -> None:
    """Judge with SmolLM2 as a model that has a recurrent layer, too."""
    with new_tree(tmp_path, "llm: {model: hybrid.gguf, context: 1024}") as tree:
        with_recurrent_layer(smollm2(), tree.state / "models" / "hybrid.gguf")
        tree.start()
        _worn_letter(tree)

        sidecar = tree.published("letter")

        assert sidecar["model"]["name"] == "hybrid.gguf"
        assert sidecar["pages"][0]["correction"]["method"] == "judge"
        assert "$100.00" in tree.text("letter")


NVML = """
import types
NVMLError = ValueError
nvmlInit = lambda: None
nvmlDeviceGetCount = lambda: 1
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetName = lambda device: "Tiny GPU"
nvmlDeviceGetMemoryInfo = lambda device: types.SimpleNamespace(used=0, total=1000 * 2**20)
"""


@pytest.mark.skipif(isinstance(gpu.measure(), gpu.GpuMemory), reason="there is a real GPU here")
def test_a_gpu_that_is_not_used_is_a_warning_everywhere(tmp_path: Path) -> None:
    """Pretend that the machine has a GPU, for which this llama.cpp is not built."""
    (tmp_path / "nvml").mkdir()
    (tmp_path / "nvml" / "pynvml.py").write_text(NVML)
    path = f"{tmp_path / 'nvml'}:{os.environ.get('PYTHONPATH', '')}"
    why = "Tiny GPU, 1000 MiB: cpu: llama.cpp is built without support for a GPU"
    with new_tree(tmp_path, LLM) as tree:
        tinygguf.scripted(tree.state / "models" / "scripted-f32.gguf", ANSWERS)
        tree.start(PYTHONPATH=path)
        put(tree.inbox, "invoice.png", encoded("png", [page(TUTORIAL, size=(700, 260))]))

        sidecar = tree.published("invoice")

        assert sidecar["warnings"] == [f"the GPU is not used: {why}"]
        assert sidecar["model"]["unused_gpu"] == "Tiny GPU, 1000 MiB"
        fact = tree.status()["facts"]["gpu"]
        assert (fact["value"], fact["reason"]) == ("not used", why)
        assert "the GPU is not used" in tree.log_text()
        found = tree.command("doctor", PYTHONPATH=path).stdout
        assert "Tiny GPU, 1000 MiB, 0 MiB in use, not used: cpu: llama.cpp is built" in found
        assert "GGML_CUDA=on" in found


def test_text_of_other_programs_is_corrected_in_its_own_format(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM) as tree:
        tinygguf.scripted(tree.state / "models" / "scripted-f32.gguf", ANSWERS)
        (tree.home / "old.txt").write_text("\n".join(TUTORIAL) + "\n\nno more\n")

        plain = tree.command("correct", "old.txt").stdout
        assert plain == "Invoice # 12345\nTotal: $100.00\nDate: 2023-07-15\n\nno more\n"
        assert (
            tree.command("correct", stdin="\n".join(TUTORIAL)).stdout
            == plain.split("\n\n")[0] + "\n"
        )

        rows = [json.dumps({"id": n, "text": t, "confidence": 0.7}) for n, t in enumerate(TUTORIAL)]
        out = tree.command("correct", "-", stdin="\n".join(rows)).stdout
        records = [json.loads(row) for row in out.splitlines()]
        assert [r["text"] for r in records] == plain.splitlines()[:3]
        assert [r["id"] for r in records] == [0, 1, 2]
        assert {r["confidence"] for r in records} == {0.7}

        structured = json.loads(
            tree.command("correct", "--json", "--profile", "financial", "old.txt").stdout
        )
        lines = structured["pages"][0]["lines"]
        assert [line["ocr"] for line in lines[:3]] == TUTORIAL
        assert lines[0]["edits"][0]["rule"] == "ocr-plausible"
        assert structured["model"]["name"] == "scripted-f32.gguf"
        assert structured["pages"][0]["suspects"]


def test_auto_uses_the_language_model_of_the_installed_package(tmp_path: Path) -> None:
    file = smollm2()
    beside = sorted(file.parent.iterdir())
    with new_tree(tmp_path, "llm: {model: auto, context: 1024}") as tree:
        text = "We rccommend thnt you replace the toner cartridqe soon.\n"
        found = json.loads(tree.command("correct", "--json", stdin=text).stdout)

        assert found["model"]["name"] == file.name
        assert found["pages"][0]["correction"]["method"] == "judge"
        assert found["pages"][0]["lines"][0]["text"] == (
            "We recommend that you replace the toner cartridge soon."
        )
        assert sorted(file.parent.iterdir()) == beside  # no notes are written there


def test_a_thousand_paragraphs_are_corrected_in_one_run(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM) as tree:
        tinygguf.scripted(tree.state / "models" / "scripted-f32.gguf", ANSWERS)
        text = "Invoic # 12345\n" * 1000

        assert tree.command("correct", stdin=text).stdout == text.replace("Invoic ", "Invoice ")


@pytest.mark.parametrize(
    ("arguments", "stdin", "message", "code"),
    [
        (["missing.txt"], None, "missing.txt: No such file", 2),
        (["latin.txt"], None, "latin.txt: not UTF-8 at byte 3", 2),
        (["--profile", "nobody"], "x", "--profile nobody: no such profile", 3),
        (["-"], '{"text": "a"}\nplain\n', "-:2: not a JSON object with a text", 2),
        (["-"], '{"text": "a", "confidence": 7}\n', "-:1: confidence: 7 is not a number", 2),
    ],
)
def test_the_command_correct_names_its_error(
    tmp_path: Path, arguments: list[str], stdin: str | None, message: str, code: int
) -> None:
    with new_tree(tmp_path, LLM) as tree:
        tinygguf.scripted(tree.state / "models" / "scripted-f32.gguf", ANSWERS)
        (tree.home / "latin.txt").write_bytes(b"caf\xe9")

        done = tree.command("correct", *arguments, check=False, stdin=stdin)

        assert done.returncode == code
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_missing_model_is_reported_with_the_remedy(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM) as tree:
        done = tree.command("correct", check=False, stdin="text\n")

        assert done.returncode == 7
        assert "scanmend models pull" in done.stderr


# model files ----------------------------------------------------------------------------------------


def test_models_are_listed_pulled_verified_and_removed(tmp_path: Path) -> None:
    small = tinygguf.write(tmp_path / "made.gguf").read_bytes()
    other = tinygguf.write(tmp_path / "other.gguf", seed=2).read_bytes()
    hub_files = {"tiny-q8_0.gguf": small, "tiny-q4_k_m.gguf": other}
    more = "llm: {auto_download: false, repo_id: Linden/Tiny-GGUF}"
    with (
        serving(Hub("Linden/Tiny-GGUF", hub_files)) as hub,
        new_tree(tmp_path / "home", more) as tree,
    ):
        env: dict[str, Any] = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "hf")}
        folder = tree.state / "models"
        assert "no model in" in tree.command("models", "list").stdout

        pulled = tree.command("models", "pull", **env).stdout
        tree.command("models", "pull", "--quantization", "int4", **env)
        put(folder, "by-hand.gguf", small)

        assert "licence: apache-2.0" in pulled.splitlines()[0]
        assert pulled.splitlines()[-1].endswith("Linden--Tiny-GGUF/tiny-q8_0.gguf")
        listed = json.loads(tree.command("models", "list", "--json").stdout)["models"]
        # beside those of packages, which have an absolute path
        assert {m["name"]: m["used"] for m in listed if not m["name"].startswith("/")} == {
            "builtin": False,
            "Linden--Tiny-GGUF/tiny-q8_0.gguf": True,
            "Linden--Tiny-GGUF/tiny-q4_k_m.gguf": False,
            "by-hand.gguf": False,
        }
        assert "apache-2.0" in tree.command("models", "list").stdout

        verified = tree.command("models", "verify", **env)
        assert verified.stdout.count("whole: its sha256 is the Hub's") == 2
        assert "by-hand.gguf: not in Linden/Tiny-GGUF" in verified.stdout
        path = folder / "Linden--Tiny-GGUF" / "tiny-q8_0.gguf"
        status = path.stat()
        path.write_bytes(
            small[:-1] + b"?"
        )  # as after a disk error that changes neither size nor time
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
        damaged = tree.command("models", "verify", "tiny-q8_0.gguf", check=False, **env)
        assert damaged.returncode == 1
        assert "DAMAGED" in damaged.stdout
        # without the Hub, the digest that was noted at the download counts
        away = tree.command(
            "models", "verify", "tiny-q8_0.gguf", check=False, HF_ENDPOINT="http://127.0.0.1:9"
        )
        assert "that of its download" in away.stdout

        removed = tree.command("models", "remove", "tiny-q8_0.gguf", "by-hand.gguf").stdout
        assert removed.count("removed") == 2
        assert [p.name for p in folder.rglob("*.gguf")] == ["tiny-q4_k_m.gguf"]
        assert [p.name for p in folder.rglob("*.json")] == ["tiny-q4_k_m.gguf.scanmend.json"]
        unknown = tree.command("models", "remove", "nothing", check=False)
        assert unknown.returncode == 2
        assert "there is: Linden--Tiny-GGUF/tiny-q4_k_m.gguf" in unknown.stderr


def test_pull_reports_that_the_hub_is_out_of_reach(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM) as tree:
        done = tree.command("models", "pull", check=False, HF_ENDPOINT="http://127.0.0.1:9")

        assert done.returncode == 7
        assert "the Hub can't be reached" in done.stderr
        assert str(tree.state / "models") in done.stderr


# a server -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _server(model: Path, log: Path) -> Iterator[str]:
    """Run llama-cpp-python's own server; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "llama_cpp.server",
        "--model",
        str(model),
        "--port",
        str(port),
        "--n_ctx",
        "2048",
    ]
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=5).close()
                return True
            return False

        eventually(answers)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def test_beside_llama_cpp_python_s_server_without_logits_the_built_in_corrector_works_alone(
    tmp_path: Path,
) -> None:
    model = tinygguf.scripted(tmp_path / "scripted.gguf", ANSWERS)
    with _server(model, tmp_path / "server.log") as address:
        more = f"llm: {{backend: openai, base_url: '{address}', idle_unload: 1s}}"
        with new_tree(tmp_path / "home", more) as tree:
            tree.start()
            put(tree.inbox, "invoice.png", encoded("png", [page(TUTORIAL, size=(700, 260))]))

            sidecar = tree.published("invoice")

            assert tree.text("invoice").splitlines()[1] == "Total: $100.00"
            assert sidecar["correction"]["status"] == "done"
            assert sidecar["model"]["device"].startswith("cpu")
            assert "can't judge" in sidecar["model"]["unused_server"]
            tree.eventually(lambda: tree.status()["facts"]["model"]["value"] == "ready")


def test_documents_are_published_while_the_server_is_away(tmp_path: Path) -> None:
    more = "llm: {backend: openai, base_url: 'http://127.0.0.1:9/v1'}"
    with new_tree(tmp_path, more) as tree:
        tree.start()
        put(tree.inbox, "a.png", encoded("png", [page(TUTORIAL, size=(700, 260))]))

        correction = tree.published("a")["correction"]

        assert correction["status"] == "unavailable"
        assert "http://127.0.0.1:9/v1" in correction["reason"]
        assert tree.text("a").splitlines()[1] == "Total: $100.00"  # the rules hold without a model


def test_a_model_that_the_server_lacks_is_reported(tmp_path: Path) -> None:
    model = tinygguf.scripted(tmp_path / "scripted.gguf", ANSWERS)
    with _server(model, tmp_path / "server.log") as address:
        more = f"llm: {{backend: openai, base_url: '{address}', model: other}}"
        with new_tree(tmp_path / "home", more) as tree:
            done = tree.command("correct", check=False, stdin="a line\n")

            assert done.returncode == 7
            assert "has no model other; it has: " in done.stderr
