"""Set up structlog: one line per entry, for people on a terminal, as JSON, or as fields of systemd's journal.

No entry quotes the text of a document. Expected failures are logged without a traceback.
"""

import contextlib
import logging
import os
import re
import sys
from typing import Any, TextIO, cast

import structlog

from scanmend import extras
from scanmend.config.settings import LogSettings
from scanmend.errors import MachineError, show

_SYSLOG_PRIORITIES = {
    "debug": 7,
    "info": 6,
    "warning": 4,
    "error": 3,
    "exception": 3,
    "critical": 2,
}

Logger = structlog.stdlib.BoundLogger


def set_up(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Set up the logging of this process; a reload calls it again.

    ``stream`` replaces standard error. Raises MachineError if ``log.format`` is journal and systemd-python is missing.
    """
    out = stream or sys.stderr
    form = _form(settings, out)
    human = form == "human"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt="%Y-%m-%d %H:%M:%S" if human else "iso", utc=not human
            ),
            _printable,
            structlog.processors.format_exc_info,
            _renderer(form, colors=out.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings.level)),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Forgiving(out))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def get(stage: str) -> Logger:
    """Return a logger whose entries carry the stage, such as "read"."""
    logger: Logger = structlog.get_logger(stage=stage)
    return logger


class _Forgiving:
    """A stream whose failures (a full disk, a closed pipe) stop no thread: the entry is lost, the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class _LibraryHandler(logging.Handler):
    """Turns the log entries of libraries into entries like ours, which escape the file names in them."""

    def emit(self, record: logging.LogRecord) -> None:
        get(record.name).warning("a library says", reason=record.getMessage().strip())


def _form(settings: LogSettings, stream: TextIO) -> str:
    """Return human, json or journal."""
    without_systemd = bool(extras.lacking("systemd"))
    if settings.format == "auto":
        return "journal" if _is_journal(stream) and not without_systemd else "human"
    if settings.format == "journal" and without_systemd:
        raise MachineError("log.format: journal needs systemd-python", extras.remedy("systemd"))
    return settings.format


def _renderer(form: str, *, colors: bool) -> Any:
    if form == "journal":
        return _send_to_journal
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=True)
    return structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, sort_keys=False)


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _is_journal(stream: TextIO) -> bool:
    """Return whether systemd has connected this stream to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    with contextlib.suppress(OSError, ValueError):
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


def _send_to_journal(_logger: Any, method: str, entry: Any) -> Any:
    """Send an entry with a field for each value, for ``journalctl DOCUMENT=…`` and ``STAGE=…``."""
    from systemd import journal  # noqa: PLC0415 - an extra, needed only below a service manager

    event = str(entry.pop("event", ""))
    exception = entry.pop("exception", None)
    entry.pop("timestamp", None)
    entry.pop("level", None)
    values = "".join(f" {key}={value}" for key, value in entry.items() if key != "stage")
    fields = {
        re.sub(r"[^A-Z0-9_]", "_", key.upper()).lstrip("_"): str(value)
        for key, value in entry.items()
    }
    message = f"{event}{values}" + (f"\n{exception}" if exception else "")
    priority = _SYSLOG_PRIORITIES.get(method, _SYSLOG_PRIORITIES["info"])
    journal.send(message, PRIORITY=priority, SYSLOG_IDENTIFIER="scanmend", **fields)
    raise structlog.DropEvent


def _printable(_logger: Any, _method: str, entry: Any) -> Any:
    """Escape control characters in an entry's values, so that a file's name can't forge a log line."""
    return {
        key: show(value) if isinstance(value, str | bytes) and key != "exception" else value
        for key, value in entry.items()
    }
