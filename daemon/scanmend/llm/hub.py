"""Download a model from the Hugging Face Hub: resume an earlier attempt, check the sha256, then move the file.

A file appears in the models' folder only after its sha256 matches the Hub's. Until then it lies in ``.incoming``, where
nothing looks for models.
"""

import fcntl
import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
from tqdm import tqdm

from scanmend.errors import DiskFull, ModelUnavailable
from scanmend.gguf_names import file_name_words, part_numbers, without_part
from scanmend.gguf_notes import Notes
from scanmend.llm.hub_errors import explained
from scanmend.workers.protocol import DownloadBegun, Downloaded, HubFile
from scanmend.workers.server import Tell

INCOMING = ".incoming"  # folder of partial files, in the models' folder
SPARE_BYTES = 2**28  # of disk space that a download leaves free
PROGRESS_SECONDS = 1.0  # between two progress messages


@dataclass(frozen=True, slots=True)
class _Origin:
    """The repository, revision and licence of a model, kept as facts beside its file."""

    repo_id: str
    revision: str
    licence: str

    @property
    def folder(self) -> str:
        """Return the name of the repository's folder in the models' folder."""
        return self.repo_id.replace("/", "--")


def download(repo_id: str, quantization: str, directory: str, tell: Tell) -> str:
    """Download the missing files of a model, and return the path of its first file.

    ``directory`` is the models' folder; ``tell`` receives the progress. Raises ModelUnavailable with the remedy, or
    DiskFull. A partial file stays for the next attempt.
    """
    with explained(repo_id, [usual_name(repo_id, quantization)], directory, certain=False):
        info = HfApi().model_info(repo_id, files_metadata=True)
        files = _chosen(repo_id, info.siblings or [], quantization)
    with explained(repo_id, [f.name for f in files], directory):
        card = info.card_data
        licence = getattr(card, "license_name", None) or getattr(card, "license", None) or "unknown"
        size = sum(f.size for f in files)
        tell(DownloadBegun(licence, tuple(f.name for f in files), size))
        return _downloaded(_Origin(repo_id, info.sha, licence), files, directory, tell)


def list_files(
    repo_id: str, revision: str | None, quantization: str, directory: str
) -> list[HubFile]:
    """Return the files of a repository; only those of ``quantization`` unless that is "".

    Raises as ``download``.
    """
    with explained(repo_id, [usual_name(repo_id, quantization)], directory, certain=False):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        siblings = info.siblings or []
        return _chosen(repo_id, siblings, quantization) if quantization else _files(siblings)


# the files of a repository --------------------------------------------------------------------------


def usual_name(repo_id: str, quantization: str) -> str:
    """Return the name that a repository's file usually has on the Hub."""
    stem = repo_id.rpartition("/")[2]
    stem = re.sub(r"(?i)-gguf$", "", stem)
    word = file_name_words(quantization)[0]
    return f"{stem.lower() if repo_id.startswith('Qwen/') else stem}-{word}.gguf"


def _files(siblings: list[Any]) -> list[HubFile]:
    """Return the Hub client's descriptions of files as messages; the sha256 is known of large files only."""
    return [HubFile(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None) for s in siblings]


def _chosen(repo_id: str, siblings: list[Any], quantization: str) -> list[HubFile]:
    """Return the file of this quantization, or all its parts; raise ModelUnavailable if there is none."""
    models = [f for f in _files(siblings) if f.name.endswith(".gguf")]
    for word in file_name_words(quantization):
        whole_word = re.compile(rf"(^|[^a-z0-9]){re.escape(word)}([^a-z0-9]|$)")
        found = [f for f in models if whole_word.search(f.name.lower())]
        if found:
            single = [f for f in found if not part_numbers(f.name)]
            return single[:1] or sorted(found, key=lambda f: f.name)
    names = sorted({without_part(f.name) for f in models})
    available = ", ".join(names) or "no .gguf file at all"
    raise ModelUnavailable(
        f"{repo_id}: no file of llm.quantization {quantization}; there is: {available}"
    )


# the download ---------------------------------------------------------------------------------------


