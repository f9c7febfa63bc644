"""Writing and moving files so that they are whole, durable, and never over another's.

Names are bytes throughout: what a scanner calls its file need not be UTF-8.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator

TEMP_PREFIX = b".scanmend-"  # a dot file: the watcher and most programs ignore it
_OURS = TEMP_PREFIX + os.urandom(4).hex().encode()  # what this process is writing

_left: set[bytes] = set()  # temp files whose removal failed
NAME_MAX = 255  # bytes of a name on every file system that we meet
PATH_MAX = 4096  # bytes of a path, with the zero at its end

# reserved somewhere, or steering a terminal, the end of a line, the order of what is shown
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def write(path: bytes, chunks: Iterable[bytes]) -> None:
    """Write the file whole: a temp file beside it, fsync, rename, fsync of the folder."""
    temp = _temp_beside(path)
    try:
        with open(temp, "wb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, path)
    except BaseException:
        _remove(temp)
        raise
    sync_folder(os.path.dirname(path))


def move(source: bytes, target: bytes) -> None:
    """Move a file, durably, also to another file system; never over an existing file.

    Raises FileExistsError when ``target`` is there.
    """
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        os.unlink(source)
    sync_folder(os.path.dirname(target))
    sync_folder(os.path.dirname(source))


def _copy(source: bytes, target: bytes) -> None:
    temp = _temp_beside(target)
    try:
        shutil.copyfile(source, temp, follow_symlinks=False)
        with contextlib.suppress(
            OSError
        ):  # a share may refuse times and modes; the content is what counts
            shutil.copystat(source, temp)
        with open(temp, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temp, target)
    except BaseException:
        _remove(temp)
        raise


def make_folder(path: bytes) -> None:
    """Make the folder and its parents, durably; an existing one is fine."""
    if not os.path.isdir(path):
        parent = os.path.dirname(path)
        make_folder(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path)
        sync_folder(parent)


def sync_folder(path: bytes) -> None:
    """Make renames in the folder durable; a file system that can't (some shares) is left at that."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(fd)


def sha256_of(path: bytes) -> str:
    """The file's sha256 in hex; a symbolic link is not followed, a pipe not waited for."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clear_temp(folder: bytes, stop: Callable[[], bool]) -> Iterator[bytes]:
    """Remove what earlier runs left half written below ``folder``, and tell each path; beside writers of this run."""
    for parent, _, names in os.walk(folder):
        for name in names:
            theirs = name.startswith(TEMP_PREFIX) and not name.startswith(_OURS)
            if theirs and name.endswith(b".tmp"):
                path = os.path.join(parent, name)
                with contextlib.suppress(OSError):  # another daemon's, of this moment
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        _remove(path)
                        yield path
        if stop():
            return


def safe_name(name: bytes) -> str:
    """A name that every file system and SMB client takes: UTF-8, no reserved character or word.

    Different names may come out the same; who publishes takes the next free one of ``candidates``.
    """
    text = name.decode("utf-8", errors="replace").replace("\ufffd", "_")
    text = _UNSAFE.sub("_", text)
    text = text.rstrip(". ") or "_"
    return "_" + text if _RESERVED.match(text) else text


def candidates(stem: str, sha256: str) -> Iterator[str]:
    """The names to try for a result, in order: the stem, the stem with 8 hex of the sha256, then numbered."""
    yield stem
    yield f"{stem}-{sha256[:8]}"
    number = 2
    while True:
        yield f"{stem}-{sha256[:8]}-{number}"
        number += 1


def result_folder(outbox: bytes, path: bytes) -> bytes:
    """Where the result of the inbox's ``path`` goes: the same sub-folders, with names that any system takes."""
    parts = os.path.dirname(path).split(b"/")
    folder = os.path.join(outbox, *(fit(safe_name(part), "") for part in parts if part))
    return within_reach(folder, outbox)


def within_reach(folder: bytes, root: bytes) -> bytes:
    """``folder``, or ``root`` where the path of a file in it might be longer than the system takes."""
    return folder if len(folder) + 1 + NAME_MAX < PATH_MAX else root


def unobstructed(folder: bytes, root: bytes) -> bytes:
    """Return ``folder``, or ``root`` where something that is no folder stands in the way below it."""
    at = folder
    while len(at) > len(root):
        if os.path.lexists(at) and not os.path.isdir(at):
            return root
        at = os.path.dirname(at)
    return folder


def fit(stem: str, suffix: str) -> bytes:
    """``stem + suffix`` in at most 255 bytes; the stem is cut, never within a character."""
    room = NAME_MAX - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore").encode() + suffix.encode()


def _temp_beside(path: bytes) -> bytes:
    return os.path.join(os.path.dirname(path), _OURS + os.urandom(8).hex().encode() + b".tmp")


def _remove(path: bytes) -> None:
    """A disk that fails while it is written fails at the removal too: ``clear_left`` does it then."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError:
        _left.add(path)


def clear_left() -> None:
    """Remove the temp files that could not be removed when their writing failed."""
    for path in list(_left):
        _left.discard(path)
        _remove(path)
