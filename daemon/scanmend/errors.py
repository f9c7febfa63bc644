"""Define every error of scanmend: its code, what happened, the remedy, and whose fault it is.

    ScanmendError
    ├ UsageError            the command line is wrong
    ├ ConfigError           the configuration is wrong: file, line, key, remedy
    ├ AlreadyRunning        another daemon holds the same state folder
    ├ DocumentError         this file's fault: it goes to failed/
    │ ├ Encrypted  Damaged  TooBig  Unsupported  NeverCompleted
    ├ ChildError            costs one attempt of one page
    │ ├ Died  TimedOut  OutOfMemory  ProtocolError
    └ MachineError          this machine's fault: wait and try again, for ever
      ├ FolderGone  PathUnusable  DiskFull  EngineUnusable  ModelUnavailable

Each error has ``what`` (what happened, and to which file, escaped by ``show``) and ``remedy`` (what to do about it);
``str()`` joins both for people. Programs read ``code``, which is published (``kind`` in ``<name>.error.json``) and never
changes.
"""

import errno
from typing import ClassVar

# the environment variable by which benches allow ocr.engine: null
NULL_ALLOWED = "SCANMEND_NULL_ENGINE"


def show(path: bytes | str) -> str:
    """Return a path for people: escape bytes that are not UTF-8, and control characters."""
    text = path.decode("utf-8", "backslashreplace") if isinstance(path, bytes) else path
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode()
        for c in text
    )


class ScanmendError(Exception):
    """An expected error.

    ``code`` names it for programs. ``meaning`` and ``advice`` describe all errors of the class, for the documentation;
    ``exit_code`` is that of a command that ends with it.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "Something went wrong that scanmend foresees."
    advice: ClassVar[str] = "The message says what to do."

    def __init__(self, what: str, remedy: str = "") -> None:
        """Say what happened, and to which file, and what to do about it."""
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


class UsageError(ScanmendError):
    """A command line that scanmend does not understand."""

    code = "usage-error"
    exit_code = 2
    meaning = "The command line is wrong."
    advice = "See `scanmend COMMAND --help`."


class ConfigError(ScanmendError):
    """A configuration that can't be used."""

    code = "config-error"
    exit_code = 3
    meaning = "The configuration is wrong. The message names the file, the line and the key."
    advice = "Correct the line, then try `scanmend check-config`."


class AlreadyRunning(ScanmendError):
    """Another daemon that holds the state folder."""

    code = "already-running"
    exit_code = 4
    meaning = "Another daemon uses the same state folder."
    advice = "Stop it, or give this one a `folders.state` of its own."


class DocumentError(ScanmendError):
    """A file that can't be processed; another try won't help."""

    code = "document-error"
    exit_code = 5
    meaning = "The file itself can't be processed."
    advice = "The message says what is wrong with it."


class Encrypted(DocumentError):
    """A document that needs a password, or forbids the extraction of its text."""

    code = "encrypted"
    meaning = "The PDF needs a password, or does not allow its text to be extracted."
    advice = "Put the password into `pdf.passwords`, or export the file without protection."


class Damaged(DocumentError):
    """A file that is not a complete document of its format."""

    code = "damaged"
    meaning = "The file is not a whole document of its format, and can't be repaired."
    advice = "Scan or export it again."


class TooBig(DocumentError):
    """A file that exceeds a limit of the configuration; the message names the limit."""

    code = "too-big"
    meaning = "The file exceeds one of `limits`."
    advice = "Raise the limit that the message names, then `scanmend retry`."


class Unsupported(DocumentError):
    """A file in a format that scanmend does not read."""

    code = "unsupported"
    meaning = "scanmend does not read this format."
    advice = "Export the file as PDF or as a picture."


class NeverCompleted(DocumentError):
    """A file that stayed unfinished for longer than ``settle.patience``."""

    code = "never-completed"
    meaning = "The file stayed unfinished for longer than `settle.patience`."
    advice = "Copy it again; raise `settle.patience` if the device needs longer."


class ChildError(ScanmendError):
    """A failed request to a child process; another try may succeed."""

    code = "child-error"
    exit_code = 6
    meaning = "A child process failed at a page as often as `ocr.attempts` allows."
    advice = "Scan or export the file again, or try once more: `scanmend retry`."


