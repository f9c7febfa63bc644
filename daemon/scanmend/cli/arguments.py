"""The parser of the command line: its errors, its help's width, and the configuration that it names."""

import argparse
import contextlib
import os
import sys
from typing import Any, NoReturn, TypeAlias

from scanmend.config.loading import load_settings
from scanmend.config.settings import Settings
from scanmend.errors import ConfigError, UsageError

CONFIG_FILES = ("etc/scanmend.yaml", "/etc/scanmend/scanmend.yaml")
CONFIG_VARIABLE = "SCANMEND_CONFIG"


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A help text as wide as the terminal.

    argparse asks shutil for the width at each argument; that import would slow `scanmend status` down.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    with contextlib.suppress(ValueError, OSError):
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns) or 80
    return 80


class ArgumentParser(argparse.ArgumentParser):
    """A parser whose errors are one line that names the command's help."""

    def __init__(self, **options: Any) -> None:
        """Take argparse's options, but for the formatter."""
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

    ``summary`` is imperative and stands in the list of commands; ``description`` replaces it in the command's own help.
    """
    text = description or f"{summary[0].upper()}{summary[1:]}."
    return commands.add_parser(name, help=summary, description=text)


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects a profile."""
    help_text = "the prompt and rules to use (default: profiles.default)"
    parser.add_argument("--profile", metavar="NAME", help=help_text)


def load_config(options: argparse.Namespace) -> Settings:
    """Return the settings of the configuration that the command line or the environment names, or of the default one.

    Raises ConfigError if there is none, or if it is wrong.
    """
    path = options.config or os.environ.get(CONFIG_VARIABLE)
    if path:
        return load_settings(path)
    for default in CONFIG_FILES:
        if os.path.exists(default):
            return load_settings(default)
    what = f"no configuration: neither {' nor '.join(CONFIG_FILES)} exists"
    raise ConfigError(what, "name one with --config")
