"""Getting a model from the Hugging Face Hub: resumed where it was cut off, checked, then put in its place.

A file takes its name in the models' folder only after its sha256 is the Hub's: until then it lies in
``.incoming``, where nobody looks for models.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
from tqdm import tqdm

from scanmend.errors import DiskFull, ModelUnavailable
from scanmend.gguf_notes import Notes
from scanmend.workers.protocol import DownloadBegun, Downloaded, HubFile
from scanmend.workers.server import Tell

QUANTIZATIONS = {"int8": ("q8_0",), "int4": ("q4_k_m",), "fp16": ("fp16", "f16")}
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_SPARE = 2**28  # bytes that stay free besides the model
_TELL_EVERY = 1.0  # seconds between two progress messages


def fetch(repo_id: str, quantization: str, directory: str, tell: Tell) -> str:
    """Download what is missing; the path of the (first) file.

    Raises ModelUnavailable with what to do, or DiskFull. A partial file stays for the next try.
    """
    wanted: list[HubFile] = []
    with _explained(repo_id, quantization, wanted, directory):
        info = HfApi().model_info(repo_id, files_metadata=True)
        wanted += _choose(repo_id, info.siblings or [], quantization)
        card = info.card_data
        licence = getattr(card, "license_name", None) or getattr(card, "license", None)
        size = sum(f.size for f in wanted)
        tell(DownloadBegun(licence or "unknown", tuple(f.name for f in wanted), size))
        origin = {"repo_id": repo_id, "revision": info.sha, "licence": licence or "unknown"}
        return _download(origin, wanted, directory, tell)


def listing(repo_id: str, revision: str | None, quantization: str, directory: str) -> list[HubFile]:
    """The files of a repository, those of the quantization when it is not empty; raises as ``fetch``."""
    with _explained(repo_id, quantization, [], directory):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        siblings = info.siblings or []
        return _choose(repo_id, siblings, quantization) if quantization else _files(siblings)


@contextlib.contextmanager
def _explained(
    repo_id: str, quantization: str, wanted: list[HubFile], directory: str
) -> Iterator[None]:
    """The Hub client's errors, as what to do about them."""
    try:
        yield
    except GatedRepoError:
        raise ModelUnavailable(
            f"{repo_id}: its owner wants its licence accepted: do so on {_address(repo_id)}, then set HF_TOKEN"
        ) from None
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if isinstance(error, RepositoryNotFoundError) or status in (401, 404):
            raise ModelUnavailable(
                f"{repo_id}: the Hub knows no such repository, or it is private: check llm.repo_id, or set HF_TOKEN"
            ) from None
        raise ModelUnavailable(
            f"{_address(repo_id)}: the Hub answered {status}; it is tried again later"
        ) from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, OSError, TimeoutError) as error:
        if isinstance(error, OSError) and error.errno == 28:
            raise DiskFull(
                f"{directory}: no space for the model; free some, the download goes on by itself"
            ) from None
        raise _unreachable(repo_id, quantization, wanted, directory, error) from None
    except Exception as error:
        if type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3")):
            raise _unreachable(repo_id, quantization, wanted, directory, error) from None
        raise


def _unreachable(
    repo_id: str, quantization: str, wanted: list[HubFile], directory: str, error: Exception
) -> ModelUnavailable:
    names = [f.name for f in wanted] or [usual_name(repo_id, quantization)]
    files = " ".join(f"{_address(repo_id)}/resolve/main/{name}" for name in names)
    unsure = (
        "" if wanted else f" (if it is called so; they are listed at {_address(repo_id)}/tree/main)"
    )
    return ModelUnavailable(
        f"the Hub can't be reached ({type(error).__name__}); it is tried again later, or get {files}{unsure} by hand"
        f" and put it into {directory}"
    )


def usual_name(repo_id: str, quantization: str) -> str:
    """What a repository's file is called by the custom of the Hub."""
    stem = repo_id.rpartition("/")[2]
    stem = re.sub(r"(?i)-gguf$", "", stem)
    word = QUANTIZATIONS.get(quantization.lower(), (quantization.lower(),))[0]
    return f"{stem.lower() if repo_id.startswith('Qwen/') else stem}-{word}.gguf"


def _address(repo_id: str) -> str:
    return f"{constants.ENDPOINT}/{repo_id}"


def _files(siblings: list[Any]) -> list[HubFile]:
    return [HubFile(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None) for s in siblings]


