"""Damage the replies of real children in every way: the daemon must refuse them or accept an equally valid value."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygguf
from children import liar
from hub import Hub, serving
from samples import encoded, page
from scanmend.backends.gguf_files import builtin
from scanmend.errors import ChildError, Died, ProtocolError, ScanmendError, TimedOut
from scanmend.formats import sidecar
from scanmend.page import Correction, CorrectionStatus, PageResult, PageText
from scanmend.workers import client, codec, protocol
from scanmend.workers.client import Child
from scanmend.workers.protocol import (
    ContentsRequest,
    ErrorReply,
    ListingRequest,
    LoadRequest,
    PageRequest,
    ProposeRequest,
    Reply,
    Request,
    Step,
)
from scanmend.workers.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]
LETTER = ("The ledger of the harbour office", "Please co1lect it on 12/03/2026")
# values of wrong types and sizes, and some that may fit
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 10**25, 1.5, -1e308, float("nan"), float("inf"), "", "x" * 1000, "\ud800", [], [[]], {},
    {"x0": 0}, {"": 0},
)  # fmt: skip
Recorded = list[tuple[Request[Any], bytes]]


class Recorder(Child):
    """A child that records its undecoded answers."""

    frames: Recorded

    def _decoded(self, request: Request[Any], frame: bytes) -> Any:
        self.frames.append((request, frame))
        return super()._decoded(request, frame)


def _record(module: str, env: dict[str, str], *requests: Request[Any]) -> Recorded:
    """Return each answer of a real child, with its request."""
    child = Recorder(module, module, {**os.environ, **env}, 0, Sandbox(network=bool(env)))
    child.frames = []
    try:
        for request in requests:
            try:
                child.ask(request, 120)
            except ScanmendError:  # a failure is an answer, too
                assert isinstance(codec.decode_answer(request, child.frames[-1][1]), ErrorReply)
    finally:
        child.end()
    return child.frames


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Return answers of an OCR child, of the built-in model's child and of a download child."""
    folder = tmp_path_factory.mktemp("recorded")
    scan = folder / "letter.png"
    scan.write_bytes(encoded("png", [page(LETTER)]))
    file = os.fsencode(scan)
    read = PageRequest(file, 0, "rapidocr", ("en",), 150, False, "auto", 10**7)
    found = _record(
        "scanmend.ocr",
        {},
        ContentsRequest(file, 10, 10**7),
        read,
        msgspec.structs.replace(read, file=file + b".gone"),
    )
    found += _record(
        "scanmend.llm",
        {},
        LoadRequest(os.fsencode(builtin()), 0),
        ProposeRequest("Correct the lines.", LETTER, (0, 1), 60.0),
    )
    files = {"tiny-q8_0.gguf": tinygguf.write(folder / "tiny.gguf").read_bytes()}
    with serving(Hub("Linden/Tiny-GGUF", files)) as hub:
        listing = ListingRequest("Linden/Tiny-GGUF", None, "int8", os.fsencode(folder))
        found += _record("scanmend.llm", {"HF_ENDPOINT": hub.address}, listing)
    kinds = {type(codec.decode_answer(*answer)) for answer in found}
    assert kinds == {Reply, Step, ErrorReply}
    return found


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a JSON tree with each of its keys."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def _damaged(frame: bytes, rng: random.Random) -> bytes:
    """Change, remove, add or swap values of a message; or cut, stain or double its bytes."""
    tree = json.loads(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        places = list(_places(tree))
        if not places:
            break
        container, key = rng.choice(places)
        match rng.randrange(4):
            case 0:
                container[key] = rng.choice(VALUES)
            case 1:
                del container[key]
            case 2 if isinstance(container, dict):
                container[rng.choice(("more", "is", "type", "value"))] = rng.choice(VALUES)
            case _:
                other, place = rng.choice(places)
                container[key] = json.loads(json.dumps(other[place])) if place in other else None
    data = bytearray(json.dumps(tree).encode())
    match rng.randrange(12):
        case 0:
            del data[rng.randrange(len(data) + 1) :]
        case 1:
            data[rng.randrange(len(data))] = rng.randrange(256)
        case 2:
            data *= 2
        case 3:
            return b"[" * 100_000
    return bytes(data)


def _check(request: Request[Any], answer: protocol.Answer[Any]) -> None:
    """Check that an accepted answer can be stored and published."""
    assert codec.decode_answer(request, codec.encode(answer)) == answer
    if isinstance(answer, Reply) and isinstance(answer.value, PageText):
        text = answer.value
        lines = tuple(line.text for line in text.lines)
        result = PageResult(text, lines, (), Correction(CorrectionStatus.OFF))
        json.dumps(sidecar.page_as_json(result), ensure_ascii=False, allow_nan=False).encode()


def test_answers_of_real_children_are_accepted(recorded: Recorded) -> None:
    for request, frame in recorded:
        _check(request, codec.decode_answer(request, frame))


@settings(max_examples=3000, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_answer_is_a_protocol_error_or_an_equally_valid_value(
    recorded: Recorded, seed: int
) -> None:
    rng = random.Random(seed)
    request, frame = rng.choice(recorded)
    try:
        answer = codec.decode_answer(request, _damaged(frame, rng))
    except ProtocolError:
        return

    _check(request, answer)


@settings(max_examples=500)
@given(frame=st.binary(max_size=64))
def test_random_bytes_are_a_protocol_error(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.decode_answer(ListingRequest("a", None, "", b""), frame)


@pytest.fixture
def lies(tmp_path: Path) -> Path:
    """Return the path of the file that holds the liar's answers."""
    return tmp_path / "lies.json"


@pytest.fixture
def child(lies: Path) -> Iterator[Child]:
    path = f"{ROOT / 'daemon'}:{ROOT / 'tests' / 'children'}"
    env = {**os.environ, "PYTHONPATH": path, liar.LIES: str(lies)}
    child = Child("liar", "liar", env, 0, Sandbox())
    yield child
    child.end()


def test_a_lying_child_is_ended_and_never_hangs_the_client(
    recorded: Recorded, child: Child, lies: Path
) -> None:
    """Send damaged answers from a real process, which may also send several answers or none."""

    @settings(max_examples=60)
    @given(seed=st.integers(0, 2**32))
    def lie(seed: int) -> None:
        rng = random.Random(seed)
        request, frame = rng.choice(recorded)
        frames = [_damaged(frame, rng) for _ in range(rng.choice((0, 1, 1, 1, 1, 2)))]
        do = json.loads(codec.encode(request))["do"]
        lies.write_text(json.dumps({do: "".join(map(liar.frame, frames))}))
        found = _outcome(child, request)
        assert found in _expected(request, frames)
        assert child.alive is not issubclass(found, ProtocolError | TimedOut)

    lie()


def _outcome(child: Child, request: Request[Any]) -> type:
    """Return the class of a request's reply, or of its error."""
    try:
        return type(child.ask(request, 0.5))
    except ScanmendError as error:
        return type(error)


def _expected(request: Request[Any], frames: list[bytes]) -> set[type]:
    """Return the class that the first answer other than progress must lead to; TimedOut if there is none."""
    for frame in frames:
        try:
            match codec.decode_answer(request, frame):
                case Reply(value):
                    return {type(value)}
                case ErrorReply() as failure:
                    return {type(failure.error())}
        except ProtocolError:
            return {ProtocolError}
    return {TimedOut}


def test_half_a_message_is_a_protocol_error(
    child: Child, lies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FRAME_STALL_SECONDS", 1)
    lies.write_text(json.dumps({"contents": liar.frame(b"{}" * 50)[:-1]}))

    with pytest.raises(ProtocolError, match="half a message"):
        child.ask(ContentsRequest(b"a", 1, 1), 30)
    assert not child.alive


def test_a_child_that_ends_without_an_answer_has_died(child: Child, lies: Path) -> None:
    lies.write_text("{}")

    with pytest.raises(Died, match="exit code 1"):
        child.ask(ContentsRequest(b"a", 1, 1), 30)


@pytest.mark.parametrize(
    ("code", "found"),
    [("config-error", ChildError), ("no such code", ChildError), ("damaged", ScanmendError)],
)
def test_an_error_that_a_child_may_not_report_is_a_protocol_error(
    code: str, found: type[ScanmendError]
) -> None:
    """Refuse an error of the configuration: it would cost no attempt, so that the page would be tried for ever."""
    error = ErrorReply(code, "what\nhappened").error()

    assert isinstance(error, found)
    assert error.what == "what\\nhappened"
