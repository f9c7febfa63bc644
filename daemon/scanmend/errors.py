"""The errors of scanmend, by who is at fault and what follows from it.

    ScanmendError
    ├ UsageError            the command line is wrong
    ├ ConfigError           the configuration is wrong: file, line, key, remedy
    ├ AlreadyRunning        a second daemon on the same state folder
    ├ DocumentError         this file's fault: it goes to failed/
    │ ├ Encrypted  Damaged  TooBig  Unsupported  NeverCompleted
    ├ ChildError            costs one attempt of one page
    │ ├ Died  TimedOut  OutOfMemory  ProtocolError
    └ MachineError          this machine's fault: wait and try again, for ever
      ├ FolderGone  DiskFull  EngineUnusable  ModelUnavailable

Each message says what happened, to which file (``show``), and what to do.
"""

import errno
from typing import ClassVar

NULL_ALLOWED = "SCANMEND_NULL_ENGINE"  # in the environment: ocr.engine may be "null", for benches; else it is unusable


def show(path: bytes | str) -> str:
    """A path for people: bytes that are not UTF-8, and control characters, are escaped."""
    text = path.decode("utf-8", "backslashreplace") if isinstance(path, bytes) else path
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )


class ScanmendError(Exception):
    """The root; ``exit_code`` is that of a command that ends with this error."""

    exit_code: ClassVar[int] = 1

    @property
    def kind(self) -> str:
        """The class name in the field's spelling, as in the sidecar: "never-completed"."""
        name = type(self).__name__
        return "".join("-" + c.lower() if c.isupper() else c for c in name).lstrip("-")


class UsageError(ScanmendError):
    """The command was called in a way that it does not know."""

    exit_code = 2


class ConfigError(ScanmendError):
    """The configuration can't be used."""

    exit_code = 3


class AlreadyRunning(ScanmendError):
    """Another daemon holds the state folder."""

    exit_code = 4


class DocumentError(ScanmendError):
    """The file itself can't be processed; trying again won't help."""

    exit_code = 5


class Encrypted(DocumentError):
    """The document needs a password, or a right."""


class Damaged(DocumentError):
    """The file is not a whole document of its format."""


class TooBig(DocumentError):
    """A limit of the configuration is exceeded; the message names it."""


class Unsupported(DocumentError):
    """Not a format that scanmend reads."""


class NeverCompleted(DocumentError):
    """The file stayed unfinished for longer than ``settle.patience``."""


class ChildError(ScanmendError):
    """A child process failed at one request; another try may succeed."""

    exit_code = 6


class Died(ChildError):
    """The child ended in the middle of a request."""


class TimedOut(ChildError):
    """The child did not answer in time and was killed."""


class OutOfMemory(ChildError):
    """The child ran into its memory limit."""


class ProtocolError(ChildError):
    """The child's reply is no reply."""


class MachineError(ScanmendError):
    """Not the document's fault: the work waits until the machine can do it."""

    exit_code = 7


class FolderGone(MachineError):
    """A configured folder can't be reached."""


class DiskFull(MachineError):
    """No space left where something must be written."""


class EngineUnusable(MachineError):
    """The configured OCR engine can't be used on this machine."""


class ModelUnavailable(MachineError):
    """There is no model to correct with, for the reason given."""


_FULL = {errno.ENOSPC, errno.EDQUOT}
_AWAY = {
    errno.EIO, errno.ESTALE, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNABORTED, errno.ECONNRESET, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.EMFILE, errno.ENFILE,
}  # fmt: skip


def machine_error(error: OSError, doing: str) -> MachineError:
    """An OSError of reading or writing, as an error of this machine that says what was being done.

    DiskFull and FolderGone hold for every document; a plain MachineError may be this one's alone.
    """
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskFull(f"{doing}: {reason}; free some space, scanmend goes on by itself")
    return (FolderGone if error.errno in _AWAY else MachineError)(f"{doing}: {reason}")


def by_kind(kind: str, message: str) -> ScanmendError:
    """The error that a child reported by its kind; an unknown kind is a ChildError."""
    known = {cls.__name__: cls for cls in _all(ScanmendError)}
    name = "".join(part.capitalize() for part in kind.split("-"))
    return known.get(name, ChildError)(message)


def _all(cls: type[ScanmendError]) -> list[type[ScanmendError]]:
    return [cls, *(s for sub in cls.__subclasses__() for s in _all(sub))]