def _downloaded(origin: _Origin, files: list[HubFile], directory: str, tell: Tell) -> str:
    """Download the files that the models' folder lacks; return the path of the first file."""
    incoming = os.path.join(directory, INCOMING, origin.folder)
    final = os.path.join(directory, origin.folder)
    os.makedirs(incoming, exist_ok=True)
    os.makedirs(final, exist_ok=True)
    targets = {f: os.path.join(final, os.path.basename(f.name)) for f in files}
    missing = [f for f in files if not os.path.exists(targets[f])]
    _check_space(sum(f.size for f in missing) - _bytes_below(incoming), directory)
    partials = {f: os.path.join(incoming, _partial_name(f, origin)) for f in missing}
    for file, path in partials.items():
        url = hf_hub_url(origin.repo_id, file.name, revision=origin.revision)
        _fetch(url, file, path, tell)
        _verify(origin.repo_id, file, path, tell)
    # The first part comes last: a model counts as present once its first part is.
    for file in reversed(missing):
        os.replace(partials[file], targets[file])
        facts = {"repo_id": origin.repo_id, "revision": origin.revision, "licence": origin.licence}
        Notes(targets[file]).update({**facts, "file": file.name, "hub_sha256": file.sha256})
    shutil.rmtree(incoming, ignore_errors=True)
    return targets[files[0]]


def _partial_name(file: HubFile, origin: _Origin) -> str:
    """Return a name that differs when the file's content does."""
    return f"{os.path.basename(file.name)}.{(file.sha256 or origin.revision)[:16]}.partial"


def _fetch(url: str, file: HubFile, path: str, tell: Tell) -> None:
    """Download the file, from where an earlier attempt left off.

    This calls ``http_get`` with its retries and ranges, as ``hf_hub_download`` does. ``hf_hub_download`` itself begins
    anew in each process since huggingface_hub 2.
    """
    metadata = get_hf_file_metadata(url)
    headers = build_hf_headers()
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # the token is for the Hub, not for its storage
    with open(path, "ab") as partial:
        _lock(partial, file)
        http_get(
            metadata.location,
            partial,
            resume_size=partial.tell(),
            headers=headers,
            expected_size=file.size,
            tqdm_class=_progress_bar(file, tell),
        )
        partial.flush()
        os.fsync(partial.fileno())


def _lock(partial: BinaryIO, file: HubFile) -> None:
    """Lock the file against another download of it; raise ModelUnavailable while another process holds the lock.

    The daemon and `scanmend models pull` may download the same model.
    """
    try:
        fcntl.flock(partial, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ModelUnavailable(
            f"{file.name} is being downloaded by another scanmend", "wait for it"
        ) from None


def _bytes_below(folder: str) -> int:
    """Return the size in bytes of all files in a folder and its sub-folders."""
    return sum(
        os.path.getsize(os.path.join(parent, name))
        for parent, _, names in os.walk(folder)
        for name in names
    )


def _check_space(needed: int, directory: str) -> None:
    """Raise DiskFull if the disk lacks space for ``needed`` bytes and SPARE_BYTES."""
    free = shutil.disk_usage(directory).free
    if needed + SPARE_BYTES > free:
        raise DiskFull(
            f"{directory}: the model needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            "free some space, or set models.directory to a larger disk",
        )


def _verify(repo_id: str, file: HubFile, path: str, tell: Tell) -> None:
    """Compare the sha256 with the Hub's; remove a file that differs, and raise ModelUnavailable."""
    tell(Downloaded(file.name, file.size, file.size, checking=True))
    if file.sha256 is None:
        return
    with open(path, "rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        os.unlink(path)
        raise ModelUnavailable(
            f"{file.name} of {repo_id}: its sha256 is not the Hub's, so it was removed",
            "scanmend downloads it again later",
        )


def _progress_bar(file: HubFile, tell: Tell) -> type:
    """Return a progress bar class for the Hub's client that draws nothing and sends progress messages."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self._sent = 0.0
            kwargs["disable"] = False
            kwargs["file"] = open(os.devnull, "w")  # noqa: SIM115
            kwargs.pop("name", None)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> Any:
            shown = super().update(n)
            if time.monotonic() - self._sent > PROGRESS_SECONDS:
                self._sent = time.monotonic()
                tell(Downloaded(file.name, int(self.n), file.size))
            return shown

        def close(self) -> None:
            super().close()
            self.fp.close()

    return Bar
