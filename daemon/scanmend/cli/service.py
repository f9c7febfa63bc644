"""`scanmend install-service` and `scanmend uninstall-service`: install and remove the systemd service."""

import argparse

from scanmend.cli.arguments import Commands, add_command
from scanmend.service.install import install, uninstall

_DRY_RUN = "only print what would be done"


def add_parser(commands: Commands) -> None:
    """Add both commands to the parser."""
    parser = add_command(
        commands, "install-service", "install the systemd service, its user and folders (as root)"
    )
    parser.add_argument("--dry-run", action="store_true", help=_DRY_RUN)
    parser.add_argument("--no-start", action="store_true", help="don't start the service now")
    parser.set_defaults(run=run_install)
    parser = add_command(
        commands,
        "uninstall-service",
        "remove the systemd service; documents and configuration stay",
    )
    parser.add_argument("--dry-run", action="store_true", help=_DRY_RUN)
    parser.set_defaults(run=run_uninstall)


def run_install(options: argparse.Namespace) -> int:
    """Install the service."""
    install(dry_run=options.dry_run, start=not options.no_start)
    return 0


def run_uninstall(options: argparse.Namespace) -> int:
    """Remove the service."""
    uninstall(dry_run=options.dry_run)
    return 0
