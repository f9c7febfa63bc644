"""`scanmend run`: run the daemon in the foreground."""

import argparse

from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.pipeline.daemon import Daemon
from scanmend.telemetry import log


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands, "run", "watch the inbox, in the foreground, until SIGTERM or Ctrl-C"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the daemon until a signal stops it; return its exit code."""
    settings = load_config(options)
    log.set_up(settings.log)
    return Daemon(settings).run()