class Died(ChildError):
    """A child that ended in the middle of a request; ``output`` is the end of its stdout and stderr."""

    code = "died"
    meaning = "The child process that read the page ended in the middle of it, as often as `ocr.attempts` allows."

    def __init__(self, what: str, remedy: str = "", output: str = "") -> None:
        """Say how the child ended, and what it printed before."""
        super().__init__(what, remedy)
        self.output = output


class TimedOut(ChildError):
    """A child that did not answer in time and was killed."""

    code = "timed-out"
    meaning = "A page took longer than `ocr.page_timeout`, as often as `ocr.attempts` allows."
    advice = "Raise `ocr.page_timeout`, or scan or export the file again."


class OutOfMemory(ChildError):
    """A child that ran into its memory limit."""

    code = "out-of-memory"
    meaning = "A page needed more than `ocr.memory`, as often as `ocr.attempts` allows."
    advice = "Raise `ocr.memory`, or scan or export the file again."


class ProtocolError(ChildError):
    """A message between the daemon and a child that violates the protocol."""

    code = "babbled"  # published under this name since the first version
    meaning = "A child process answered with something that is no answer, as often as `ocr.attempts` allows."


class MachineError(ScanmendError):
    """A failure of this machine, not of the document: the work waits until the machine can do it."""

    code = "machine-error"
    exit_code = 7
    meaning = "This machine can't do the work now. scanmend waits and tries again, for ever."
    advice = "Repair what the message names; `scanmend status` shows when the work goes on."


class FolderGone(MachineError):
    """A configured folder that can't be reached."""

    code = "folder-gone"
    meaning = "A configured folder can't be reached, or may not be read or written."
    advice = "Mount the share again, or correct the folder's rights."


class PathUnusable(MachineError):
    """One path that can't be used now, while the configured folder around it can: only this path's work waits."""

    code = "path-unusable"
    meaning = (
        "One file or sub-folder can't be read, written or moved. It waits, and all others go on."
    )
    advice = "Correct the rights of the path that the message names; scanmend goes on by itself."


class DiskFull(MachineError):
    """A disk without space for something that must be written."""

    code = "disk-full"
    meaning = "No space is left where scanmend must write."
    advice = "Free some space; scanmend goes on by itself."


class EngineUnusable(MachineError):
    """An OCR engine that can't be used on this machine."""

    code = "engine-unusable"
    meaning = "The configured OCR engine can't be used on this machine."
    advice = "`scanmend doctor` says what is missing."


class ModelUnavailable(MachineError):
    """A model that is not available, for the reason in the message."""

    code = "model-unavailable"
    meaning = "There is no model to correct with."
    advice = "`scanmend doctor` and `scanmend models` say why; meanwhile pages come out as `llm.on_unavailable` says."


_FULL = {errno.ENOSPC, errno.EDQUOT}
# a folder or a share that can't be used, or too many open files
_UNREACHABLE_NAMES = (
    "EIO ESTALE EROFS ENODEV ENXIO ENOTCONN ETIMEDOUT EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ECONNABORTED"
    " ECONNRESET EACCES EPERM ENOENT EMFILE ENFILE"
)
_UNREACHABLE = {getattr(errno, name) for name in _UNREACHABLE_NAMES.split()}


def machine_error(error: OSError, doing: str) -> MachineError:
    """Return the MachineError for an OSError; ``doing`` says what failed, such as "reading a.pdf".

    DiskFull and FolderGone affect every document; a plain MachineError may affect this one alone.
    """
    what = f"{doing}: {error.strerror or error}"
    if error.errno in _FULL:
        return DiskFull(what, "free some space, scanmend goes on by itself")
    return (FolderGone if error.errno in _UNREACHABLE else MachineError)(what)


def every_class(root: type[ScanmendError] = ScanmendError) -> list[type[ScanmendError]]:
    """Return ``root`` and all classes below it, parents first."""
    return [root, *(below for child in root.__subclasses__() for below in every_class(child))]


def by_code(code: str, what: str, remedy: str = "") -> ScanmendError:
    """Return the error that a child reported with this code.

    An unknown code becomes a ChildError, and so does a code that no child may report, such as "config-error".
    """
    roots = (DocumentError, ChildError, MachineError)
    known = {cls.code: cls for root in roots for cls in every_class(root)}
    return known.get(code, ChildError)(what, remedy)


def costs_attempts(code: str) -> bool:
    """Return whether an error with this code costs a page one of its ``ocr.attempts``."""
    return code in {cls.code for cls in every_class(ChildError)}