def _choose(repo_id: str, siblings: list[Any], quantization: str) -> list[HubFile]:
    """The file of this quantization, or all parts of it."""
    files = _files(siblings)
    models = [f for f in files if f.name.endswith(".gguf")]
    for word in QUANTIZATIONS.get(quantization.lower(), (quantization.lower(),)):
        found = [
            f
            for f in models
            if re.search(rf"(^|[^a-z0-9]){re.escape(word)}([^a-z0-9]|$)", f.name.lower())
        ]
        if found:
            whole = [f for f in found if not _SPLIT.search(f.name)]
            return whole[:1] or sorted(found, key=lambda f: f.name)
    there = (
        ", ".join(sorted({_SPLIT.sub(".gguf", f.name) for f in models})) or "no .gguf file at all"
    )
    raise ModelUnavailable(
        f"{repo_id}: no file of llm.quantization {quantization}; there is: {there}"
    )


def _download(origin: dict[str, str], files: list[HubFile], directory: str, tell: Tell) -> str:
    repo_id, revision = origin["repo_id"], origin["revision"]
    incoming = os.path.join(directory, ".incoming", repo_id.replace("/", "--"))
    final = os.path.join(directory, repo_id.replace("/", "--"))
    os.makedirs(incoming, exist_ok=True)
    os.makedirs(final, exist_ok=True)
    missing = [
        f for f in files if not os.path.exists(os.path.join(final, os.path.basename(f.name)))
    ]
    _check_space(sum(f.size for f in missing) - _bytes_there(incoming), directory)
    whole = []
    for file in missing:
        path = os.path.join(
            incoming, f"{os.path.basename(file.name)}.{(file.sha256 or revision)[:16]}.partial"
        )
        _get(hf_hub_url(repo_id, file.name, revision=revision), file, path, tell)
        _verify(repo_id, file, path, tell)
        whole.append((file, path, os.path.join(final, os.path.basename(file.name))))
    for file, path, place in reversed(
        whole
    ):  # the first part last: it is the one that is looked for
        os.replace(path, place)
        Notes(place).update({**origin, "file": file.name, "hub_sha256": file.sha256})
    shutil.rmtree(incoming, ignore_errors=True)
    return os.path.join(final, os.path.basename(files[0].name))


def _get(url: str, file: HubFile, path: str, tell: Tell) -> None:
    """Get the file, from where an earlier try left off.

    Not ``hf_hub_download``: since huggingface_hub 2 it begins anew in each process. ``http_get`` is what it
    uses itself, with its retries and ranges.
    """
    metadata = get_hf_file_metadata(url)
    headers = build_hf_headers()
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the token is the Hub's, not that of its storage
    with open(path, "ab") as partial:
        _alone(partial, file)
        http_get(
            metadata.location,
            partial,
            resume_size=partial.tell(),
            headers=headers,
            expected_size=file.size,
            tqdm_class=_bar(file, tell),
        )
        partial.flush()
        os.fsync(partial.fileno())


def _alone(partial: BinaryIO, file: HubFile) -> None:
    """The daemon and `scanmend models pull` don't write the same file at once."""
    try:
        fcntl.flock(partial, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelUnavailable(
            f"{file.name} is being downloaded by another scanmend; wait for it"
        ) from None


def _bytes_there(folder: str) -> int:
    return sum(
        os.path.getsize(os.path.join(parent, n))
        for parent, _, names in os.walk(folder)
        for n in names
    )


def _check_space(needed: int, directory: str) -> None:
    free = shutil.disk_usage(directory).free
    if needed + _SPARE > free:
        raise DiskFull(
            f"{directory}: the model needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; free some space,"
            " or set models.directory to a larger disk"
        )


def _verify(repo_id: str, file: HubFile, path: str, tell: Tell) -> None:
    tell(Downloaded(file.name, file.size, file.size, checking=True))
    if file.sha256 is None:
        return
    with open(path, "rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        os.unlink(path)
        raise ModelUnavailable(
            f"{file.name} of {repo_id}: its sha256 is not the Hub's, so it was removed; it is downloaded again later"
        )


def _bar(file: HubFile, tell: Tell) -> type:
    """A progress bar as the Hub's client wants it, that draws nothing and tells the daemon."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._told = 0.0
            kwargs["disable"] = False
            kwargs["file"] = open(os.devnull, "w")  # noqa: SIM115
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> Any:
            shown = super().update(n)
            if time.monotonic() - self._told > _TELL_EVERY:
                self._told = time.monotonic()
                tell(Downloaded(file.name, int(self.n), file.size))
            return shown

        def close(self) -> None:
            super().close()
            self.fp.close()

    return Bar
