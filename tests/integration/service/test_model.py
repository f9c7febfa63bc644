"""Test the model in the daemon: a page loads it, idle time unloads it, and its failures cost no document."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import tinygguf
from hub import Hub, serving
from running import MODEL_IN_FOLDER, Tree, new_tree
from samples import encoded, numbered, put

LLM = f"llm: {{{MODEL_IN_FOLDER}, context: 1024, idle_unload: %s, on_unavailable: %s}}"


def _child_commands(tree: Tree) -> list[str]:
    """Return the command lines of the daemon's child processes."""
    commands = []
    for child in psutil.Process(tree.processes[-1].pid).children():
        with contextlib.suppress(psutil.Error):  # the process has just ended
            commands.append(" ".join(child.cmdline()))
    return commands


def _has_model(tree: Tree) -> bool:
    return any("scanmend.llm" in command for command in _child_commands(tree))


def test_pages_load_the_model_and_idle_time_unloads_it(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM % ("1s", "publish")) as tree:
        tinygguf.write(tree.state / "models" / "tiny-q8_0.gguf")
        tree.start()
        assert not _has_model(tree)
        for stem in ("a", "b"):
            put(tree.inbox, f"{stem}.png", encoded("png", numbered(1)))
            sidecar = tree.published(stem)

            assert sidecar["correction"]["status"] == "done"
            assert sidecar["model"]["name"] == "tiny-q8_0.gguf"
            assert sidecar["model"]["gpu_layers"] == 0
            assert len(sidecar["model"]["sha256"]) == 64
            assert tree.text(stem) == "Page 1 of the harbour book\n"
            tree.eventually(lambda: not _has_model(tree))
            tree.eventually(lambda: tree.status()["facts"]["model"]["value"] == "ready")


def test_pages_that_arrive_during_an_unload_are_not_lost(tmp_path: Path) -> None:
    """Unload the model after 1 ms without work, so that each page loads it again."""
    with new_tree(tmp_path, LLM % ("1ms", "publish")) as tree:
        tinygguf.write(tree.state / "models" / "tiny-q8_0.gguf")
        tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(10)))

        sidecar = tree.published("book")

        assert sidecar["correction"]["pages"] == {"done": 10}


def test_a_document_that_waits_for_a_model_holds_up_no_other(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM % ("5m", "wait")) as tree:
        process = tree.start()
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        tree.eventually(
            lambda: any("waits for a model" in d["reason"] for d in tree.status()["in_work"])
        )
        put(tree.inbox, "notes.txt", b"no scan\n")
        tree.failure("notes.txt")
        assert tree.stop(process) == 0  # the document still waits after a restart
        tree.start()
        tinygguf.write(tree.home / "tiny.gguf")
        (tree.state / "models").mkdir(exist_ok=True)
        (tree.home / "tiny.gguf").rename(tree.state / "models" / "tiny.gguf")

        assert tree.published("scan")["correction"]["status"] == "done"


def _cut(path: Path) -> None:
    tinygguf.write(path)
    path.write_bytes(path.read_bytes()[:50_000])


def _diffusion(path: Path) -> None:
    tinygguf.write(path, architecture="llada")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_cut, "tiny.gguf can't be loaded"),
        (_diffusion, "this model can't tell how likely a text is: it writes by diffusion"),
        (lambda _: None, "tiny.gguf is not there"),
    ],
)
def test_instead_of_a_named_model_that_cant_be_used_the_built_in_corrector_works_alone(
    tmp_path: Path, spoil: Callable[[Path], None], why: str
) -> None:
    with new_tree(tmp_path, "llm: {model: tiny.gguf, context: 1024}") as tree:
        spoil(tree.state / "models" / "tiny.gguf")
        tree.start()
        for stem in ("a", "b"):
            put(tree.inbox, f"{stem}.png", encoded("png", numbered(1)))

            sidecar = tree.published(stem)

            assert sidecar["correction"]["status"] == "done"
            assert "the built-in corrector alone: " in sidecar["correction"]["reason"]
            assert why in sidecar["correction"]["reason"]
            assert sidecar["model"]["name"] == "corrector.gguf"
        assert why in tree.status()["facts"]["model"]["reason"]
        assert tree.log_text().count("the built-in corrector works alone") == 1


