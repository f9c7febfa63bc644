"""Every name that scanmend gives to a file or folder: results, collisions, error reports, parts, temporary files.

Names in the inbox are bytes, since a scanner may give a file a name that is not UTF-8. Names of results are UTF-8, and
every file system and SMB client accepts them.
"""

import itertools
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from scanmend.file_types import by_extension

TEXT_EXTENSION = ".txt"
SIDECAR_EXTENSION = ".json"
ERROR_REPORT = ".error.json"

MAX_NAME_BYTES = 255  # on all usual file systems
MAX_PATH_BYTES = 4096  # with the zero byte at its end (PATH_MAX of Linux)

# characters that some system reserves, or that control a terminal, line breaks or the direction of text
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]')
# names of devices on Windows, reserved with any extension, also with superscript digits
_RESERVED = re.compile(
    r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$|clock\$)(\.|$)"
)
# the longest suffix that ``candidates`` is expected to append: for 999 documents of one name and content
_LONGEST_COLLISION = "-12345678-999"

# extensions that a folder of parts must not have: results have them, or the watcher ignores such names
_NOT_FOR_FOLDERS = frozenset(
    b".txt .json .db .ini .tmp .swp .lock .part .partial .filepart .crdownload .download .opdownload .aria2 .!ut".split()
)

_TEMP_PREFIX = b".scanmend-"  # a dot file: the watcher and most programs ignore it
_TEMP_SUFFIX = b".tmp"
_THIS_RUN = _TEMP_PREFIX + os.urandom(4).hex().encode()


# names in general -----------------------------------------------------------------------------------


def safe_name(name: bytes) -> str:
    """Return a name that every file system and SMB client accepts: UTF-8 in NFC, without reserved characters and words.

    Macs write names in NFD, which other systems show and compare differently. Two names may give the same one;
    ``free_stem`` makes them differ.
    """
    # pathvalidate 3.3.1 is no alternative: it keeps "..", control characters beyond ASCII and characters that change
    # the direction of text, turns "PRN " into "PRN", and takes 24 µs per name; this takes 1.4 µs.
    text = name.decode("utf-8", errors="replace").replace("\ufffd", "_")
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", text))
    text = text.rstrip(". ") or "_"
    return "_" + text if _RESERVED.match(text) else text


def fit(stem: str, suffix: str) -> bytes:
    """Return ``stem + suffix`` in at most 255 bytes; the stem is cut between two characters."""
    max_stem_bytes = MAX_NAME_BYTES - len(suffix.encode())
    return stem.encode()[:max_stem_bytes].decode(errors="ignore").encode() + suffix.encode()


def candidates(stem: str, sha256: str) -> Iterator[str]:
    """Yield the stems to try, in order: the stem, the stem with 8 hex digits of the sha256, then numbered ones."""
    yield stem
    yield f"{stem}-{sha256[:8]}"
    number = 2
    while True:
        yield f"{stem}-{sha256[:8]}-{number}"
        number += 1


# results --------------------------------------------------------------------------------------------


def result_folder(outbox: bytes, path: bytes) -> bytes:
    """Return the folder of the result of the inbox's ``path``: the same sub-folders with safe names."""
    parts = os.path.dirname(path).split(b"/")
    folder = os.path.join(outbox, *(fit(safe_name(part), "") for part in parts if part))
    return _within_reach(folder, outbox)


def result_path(outbox: bytes, path: bytes, stem: str, extension: str) -> bytes:
    """Return the path of one file of the result of the inbox's ``path``."""
    return os.path.join(result_folder(outbox, path), fit(stem, extension))


def free_stem(
    outbox: bytes,
    path: bytes,
    sha256: str,
    extensions: Sequence[str],
    is_own: Callable[[bytes], bool],
) -> str:
    """Return the first stem whose files don't exist, or are this very document's from an earlier try.

    ``extensions``: of all files of the result. ``is_own``: returns whether an existing sidecar is this document's.
    """
    folder = result_folder(outbox, path)

    def is_usable(candidate: str) -> bool:
        paths = [os.path.join(folder, fit(candidate, extension)) for extension in extensions]
        if not any(map(os.path.lexists, paths)):
            return True
        sidecar = os.path.join(folder, fit(candidate, SIDECAR_EXTENSION))
        return os.path.isfile(sidecar) and is_own(sidecar)

    reserved = _LONGEST_COLLISION + max(extensions, key=len)
    stem = fit(safe_name(os.path.splitext(os.path.basename(path))[0]), reserved)
    return next(filter(is_usable, candidates(stem.decode().removesuffix(reserved), sha256)))


