"""Test the daemon and `scanmend correct` with a model server that judges, or answers oddly: log and terminal name the key."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_server import ECHO, Answer, ModelServer, model_server, refused
from running import Tree, new_tree
from samples import encoded, page, put

WORDS = (["Invoice # 12345", "T0tal due now"], ["Dear neighbour", "the ledger is ready"])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server(ECHO) as running:
        yield running


def _settings(server: ModelServer, more: str = "") -> str:
    return f"llm: {{backend: openai, base_url: '{server.address}/v1', {more}}}"


def _scan(lines: list[str]) -> bytes:
    return encoded("png", [page(lines, size=(700, 200))])


def _refuse_invoices(_path: str, request: dict[str, Any]) -> Answer | None:
    if "Invoice" in str(request):
        return refused(400, "request exceeds the available context size")
    return None


MISREAD = "The patient shou1d take tbe tablets\nwith watcr soon\n"
CORRECTED = "The patient should take the tablets\nwith water soon\n"


def test_a_server_judges_the_words_of_a_page(tmp_path: Path, server: ModelServer) -> None:
    with new_tree(tmp_path, _settings(server)) as tree:
        assert tree.command("correct", stdin=MISREAD).stdout == CORRECTED
        tree.start()
        put(tree.inbox, "a.png", _scan(MISREAD.splitlines()))

        sidecar = tree.published("a")

        assert (sidecar["model"]["name"], sidecar["model"]["device"]) == ("chatty", "server")
        assert sidecar["pages"][0]["correction"]["method"] == "judge"
        assert sidecar["warnings"] == []


def test_beside_a_server_that_cant_judge_the_built_in_corrector_works_alone(tmp_path: Path) -> None:
    with new_tree(tmp_path / "local", "llm: {model: builtin}") as tree:
        by_itself = tree.command("correct", stdin=MISREAD).stdout
    with model_server() as server, new_tree(tmp_path / "home", _settings(server)) as tree:
        corrected = tree.command("correct", stdin=MISREAD).stdout
        assert corrected == by_itself
        assert corrected.splitlines()[1] == "with water soon"
        tree.start()
        put(tree.inbox, "a.png", _scan(MISREAD.splitlines()))

        sidecar = tree.published("a")

        assert sidecar["correction"]["status"] == "done"
        assert sidecar["model"]["name"].endswith(".gguf")
        assert "chatty can't judge" in sidecar["model"]["unused_server"]
        assert "the server is not used" in sidecar["warnings"][0]
        assert "the built-in corrector works alone" in tree.log_text()
        report = tree.command("doctor", check=False).stdout
        assert "the built-in corrector works alone" in report
        assert "chatty can't judge" in report


@pytest.mark.parametrize("on_unavailable", ["publish", "wait"])
def test_a_refused_page_is_published_uncorrected_and_the_next_one_goes_on(
    tmp_path: Path, server: ModelServer, on_unavailable: str
) -> None:
    server.odd = _refuse_invoices
    with new_tree(tmp_path, _settings(server, f"on_unavailable: {on_unavailable}")) as tree:
        tree.start()
        put(tree.inbox, "a.png", _scan(WORDS[0]))
        refusal = tree.published("a")["correction"]
        put(tree.inbox, "b.png", _scan(WORDS[1]))

        assert tree.published("b")["correction"]["status"] == "done"
        assert refusal["status"] == "failed"
        assert "400: request exceeds the available context size" in refusal["reason"]
        assert "raise the server's context" in tree.log_text()


def test_pages_wait_for_a_server_that_is_loading(tmp_path: Path, server: ModelServer) -> None:
    server.loading_until = time.monotonic() + 600
    with new_tree(tmp_path, _settings(server)) as tree:
        tree.start()
        put(tree.inbox, "b.png", _scan(WORDS[1]))
        tree.eventually(lambda: "Loading model" in str(tree.status()["facts"].get("model")))
        assert not (tree.outbox / "b.json").exists()

        server.loading_until = 0.0

        assert tree.published("b")["correction"]["status"] == "done"


def _null(server: ModelServer) -> None:
    server.models = Answer(body={"object": "list", "data": None})


def _wrong_key(server: ModelServer) -> None:
    server.models = refused(401, "Invalid API key")


def _never_loaded(server: ModelServer) -> None:
    server.loading_until = time.monotonic() + 600


def _wrong_path(server: ModelServer) -> None:
    server.base = ""


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_null, ("the server lists no model", "null", "llm.model")),
        (_wrong_key, ("401", "Invalid API key", "llm.api_key_file")),
        (_never_loaded, ("Loading model", "llm.load_timeout")),
        (_wrong_path, ("404", "set llm.base_url to it")),
    ],
)
def test_a_server_that_cant_be_used_is_named_on_the_terminal_and_in_the_log(
    tmp_path: Path, server: ModelServer, spoil: Any, words: tuple[str, ...]
) -> None:
    spoil(server)
    with new_tree(tmp_path, _settings(server, "load_timeout: 1s")) as tree:
        done = _correct(tree)
        tree.start()
        put(tree.inbox, "b.png", _scan(WORDS[1]))
        correction = tree.published("b")["correction"]

        assert done.returncode == 7
        assert correction["status"] == "unavailable"
        for text in (done.stderr, correction["reason"], tree.log_text()):
            assert [word for word in words if word not in text] == []


def _correct(tree: Tree) -> Any:
    return tree.command("correct", check=False, stdin="T0tal due now\nthe 1edger is ready\n")


@pytest.mark.parametrize(
    ("answer", "more", "words", "code"),
    [
        (refused(422, "bad field"), "", ("422: bad field", "llm.model"), 6),
        (Answer(200, {"choices": []}), "", ("0 choices", "the server's log"), 6),
        (Answer(delay=60.0), "page_timeout: 1s", ("llm.page_timeout (1 s)",), 0),
    ],
)
def test_correct_names_what_is_wrong_with_the_answers(
    tmp_path: Path,
    server: ModelServer,
    answer: Answer,
    more: str,
    words: tuple[str, ...],
    code: int,
) -> None:
    server.odd = lambda _, request: answer if "T0tal" in str(request) else None
    with new_tree(tmp_path, _settings(server, more)) as tree:
        done = _correct(tree)

    assert done.returncode == code
    assert [word for word in words if word not in done.stderr] == []
    assert "T0tal due now" in done.stdout or code == 0


def test_a_skipped_model_is_named_in_the_log(tmp_path: Path, server: ModelServer) -> None:
    server.models = Answer(body={"data": [{"id": "nomic-embed-text"}, {"id": "chatty"}]})
    with new_tree(tmp_path, _settings(server)) as tree:
        tree.start()
        put(tree.inbox, "b.png", _scan(WORDS[1]))

        assert tree.published("b")["model"]["name"] == "chatty"
        assert "nomic-embed-text: no model that generates text; using chatty" in tree.log_text()


def test_a_proxy_of_the_environment_is_not_asked(tmp_path: Path, server: ModelServer) -> None:
    with new_tree(tmp_path, _settings(server)) as tree:
        done = tree.command(
            "correct", stdin="the 1edger\n", http_proxy="http://127.0.0.1:9", NO_PROXY=""
        )

    assert done.stderr == ""
    assert server.requests


def test_doctor_names_the_servers_model_or_what_is_wrong(
    tmp_path: Path, server: ModelServer
) -> None:
    with new_tree(tmp_path, _settings(server)) as tree:
        report = tree.command("doctor", check=False)
        assert f"{server.address}/v1 has chatty, which judges" in report.stdout
        _null(server)

        report = tree.command("doctor", check=False)

    assert report.returncode == 1
    assert "the server lists no model" in report.stdout
    assert "llm.model" in report.stdout
