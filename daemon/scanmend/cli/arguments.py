"""Build parsers of the command line, and load the configuration that it names."""

import argparse
import contextlib
import os
import sys
import tempfile
from typing import Any, NoReturn, TypeAlias

from scanmend.config.loading import load_settings
from scanmend.config.settings import Settings
from scanmend.errors import ConfigError, MachineError, UsageError
from scanmend.resources import shipped_file

# the first that exists is used, unless --config or the environment variable names another
CONFIG_FILES = ("etc/scanmend.yaml", "/etc/scanmend/scanmend.yaml")
CONFIG_VARIABLE = "SCANMEND_CONFIG"
DEFAULT_COLUMNS = 80  # where there is no terminal


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A formatter of help texts that are as wide as the terminal.

    argparse would get the width from shutil for each argument; that import would slow `scanmend status` down.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """Return the terminal's width in characters."""
    with contextlib.suppress(ValueError, OSError):
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
        return width or DEFAULT_COLUMNS
    return DEFAULT_COLUMNS


class ArgumentParser(argparse.ArgumentParser):
    """A parser that reports an error in one line, which names the command's help."""

    def __init__(self, **options: Any) -> None:
        """Use argparse's options, except for the formatter, which is fixed."""
        super().__init__(formatter_class=_HelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Print a mistake in the command line, and exit."""
        print(f"scanmend: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(UsageError.exit_code)


# argparse has no public name for what add_subparsers returns
Commands: TypeAlias = "argparse._SubParsersAction[ArgumentParser]"  # noqa: SLF001


def add_command(
    commands: Commands, name: str, summary: str, description: str = ""
) -> ArgumentParser:
    """Add a command and return its parser.

    ``summary`` is imperative, for the list of commands; ``description`` replaces it in the command's own help.
    """
    text = description or f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=text)


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects a profile."""
    help_text = "the prompt and rules to use (default: profiles.default)"
    parser.add_argument("--profile", metavar="NAME", help=help_text)


def load_config(options: argparse.Namespace, *, or_shipped: bool = False) -> Settings:
    """Return the settings of the configuration that the command line or the environment names, else of the default one.

    ``or_shipped``: if there is none, use the one that ships with scanmend. Raises ConfigError if there is no
    configuration, or if it is wrong.
    """
    path = options.config or os.environ.get(CONFIG_VARIABLE)
    if path:
        return load_settings(path)
    for default in CONFIG_FILES:
        if os.path.exists(default):
            return load_settings(default)
    if or_shipped:
        return load_settings(str(shipped_file(CONFIG_FILES[0])))
    what = f"no configuration: neither {' nor '.join(CONFIG_FILES)} exists"
    raise ConfigError(what, "name a file with --config")


def ensure_temp_folder(fallback: str | None = None) -> None:
    """Make sure that temporary files have a folder; where no usual one is writable, they go to ``fallback``.

    Raises MachineError if there is none.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        if fallback is None or not os.access(fallback, os.W_OK):
            what = "no folder for temporary files can be written"
            raise MachineError(what, "set TMPDIR to a folder that can") from None
        tempfile.tempdir = os.environ["TMPDIR"] = os.path.abspath(fallback)
