"""The command line: one function for each command, exit codes, nothing else."""

import argparse
import contextlib
import json
import os
import sys
import time
from typing import Any, NoReturn

from scanmend import __version__
from scanmend.config.settings import Settings, check_links, load_settings
from scanmend.errors import ConfigError, ScanmendError, UsageError

PLACES = ("etc/scanmend.yaml", "/etc/scanmend/scanmend.yaml")

_DESCRIPTION = """\
scanmend watches a folder. A scan that is dropped there is read (OCR), the reading is corrected by a local
language model under strict rules, and <name>.txt and <name>.json appear in the outbox.
"""
_EPILOG = """\
examples:
  scanmend run                              watch the inbox, in the foreground
  scanmend process invoice.pdf --out .      do it once for one file, without the daemon
  scanmend status                           what waits, what is in work, what failed and why
  scanmend doctor                           what is missing on this machine, and how to get it
  scanmend correct old.txt > new.txt        correct text that others have read
  scanmend models pull                      get the model now, not when the first page needs it
  scanmend retry invoice.pdf                put a failed original back into the inbox

exit codes:
  0  done                                   4  another scanmend holds the state folder
  1  not all well (doctor, a bug)           5  a document could not be processed (process)
  2  the command line is wrong              6  an engine's process failed
  3  the configuration is wrong             7  this machine can't do it now (a folder, a disk, an engine)

The configuration is --config, $SCANMEND_CONFIG, ./etc/scanmend.yaml or /etc/scanmend/scanmend.yaml.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = None
        if getattr(options, "needs_config", True):
            settings = _settings(options.config)
            if getattr(options, "logs", True):
                from scanmend.telemetry import log  # noqa: PLC0415 - half of what an answer of status would take

                log.set_up(settings.log)
        code: int = options.command(settings, options)
    except ScanmendError as error:
        print(f"scanmend: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `scanmend status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return code


def _run(settings: Settings, _options: argparse.Namespace) -> int:
    from scanmend.pipeline.daemon import Daemon  # noqa: PLC0415 - status answers without what the daemon needs

    return Daemon(settings).run()


def _process(settings: Settings, options: argparse.Namespace) -> int:
    from scanmend.cli.process import process  # noqa: PLC0415

    return process(settings, options.files, options.out, options.profile)


def _status(settings: Settings, options: argparse.Namespace) -> int:
    from scanmend.service.status import as_json, as_text, look, troubles  # noqa: PLC0415

    status = look(settings)
    wrong = troubles(status, time.time())
    if options.json:
        print(json.dumps({**as_json(status), "troubles": wrong}, indent=1))
    elif options.check:
        print("\n".join(wrong) or "ok")
    else:
        print(as_text(status, settings))
    return 1 if options.check and wrong else 0


def _check_config(settings: Settings, _options: argparse.Namespace) -> int:
    from scanmend.config.profiles import load_profiles  # noqa: PLC0415

    check_links(settings)
    profiles = load_profiles(settings)
    print(f"{settings.file}: well-formed; profiles: {', '.join(sorted(profiles))}")
    return 0


def _doctor(settings: Settings, _options: argparse.Namespace) -> int:
    from scanmend.cli.doctor import examine  # noqa: PLC0415

    findings = examine(settings)
    for finding in findings:
        mark = "ok  " if finding.good else "note" if finding.optional else "BAD "
        print(f"{mark} {finding.subject:<22} {finding.found}")
        if finding.remedy:
            print(f"{'':28}-> {finding.remedy}")
    return 0 if all(f.good or f.optional for f in findings) else 1


def _retry(settings: Settings, options: argparse.Namespace) -> int:
    from scanmend.cli.retry import retry  # noqa: PLC0415

    names = retry(settings.folders, options.names)
    for name in names:
        print(f"{name}: back in the inbox")
    if not names:
        print(f"nothing in {settings.folders.failed}")
    return 0


def _correct(settings: Settings, options: argparse.Namespace) -> int:
    from scanmend.cli.correct import correct  # noqa: PLC0415

    return correct(settings, options.files, options.profile, options.json)


def _models(settings: Settings, options: argparse.Namespace) -> int:
    from scanmend.cli import models  # noqa: PLC0415

    if options.action == "pull":
        return models.pull(settings, options.repo, options.quantization)
    if options.action == "verify":
        return models.verify(settings, options.names)
    if options.action == "remove":
        return models.remove(settings, options.names)
    return models.show_list(settings, options.json)


def _install(_settings: Settings | None, options: argparse.Namespace) -> int:
    from scanmend.service.install import install  # noqa: PLC0415

    return install(options.dry_run, not options.no_start)


def _uninstall(_settings: Settings | None, options: argparse.Namespace) -> int:
    from scanmend.service.install import uninstall  # noqa: PLC0415

    return uninstall(options.dry_run)


def _settings(path: str | None) -> Settings:
    path = path or os.environ.get("SCANMEND_CONFIG")
    if path:
        return load_settings(path)
    for place in PLACES:
        if os.path.exists(place):
            return load_settings(place)
    raise ConfigError(
        f"no configuration: neither {' nor '.join(PLACES)} is there; name one with --config"
    )


class _Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal, told without shutil: argparse asks at each argument, and status is to be quick."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    with contextlib.suppress(ValueError, OSError):
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns) or 80
    return 80


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_Help, **options)

    def error(self, message: str) -> NoReturn:
        raise SystemExit(self._complain(message))

    def _complain(self, message: str) -> int:
        print(f"scanmend: {message}; see {self.prog} --help", file=sys.stderr)
        return UsageError.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="scanmend", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument("--config", metavar="FILE", help="the configuration (see below)")
    parser.add_argument("--version", action="version", version=f"scanmend {__version__}")
    commands = parser.add_subparsers(prog="scanmend", metavar="COMMAND", required=True)

    _add_work(commands)
    _add_care(commands)
    _add_models(commands)
    _add_service(commands)
    return parser


def _add_work(commands: "argparse._SubParsersAction[_Parser]") -> None:
    run = commands.add_parser(
        "run", help="watch the inbox, in the foreground, until SIGTERM or Ctrl-C"
    )
    run.set_defaults(command=_run)

    process = commands.add_parser(
        "process", help="process files once, without the daemon; originals stay"
    )
    process.add_argument("files", nargs="+", metavar="FILE")
    process.add_argument(
        "--out", metavar="DIR", default=".", help="where the results go (default: here)"
    )
    process.add_argument(
        "--profile", metavar="NAME", help="prompt and rules (default: profiles.default)"
    )
    process.set_defaults(command=_process)

    correct = commands.add_parser(
        "correct",
        help="correct text that others have read: plain, or JSON lines with text and confidence",
    )
    correct.add_argument("files", nargs="*", metavar="FILE", help="none, or -: standard input")
    correct.add_argument("--profile", metavar="NAME", help="prompt and rules")
    correct.add_argument("--json", action="store_true", help="lines, edits and suspects, as in the sidecar")  # fmt: skip
    correct.set_defaults(command=_correct)


def _add_care(commands: "argparse._SubParsersAction[_Parser]") -> None:
    status = commands.add_parser(
        "status", help="what waits, is in work, done, failed; the model's state"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument("--check", action="store_true", help="for monitoring: exit code 1 and why, when something is wrong")  # fmt: skip
    status.set_defaults(command=_status, logs=False)

    check = commands.add_parser("check-config", help="check the configuration and the profiles")
    check.set_defaults(command=_check_config)

    doctor = commands.add_parser(
        "doctor", help="check engines, folders, disk, GPU, models; what to install"
    )
    doctor.set_defaults(command=_doctor)

    retry = commands.add_parser("retry", help="put failed originals back into the inbox")
    retry.add_argument("names", nargs="*", metavar="NAME", help="as status shows them; none: all")
    retry.set_defaults(command=_retry)


def _add_models(commands: "argparse._SubParsersAction[_Parser]") -> None:
    models = commands.add_parser("models", help="list, get, check and remove models")
    actions = models.add_subparsers(
        prog="scanmend models", metavar="ACTION", required=True, dest="action"
    )
    listing = actions.add_parser("list", help="the models in models.directory; * is the one in use")
    listing.add_argument("--json", action="store_true", help="for programs")
    pull = actions.add_parser("pull", help="get a model from the Hugging Face Hub")
    pull.add_argument("--repo", metavar="OWNER/NAME", help="default: llm.repo_id")
    pull.add_argument("--quantization", metavar="NAME", help="default: llm.quantization")
    verify = actions.add_parser("verify", help="compare checksums with the Hub's")
    verify.add_argument("names", nargs="*", metavar="NAME", help="as list shows them; none: all")
    remove = actions.add_parser("remove", help="remove models from the disk")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as list shows them")
    models.set_defaults(command=_models)


def _add_service(commands: "argparse._SubParsersAction[_Parser]") -> None:
    install = commands.add_parser(
        "install-service", help="install the systemd service, its user and folders (as root)"
    )
    install.add_argument("--dry-run", action="store_true", help="only say what would be done")
    install.add_argument("--no-start", action="store_true", help="enable it, but don't start it")
    install.set_defaults(command=_install, needs_config=False)
    uninstall = commands.add_parser(
        "uninstall-service", help="remove the systemd service; documents and configuration stay"
    )
    uninstall.add_argument("--dry-run", action="store_true", help="only say what would be done")
    uninstall.set_defaults(command=_uninstall, needs_config=False)
