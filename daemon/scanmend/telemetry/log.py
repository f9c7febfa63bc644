"""structlog: for people on a terminal, as JSON by option; no scanned text, no tracebacks for expected failures."""

import contextlib
import logging
import os
import re
import sys
from typing import Any, TextIO

import structlog

from scanmend import extras
from scanmend.config.settings import LogSettings
from scanmend.errors import MachineError, show

_PRIORITIES = {
    "debug": 7,
    "info": 6,
    "warning": 4,
    "error": 3,
    "exception": 3,
    "critical": 2,
}  # as syslog has them

Logger = structlog.stdlib.BoundLogger


def set_up(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Set the process's logging; may be called again when the configuration changed."""
    out = stream or sys.stderr
    form = settings.format
    if form == "auto":
        form = "journal" if _is_journal(out) and not extras.lacking("systemd") else "human"
    if form == "journal" and extras.lacking("systemd"):
        raise MachineError("log.format: journal needs systemd-python", extras.remedy("systemd"))
    human = form == "human"
    renderer: Any = {
        "human": structlog.dev.ConsoleRenderer(
            colors=out.isatty(), pad_event_to=0, sort_keys=False
        ),
        "json": structlog.processors.JSONRenderer(ensure_ascii=True),
        "journal": _to_journal,
    }[form]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt="%Y-%m-%d %H:%M:%S" if human else "iso", utc=not human
            ),
            _printable,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level(settings.level)),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


class _Libraries(logging.Handler):
    """What libraries log and warn of, as entries like ours: a file's name may be in it."""

    def emit(self, record: logging.LogRecord) -> None:
        get(record.name).warning("a library says", reason=record.getMessage().strip())


def get(stage: str) -> Logger:
    """A logger whose lines carry the stage."""
    logger: Logger = structlog.get_logger(stage=stage)
    return logger


def _is_journal(stream: TextIO) -> bool:
    """Whether systemd has connected this stream to its journal (systemd.exec(5), JOURNAL_STREAM)."""
    with contextlib.suppress(OSError, ValueError):
        status = os.fstat(stream.fileno())
        return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    return False


def _to_journal(_logger: Any, method: str, event: Any) -> Any:
    """An entry of the journal with a field for each value: ``journalctl DOCUMENT=…``, ``STAGE=…``."""
    from systemd import journal  # noqa: PLC0415 - where there is no systemd, there is no such library

    said = str(event.pop("event", ""))
    exception = event.pop("exception", None)
    event.pop("timestamp", None)
    event.pop("level", None)
    shown = "".join(f" {key}={value}" for key, value in event.items() if key != "stage")
    fields = {
        re.sub(r"[^A-Z0-9_]", "_", key.upper()).lstrip("_"): str(v) for key, v in event.items()
    }
    message = f"{said}{shown}" + (f"\n{exception}" if exception else "")
    journal.send(
        message, PRIORITY=_PRIORITIES.get(method, 6), SYSLOG_IDENTIFIER="scanmend", **fields
    )
    raise structlog.DropEvent


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _printable(_logger: Any, _method: str, event: Any) -> Any:
    """A file name must not be able to forge a log line."""
    return {
        key: show(value) if isinstance(value, str | bytes) and key != "exception" else value
        for key, value in event.items()
    }
