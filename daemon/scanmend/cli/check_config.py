"""`scanmend check-config`: report each mistake in the configuration and the profiles."""

import argparse

from scanmend.backends.ocr_engines import check_languages
from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.cli.model_choice import describe_choice
from scanmend.config.checks import check_links
from scanmend.config.profiles import load_profiles


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "check-config", "check the configuration and the profiles")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check what the daemon checks when it starts; print a confirmation and the model in use. Raises ConfigError for mistakes.

    Raises EngineUnusable if the engine does not read a language.
    """
    settings = load_config(options)
    check_links(settings)
    profiles = load_profiles(settings)
    check_languages(settings)
    print(f"{settings.file}: valid; profiles: {', '.join(sorted(profiles))}")
    print(f"model: {describe_choice(settings)}")
    return 0
