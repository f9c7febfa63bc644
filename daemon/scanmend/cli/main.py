"""Parse the command line and run the command. Only the modules of the named commands are imported."""

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Sequence

from scanmend import __version__
from scanmend.cli.arguments import ArgumentParser
from scanmend.errors import ScanmendError, machine_error, show

# command -> its module in scanmend.cli; the help lists the commands in this order
MODULES = {
    "run": "run",
    "process": "process",
    "correct": "correct",
    "status": "status",
    "check-config": "check_config",
    "doctor": "doctor",
    "retry": "retry",
    "models": "models",
    "setup": "setup",
    "install-service": "service",
    "uninstall-service": "service",
}

INTERRUPTED = 130  # exit code after Ctrl-C

_DESCRIPTION = """\
scanmend watches a folder. It recognises the text of each scan dropped there (OCR), lets a local language
model correct it under strict rules, and writes <name>.txt and <name>.json to the outbox.
"""
_EPILOG = """\
examples:
  scanmend run                          watch the inbox, in the foreground
  scanmend process invoice.pdf --out .  process one file once, without the daemon
  scanmend status                       show what is waiting, in work and failed, and why
  scanmend doctor                       show what this machine lacks, and how to install it
  scanmend correct old.txt > new.txt    correct text that another program has recognised
  scanmend models pull                  download the language model now
  scanmend retry invoice.pdf            put a failed file back into the inbox

exit codes:
  0  success
  1  something is wrong (doctor, status --check, models verify), or a bug
  2  the command line is wrong
  3  the configuration is wrong
  4  another scanmend uses the state folder
  5  a document could not be processed (process)
  6  a child process failed
  7  this machine can't do it now: a folder, a disk, an engine or a model

The configuration is --config, $SCANMEND_CONFIG, ./etc/scanmend.yaml or /etc/scanmend/scanmend.yaml.
Without one, process, correct and doctor work with the defaults.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. ``arguments`` None: those of the process."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    _prepare_streams()
    code = 0
    try:
        options = _parser(words).parse_args(words)
        code = options.run(options)
        sys.stdout.flush()  # at the end of the process, an error could only be printed
    except ScanmendError as error:
        return _complain(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as in `scanmend status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        name = show(os.fsencode(error.filename)) if error.filename else "reading or writing"
        return _complain(machine_error(error, name))
    return code


def _complain(error: ScanmendError) -> int:
    """Print an error, if there is anybody to read it, and return its exit code."""
    with contextlib.suppress(OSError):
        print(f"scanmend: {error}", file=sys.stderr)
    return error.exit_code


def _prepare_streams() -> None:
    """Let no character fail: a terminal shows an escape for what it lacks; files and pipes hold UTF-8 in any locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")


def _parser(arguments: Sequence[str]) -> ArgumentParser:
    """Return a parser of the commands that occur in ``arguments``; of all commands if none occurs."""
    parser = ArgumentParser(prog="scanmend", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--config", metavar="FILE", help="the configuration (see below)")
    parser.add_argument("--version", action="version", version=f"scanmend {__version__}")
    commands = parser.add_subparsers(prog="scanmend", metavar="COMMAND", required=True)
    named = [MODULES[word] for word in arguments if word in MODULES]
    # a dict keeps each module once and in order
    for module in dict.fromkeys(named or MODULES.values()):
        importlib.import_module(f"scanmend.cli.{module}").add_parser(commands)
    return parser