# originals that are put away ------------------------------------------------------------------------


def kept_folder(root: bytes, path: bytes) -> bytes:
    """Return the folder below archive/ or failed/ for the original of the inbox's ``path``.

    It mirrors the inbox's sub-folders with their bytes unchanged. It is ``root`` if a path would be too long, or if a
    file is in the way.
    """
    folder = os.path.join(root, os.path.dirname(path)).rstrip(b"/")
    return _unobstructed(_within_reach(folder, root), root)


def free_original(folder: bytes, path: bytes, sha256: str) -> bytes:
    """Return the first path in ``folder`` for an original that neither a file nor an error report takes.

    The first original of a name keeps its bytes. Each further one gets a suffix, and is cut to fit.
    """
    original = os.path.basename(path)
    stem, extension = os.path.splitext(original)

    def names() -> Iterator[bytes]:
        yield original
        for candidate in itertools.islice(candidates("", sha256 or "original"), 1, None):
            suffix = os.fsencode(candidate) + extension
            yield stem[: MAX_NAME_BYTES - len(suffix)] + suffix

    targets = (os.path.join(folder, name) for name in names())
    return next(
        target
        for target in targets
        if not os.path.lexists(target) and not os.path.lexists(error_report(target))
    )


def error_report(original: bytes) -> bytes:
    """Return the path of the error report beside a failed original: ``<name>.error.json``, in at most 255 bytes."""
    folder, name = os.path.split(original)
    suffix = ERROR_REPORT.encode()
    return os.path.join(folder, name[: MAX_NAME_BYTES - len(suffix)] + suffix)


def is_error_report(path: bytes) -> bool:
    """Return whether a file in failed/ is an error report, and not an original with such a name."""
    return path.endswith(ERROR_REPORT.encode()) and not os.path.exists(error_report(path))


def _within_reach(folder: bytes, root: bytes) -> bytes:
    """Return ``folder``, or ``root`` if the path of a file in it might be too long for the system."""
    return folder if len(folder) + 1 + MAX_NAME_BYTES < MAX_PATH_BYTES else root


def _unobstructed(folder: bytes, root: bytes) -> bytes:
    """Return ``folder``, or ``root`` if one of its ancestors below ``root``, or itself, is not a folder."""
    ancestor = folder
    while len(ancestor) > len(root):
        if os.path.lexists(ancestor) and not os.path.isdir(ancestor):
            return root
        ancestor = os.path.dirname(ancestor)
    return folder


# parts: embedded files that are documents of their own ----------------------------------------------


def part_folder(path: bytes) -> bytes:
    """Return the folder of a document's parts: its path without extension, as mail/ for mail.pdf."""
    stem = os.path.splitext(path)[0]
    extension = os.path.splitext(os.path.basename(stem))[1].lower()
    return stem + b"_" if extension in _NOT_FOR_FOLDERS or stem == path else stem


def part_name(name: str, usual_extension: str) -> bytes:
    """Return a part's file name: safe, not ignored by the watcher, with an extension of its file type.

    ``name``: in the PDF. ``usual_extension``: of its file type. Raise KeyError if no file type has it.
    """
    file_type = by_extension(usual_extension)
    if file_type is None:
        raise KeyError(usual_extension)
    extensions = file_type.extensions
    stem, extension = os.path.splitext(re.split(r"[/\\]", name)[-1])
    if extension.lower() not in extensions:
        stem, extension = stem + extension, extensions[0]
    stem = safe_name(stem.encode("utf-8", "replace"))
    return fit(f"_{stem}" if stem.startswith((".", "~")) else stem, extension)


# temporary files ------------------------------------------------------------------------------------


def temp_beside(path: bytes) -> bytes:
    """Return a new path for a temporary file in the folder of ``path``."""
    name = _THIS_RUN + os.urandom(8).hex().encode() + _TEMP_SUFFIX
    return os.path.join(os.path.dirname(path), name)


def is_left_over(name: bytes) -> bool:
    """Return whether a file of this name is a temporary file of an earlier run, or of another daemon."""
    return (
        name.startswith(_TEMP_PREFIX)
        and name.endswith(_TEMP_SUFFIX)
        and not name.startswith(_THIS_RUN)
    )
