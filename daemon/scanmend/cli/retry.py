"""`scanmend retry`: put failed originals back into the inbox."""

import argparse
import os
from collections.abc import Sequence

from scanmend.cli.arguments import Commands, add_command, load_config
from scanmend.config.settings import FoldersSettings
from scanmend.errors import UsageError, show
from scanmend.store import atomic, naming

MAX_LISTED_NAMES = 5  # in a message


def add_parser(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "retry", "put failed files back into the inbox")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a name as in `scanmend status`; default: all"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Put the named files back into the inbox; all failed files if none is named."""
    folders = load_config(options).folders
    names = put_back(folders, options.names)
    for name in names:
        print(f"{name}: back in the inbox")
    if not names:
        print(f"no failed file in {folders.failed}")
    return 0


def put_back(folders: FoldersSettings, names: Sequence[str]) -> list[str]:
    """Move failed originals back into the inbox: those named, or all if ``names`` is empty. Return their names.

    Raises UsageError for an unknown name, or if the inbox already has a file of that name; the original then stays.
    """
    failed, inbox = os.fsencode(folders.failed), os.fsencode(folders.inbox)
    paths = {show(path): path for path in _originals(failed)}
    found = [_find(name, paths) for name in names] if names else list(paths)
    for name in found:
        original = os.path.join(failed, paths[name])
        target = os.path.join(inbox, paths[name])
        atomic.make_folder(os.path.dirname(target))
        try:
            _move_back(original, target)
        except FileExistsError:
            what = f"{name}: the inbox already has a file of this name"
            raise UsageError(what, "wait until it is processed") from None
    return found


def _move_back(original: bytes, target: bytes) -> None:
    """Move an original into the inbox and remove its error report; FileExistsError as in ``atomic.move``.

    The report goes first: the daemon may fail the file again at once, and would find its name taken. It is restored
    when the move fails.
    """
    path = naming.error_report(original)
    report = None
    if os.path.exists(path):
        with open(path, "rb") as file:
            report = file.read()
        os.unlink(path)
    try:
        atomic.move(original, target)
    except OSError:
        if report is not None:
            atomic.write(path, [report])
        raise


def _find(name: str, paths: dict[str, bytes]) -> str:
    """Return the key in ``paths`` for a name, which may be a path's last component if that is unique.

    Raises UsageError for an unknown or ambiguous name.
    """
    if name in paths:
        return name
    base = os.path.basename(name)
    matches = [path for path in paths if os.path.basename(path) == base]
    if len(matches) == 1:
        return matches[0]
    problem = "several files" if matches else "no file"
    remedy = (
        f"there is: {', '.join(sorted(paths)[:MAX_LISTED_NAMES])}"
        if paths
        else "no file has failed"
    )
    raise UsageError(f"{name}: {problem} of this name in failed/", remedy)


def _originals(failed: bytes) -> list[bytes]:
    """Return the paths of all originals in the folder of failed files, relative to that folder."""
    found = []
    for parent, _, names in os.walk(failed):
        for name in names:
            path = os.path.join(parent, name)
            if not name.startswith(b".") and not naming.is_error_report(path):
                found.append(os.path.relpath(path, failed))
    return sorted(found)
