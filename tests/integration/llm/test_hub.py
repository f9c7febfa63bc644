"""Test downloads from the Hub: the real client, and a server on loopback that speaks the Hub's protocol."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import tinygguf
from hub import Hub, serving
from scanmend.errors import DiskFull, ModelUnavailable, TimedOut
from scanmend.workers.client import Child
from scanmend.workers.protocol import DownloadBegun, FetchRequest, Progress
from scanmend.workers.sandbox import Sandbox

REPO = "Linden/Tiny-GGUF"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    model = tinygguf.write(tmp_path / "made.gguf").read_bytes()
    files = {
        "README.md": b"# tiny",
        "tiny-q8_0.gguf": model,
        "tiny-q4_k_m.gguf": model[::-1],
        "tiny-fp16-00001-of-00002.gguf": model[: len(model) // 2],
        "tiny-fp16-00002-of-00002.gguf": model[len(model) // 2 :],
    }
    with serving(Hub(REPO, files)) as hub:
        yield hub


def _fetch(
    address: str, directory: Path, quantization: str = "int8", seconds: float = 120
) -> tuple[str, list[Progress]]:
    """Download in a child as the daemon does; return the model's path and the progress messages."""
    env = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(directory / ".home"),
    }
    box = Sandbox("", (str(directory),), network=True)
    child = Child("scanmend.llm", "download", env, 0, box)
    messages: list[Progress] = []
    try:
        request = FetchRequest(REPO, quantization, os.fsencode(directory))
        reply = child.ask(request, seconds, messages.append)
        return os.fsdecode(reply.file), messages
    finally:
        child.end()


def _models(directory: Path) -> list[str]:
    return sorted(
        str(p.relative_to(directory)) for p in directory.rglob("*.gguf") if ".home" not in p.parts
    )


def test_a_model_is_downloaded_and_checked(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "models"
    path, messages = _fetch(hub.address, directory)

    assert Path(path).read_bytes() == hub.files["tiny-q8_0.gguf"]
    assert _models(directory) == ["Linden--Tiny-GGUF/tiny-q8_0.gguf"]
    assert isinstance(messages[0], DownloadBegun)
    assert messages[0].licence == "apache-2.0"


def test_quantizations_lie_side_by_side_and_split_models_are_whole(
    hub: Hub, tmp_path: Path
) -> None:
    directory = tmp_path / "models"
    _fetch(hub.address, directory, "int4")
    path, _ = _fetch(hub.address, directory, "fp16")

    assert path.endswith("tiny-fp16-00001-of-00002.gguf")
    assert [Path(m).name for m in _models(directory)] == [
        "tiny-fp16-00001-of-00002.gguf",
        "tiny-fp16-00002-of-00002.gguf",
        "tiny-q4_k_m.gguf",
    ]


def test_a_cut_connection_is_resumed(hub: Hub, tmp_path: Path) -> None:
    """Break the connection: the client itself requests the rest. It writes in pieces of 10 MB."""
    large = os.urandom(25_000_000)
    hub.files["tiny-q8_0.gguf"] = large
    hub.claimed["tiny-q8_0.gguf"] = hashlib.sha256(large).hexdigest()
    hub.cut_after = 15_000_000
    path, _ = _fetch(hub.address, tmp_path / "models")

    assert Path(path).read_bytes() == hub.files["tiny-q8_0.gguf"]
    assert hub.ranges
    assert all(int(r.removeprefix("bytes=").split("-")[0]) >= 10_000_000 for r in hub.ranges)


def test_a_killed_download_is_resumed(hub: Hub, tmp_path: Path) -> None:
    large = os.urandom(25_000_000)
    hub.files["tiny-q8_0.gguf"] = large
    hub.claimed["tiny-q8_0.gguf"] = hashlib.sha256(large).hexdigest()
    hub.stall_after = 15_000_000
    with pytest.raises(TimedOut):
        _fetch(hub.address, tmp_path / "models", seconds=10)
    assert _models(tmp_path / "models") == []

    path, _ = _fetch(hub.address, tmp_path / "models")

    assert Path(path).read_bytes() == large
    assert any(r.startswith("bytes=10") for r in hub.ranges), hub.ranges


def test_a_file_with_a_wrong_hash_is_removed(hub: Hub, tmp_path: Path) -> None:
    hub.claimed["tiny-q8_0.gguf"] = "0" * 64
    with pytest.raises(
        ModelUnavailable, match=r"tiny-q8_0\.gguf .*sha256 is not the Hub's.*removed"
    ):
        _fetch(hub.address, tmp_path / "models")

    assert _models(tmp_path / "models") == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "no such repository, or it is private"),
        (403, "accept its licence"),
        (500, "answered 500"),
    ],
)
def test_the_error_for_a_refusal_has_the_remedy(
    hub: Hub, tmp_path: Path, status: int, said: str
) -> None:
    hub.status = status
    with pytest.raises(ModelUnavailable, match=said):
        _fetch(hub.address, tmp_path / "models")


def test_an_unknown_repository_is_named(hub: Hub, tmp_path: Path) -> None:
    hub.repo = "Other/Model"
    with pytest.raises(
        ModelUnavailable, match=r"Linden/Tiny-GGUF: the Hub knows no such repository.*llm\.repo_id"
    ):
        _fetch(hub.address, tmp_path / "models")


def test_an_unknown_quantization_is_answered_with_the_known_ones(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailable,
        match=r"no file of llm\.quantization q5_k_m.*tiny-fp16\.gguf, tiny-q4_k_m\.gguf",
    ):
        _fetch(hub.address, tmp_path / "models", "q5_k_m")


def test_without_network_the_file_and_the_folder_are_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as error:
        _fetch("http://127.0.0.1:9", tmp_path / "models")

    assert "can't be reached" in str(error.value)
    assert "http://127.0.0.1:9/Linden/Tiny-GGUF" in str(error.value)
    assert str(tmp_path / "models") in str(error.value)


def test_too_little_space_is_an_error_before_the_download(hub: Hub, tmp_path: Path) -> None:
    """Have the server claim a size that no disk has."""

    class Huge(bytes):
        def __len__(self) -> int:
            return 10**15

    hub.files["tiny-q8_0.gguf"] = Huge(hub.files["tiny-q8_0.gguf"])
    with pytest.raises(DiskFull, match=r"needs 1000000\.0 GB"):
        _fetch(hub.address, tmp_path / "models")