def test_a_corrupt_model_holds_up_its_page_if_pages_shall_wait(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM % ("5m", "wait")) as tree:
        path = tree.state / "models" / "tiny.gguf"
        _cut(path)
        tree.start()
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))
        why = "waits for a model: tiny.gguf can't be loaded"
        tree.eventually(lambda: any(why in d["reason"] for d in tree.status()["in_work"]))

        tinygguf.write(path)

        assert tree.published("scan")["correction"]["status"] == "done"


def test_a_killed_model_process_costs_no_document(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM % ("5m", "publish")) as tree:
        tinygguf.write(tree.state / "models" / "tiny-q8_0.gguf")
        process = tree.start()
        put(tree.inbox, "book.pdf", encoded("pdf", numbered(4)))
        tree.eventually(lambda: _has_model(tree))
        for child in psutil.Process(process.pid).children():
            if "scanmend.llm" in " ".join(child.cmdline()):
                child.kill()

        assert tree.published("book")["correction"]["pages"] == {"done": 4}


def test_documents_are_published_during_a_download_which_the_status_shows(tmp_path: Path) -> None:
    data = tinygguf.write(tmp_path / "made.gguf").read_bytes()
    more = "llm: {context: 1024, repo_id: Linden/Tiny-GGUF, on_unavailable: wait}"
    with (
        serving(Hub("Linden/Tiny-GGUF", {"tiny-q8_0.gguf": data})) as hub,
        new_tree(tmp_path / "home", more) as tree,
    ):
        tree.start(HF_ENDPOINT=hub.address, HF_HOME=str(tmp_path / "hf"))
        put(tree.inbox, "scan.png", encoded("png", numbered(1)))

        sidecar = tree.published("scan")

        assert sidecar["correction"]["status"] == "done"
        assert "state=downloading" in tree.log_text()
        assert "licence: apache-2.0" in tree.log_text()


def test_without_the_hub_the_built_in_corrector_works_alone_and_the_sidecar_says_why(
    tmp_path: Path,
) -> None:
    with new_tree(tmp_path, "llm: {repo_id: Linden/Tiny-GGUF, context: 1024}") as tree:
        tree.start(HF_ENDPOINT="http://127.0.0.1:9", HF_HOME=str(tmp_path / "hf"))
        put(tree.inbox, "a.png", encoded("png", numbered(1)))
        first = tree.published("a")
        tree.eventually(lambda: tree.status()["facts"]["model"]["value"] == "failed")
        put(tree.inbox, "b.png", encoded("png", numbered(1)))

        second = tree.published("b")["correction"]

        assert first["model"]["name"] == "corrector.gguf"
        assert first["correction"]["status"] == second["status"] == "done"
        assert "the built-in corrector alone: Linden/Tiny-GGUF" in first["correction"]["reason"]
        assert "is being downloaded" in first["correction"]["reason"]
        assert "the built-in corrector alone: the Hub can't be reached" in second["reason"]
        assert str(tree.state / "models") in second["reason"]


def test_the_sub_folder_selects_the_profile(tmp_path: Path) -> None:
    with new_tree(tmp_path, LLM % ("5m", "publish")) as tree:
        tinygguf.write(tree.state / "models" / "tiny-q8_0.gguf")
        tree.start()
        put(tree.inbox, "financial/a.png", encoded("png", numbered(1)))
        put(tree.inbox, "b.png", encoded("png", numbered(1)))

        first, second = tree.published("financial/a"), tree.published("b")

        assert (first["correction"]["profile"], second["correction"]["profile"]) == (
            "financial",
            "default",
        )
        assert first["correction"]["prompt_sha256"] != second["correction"]["prompt_sha256"]
