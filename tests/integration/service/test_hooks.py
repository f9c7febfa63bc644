"""Test hooks: programs and a webhook get each event at least once and in order, and no document waits for them."""

import contextlib
import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from journals import unwritable
from pipelines import Pipeline, new_pipeline
from running import NO_MODEL, eventually, new_tree
from samples import encoded, numbered, put
from scanmend.config.loading import load_settings
from scanmend.document import State
from scanmend.service import hooks as hooks_module
from scanmend.service.hooks import MAX_RETRY_SECONDS, Hooks
from scanmend.store.journal import Journal
from scanmend.store.lock import lock

LLM = f"llm: {{{NO_MODEL}}}"


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@contextlib.contextmanager
def _receiver(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a web server, and the messages that it gets. It answers with ``statuses``, then with 200."""
    messages: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses.pop(0) if statuses else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", messages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_programs_are_called_for_each_document(tmp_path: Path) -> None:
    out = tmp_path / "heard"
    out.mkdir()
    script = _script(
        tmp_path / "tell",
        f'file="{out}/$1.$SCANMEND_EVENT"; env | grep ^SCANMEND_ > "$file.new"; mv "$file.new" "$file"',
    )
    more = f"{LLM}\nhooks: {{on_published: ['{script}', good], on_failure: ['{script}', bad]}}"
    with new_tree(tmp_path / "home", more) as tree:
        tree.start()
        name = "$(touch owned) `x` 'a' & b.png"
        put(tree.inbox, f"desk/{name}", encoded("png", numbered(1)))
        put(tree.inbox, "bad.png", b"no scan")

        eventually(lambda: (out / "good.published").exists() and (out / "bad.failed").exists())

        values = dict(
            line.split("=", 1) for line in (out / "good.published").read_text().splitlines()
        )
        assert values["SCANMEND_DOCUMENT"] == f"desk/{name}"
        assert values["SCANMEND_PAGES"] == "1"
        assert Path(values["SCANMEND_TEXT"]).read_text() == "Page 1 of the harbour book\n"
        assert (
            json.loads(Path(values["SCANMEND_SIDECAR"]).read_text())["source"]["sha256"]
            == values["SCANMEND_SHA256"]
        )
        assert Path(values["SCANMEND_ORIGINAL"]).exists()
        failed = (out / "bad.failed").read_text()
        assert "SCANMEND_REASON=" in failed
        assert "SCANMEND_TEXT" not in failed
        assert not list(tmp_path.rglob("owned"))


def test_a_webhook_is_called_again_until_it_answers(tmp_path: Path) -> None:
    with (
        _receiver([500, 503]) as (address, messages),
        new_tree(tmp_path / "home", LLM) as tree,
    ):
        tree.configure(f"{LLM}\nhooks: {{webhook: '{address}'}}")
        tree.start()
        put(tree.inbox, "a.png", encoded("png", numbered(1)))
        tree.published("a")
        put(tree.inbox, "b.png", b"no scan")

        eventually(lambda: [m["document"] for m in messages] == ["a.png"] * 3 + ["b.png"])

        assert [m["event"] for m in messages] == ["published"] * 3 + ["failed"]
        assert messages[0]["sidecar"] == str(tree.outbox / "a.json")
        assert "answered 500" in tree.log_text()
        assert "facts" not in messages[0]
        assert tree.status()["facts"].keys() <= {"model", "engine"}


def test_no_event_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Let the receiver fail and kill the daemon, then bring both back."""
    flag = tmp_path / "open"
    script = _script(
        tmp_path / "tell", f'[ -e {flag} ] && echo "$SCANMEND_DOCUMENT" >> {tmp_path}/heard'
    )
    with new_tree(tmp_path / "home", f"{LLM}\nhooks: {{on_published: ['{script}']}}") as tree:
        process = tree.start()
        for stem in ("a", "b"):
            put(tree.inbox, f"{stem}.png", encoded("png", numbered(1)))
            tree.published(stem)
        tree.eventually(lambda: "hook failed, trying again" in tree.log_text())
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        flag.touch()
        tree.start()

        eventually(
            lambda: (
                (tmp_path / "heard").exists()
                and len((tmp_path / "heard").read_text().splitlines()) == 2
            )
        )

        assert (tmp_path / "heard").read_text() == "a.png\nb.png\n"


def test_a_program_that_hangs_delays_no_document(tmp_path: Path) -> None:
    script = _script(tmp_path / "tell", f"echo $$ >> {tmp_path}/pids; sleep 600")
    more = f"{LLM}\nhooks: {{on_published: ['{script}'], timeout: 2s}}"
    with new_tree(tmp_path / "home", more) as tree:
        process = tree.start()
        for stem in ("a", "b", "c"):
            put(tree.inbox, f"{stem}.png", encoded("png", numbered(1)))
            tree.published(stem)
        tree.eventually(lambda: "not done within 2 s" in tree.log_text())
        eventually(lambda: len((tmp_path / "pids").read_text().split()) >= 2)
        assert tree.stop(process) == 0

        eventually(
            lambda: (
                not any(
                    Path(f"/proc/{p}").exists() for p in (tmp_path / "pids").read_text().split()
                )
            )
        )


def test_the_begin_and_the_end_of_trouble_are_reported(tmp_path: Path) -> None:
    """Cause the trouble by releasing the state folder's lock, so that no daemon seems to run."""
    file = tmp_path / "scanmend.yaml"
    script = _script(
        tmp_path / "tell", f'echo "$SCANMEND_EVENT $SCANMEND_REASON" >> {tmp_path}/heard'
    )
    file.write_text(f"base: {tmp_path}\nhooks: {{on_alarm: ['{script}']}}\n")
    settings = load_settings(str(file))
    os.makedirs(settings.folders.state)
    journal = Journal.open(settings.folders.state)
    try:
        hooks = Hooks(journal, settings)
        for now in range(0, 3600, 60):
            hooks.turn(now, lambda: False)
        held = lock(settings.folders.state)
        hooks.turn(3600, lambda: False)
        os.close(held)
    finally:
        journal.close()

    first, second = (tmp_path / "heard").read_text().splitlines()
    assert first.startswith("alarm no daemon is running")
    assert second == "all-clear "


def test_a_new_receiver_gets_no_past_event(tmp_path: Path) -> None:
    with new_tree(tmp_path / "home", LLM) as tree:
        process = tree.start()
        put(tree.inbox, "old.png", encoded("png", numbered(1)))
        tree.published("old")
        tree.stop(process)
        with _receiver([]) as (address, messages):
            tree.configure(f"{LLM}\nhooks: {{webhook: '{address}'}}")
            tree.start()
            put(tree.inbox, "new.png", encoded("png", numbered(2)[1:]))

            eventually(lambda: messages)

            assert [m["document"] for m in messages] == ["new.png"]


@pytest.mark.parametrize(
    "hooks", ["{on_published: tell me}", "{webhook: 'file:///etc/passwd'}", "{on_alarm: [1]}"]
)
def test_a_wrong_hook_is_a_mistake_in_the_configuration(tmp_path: Path, hooks: str) -> None:
    with new_tree(tmp_path, f"hooks: {hooks}") as tree:
        done = tree.command("check-config", check=False)

        assert done.returncode == 3
        assert ": hooks." in done.stderr


# turns by hand --------------------------------------------------------------------------------------


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with new_pipeline(tmp_path) as built:
        yield built


def _hooks(pipeline: Pipeline, **hooks: Any) -> Hooks:
    settings = pipeline.change(
        hooks=dataclasses.replace(pipeline.context.settings.hooks, **hooks)
    ).settings
    return Hooks(pipeline.journal, settings)


def _failed(pipeline: Pipeline, name: str) -> None:
    document = pipeline.journal.move(
        pipeline.reading(name), State.PUTTING_AWAY, "why", outcome="damaged"
    )
    pipeline.journal.move(document, State.FAILED, "why")


def _published(pipeline: Pipeline, name: str) -> None:
    document = pipeline.journal.note_stem(pipeline.reading(name), name)
    for state in (State.PUBLISHING, State.PUTTING_AWAY, State.DONE):
        document = pipeline.journal.move(document, state, "the test")


def test_each_receiver_gets_its_events_and_resumes_after_them(pipeline: Pipeline) -> None:
    with _receiver([]) as (address, messages):
        hooks = _hooks(pipeline, webhook=address, on_failure=("/nowhere/program",))
        for name in ("a.png", "b.png"):
            _published(pipeline, name)

        hooks.turn(time.monotonic(), lambda: False)

        assert hooks.configured
        events = [(message["event"], message.get("document")) for message in messages]
        assert [e for e in events if e[1]] == [("published", "a.png"), ("published", "b.png")]
        assert messages[0]["text"] == str(pipeline.home / "outbox" / "a.png.txt")
        _failed(pipeline, "c.png")
        again = Hooks(pipeline.journal, pipeline.context.settings)  # as after a restart
        again.turn(time.monotonic(), lambda: False)
        assert [message["event"] for message in messages if "document" in message][2:] == ["failed"]


def test_a_failed_event_is_tried_again_and_given_up_after_a_day(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = _hooks(pipeline, on_failure=("/nowhere/program",))
    _failed(pipeline, "a.png")
    with capture_logs() as logs:
        hooks.turn(time.monotonic(), lambda: False)
        hooks.turn(time.monotonic(), lambda: False)  # too early for another try
        monkeypatch.setattr(hooks_module, "GIVE_UP_SECONDS", 0.0)
        hooks.turn(time.monotonic() + MAX_RETRY_SECONDS, lambda: False)
        hooks.turn(time.monotonic() + MAX_RETRY_SECONDS, lambda: False)

    entries = [(entry["event"], entry["reason"]) for entry in logs if "document" in entry]
    why = "/nowhere/program: No such file or directory"
    assert entries == [("hook failed, trying again", why), ("gave up a hook's event", why)]


def test_an_event_that_a_stop_interrupts_is_delivered_again(pipeline: Pipeline) -> None:
    answers = iter([False, True, True, True])
    with _receiver([]) as (address, messages):
        hooks = _hooks(pipeline, webhook=address)
        _failed(pipeline, "a.png")
        hooks.turn(time.monotonic(), lambda: next(answers))

        hooks.turn(time.monotonic(), lambda: False)

    assert [m["document"] for m in messages if "document" in m] == ["a.png", "a.png"]


def test_hooks_pause_after_a_position_could_not_be_stored(pipeline: Pipeline) -> None:
    """The event itself was delivered; only a restart would deliver it a second time."""
    with _receiver([]) as (address, messages):
        hooks = _hooks(pipeline, webhook=address)
        _failed(pipeline, "a.png")
        now = time.monotonic()
        with unwritable(pipeline.journal):
            hooks.turn(now, lambda: False)
        _failed(pipeline, "b.png")
        hooks.turn(now, lambda: False)
        assert [m["document"] for m in messages if "document" in m] == ["a.png"]

        hooks.turn(now + 60, lambda: False)

        assert [m["document"] for m in messages if "document" in m] == ["a.png", "b.png"]
