"""structlog: for people on a terminal, as JSON by option; no scanned text, no tracebacks for expected failures."""

import logging
import sys
from typing import Any, TextIO

import structlog

from scanmend.config import Log
from scanmend.values import show

Logger = structlog.stdlib.BoundLogger


def set_up(settings: Log, stream: TextIO | None = None) -> None:
    """Set the process's logging; may be called again when the configuration changed."""
    out = stream or sys.stderr
    human = settings.format == "human"
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0, sort_keys=False)
        if human
        else structlog.processors.JSONRenderer(ensure_ascii=True)
    )
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
    logging.basicConfig(
        stream=out, level=logging.WARNING, format="%(name)s: %(message)s", force=True
    )


def get(stage: str) -> Logger:
    """A logger whose lines carry the stage."""
    logger: Logger = structlog.get_logger(stage=stage)
    return logger


def _level(name: str) -> int:
    return logging.getLevelNamesMapping()[name.upper()]


def _printable(_logger: Any, _method: str, event: Any) -> Any:
    """A file name must not be able to forge a log line."""
    return {
        key: show(value) if isinstance(value, str | bytes) and key != "exception" else value
        for key, value in event.items()
    }
