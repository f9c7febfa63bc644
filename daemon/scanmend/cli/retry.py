"""`scanmend retry`: failed originals go back into the inbox."""

import os

from scanmend.config.settings import FoldersSettings
from scanmend.errors import UsageError, show
from scanmend.store import atomic, naming


def retry(folders: FoldersSettings, names: list[str]) -> list[str]:
    """Move failed originals back, all or those named (as `scanmend status` shows them); returns the names.

    A file of that name in the inbox is never replaced: then the original stays in failed/, with an error.
    """
    failed, inbox = os.fsencode(folders.failed), os.fsencode(folders.inbox)
    there = {show(path): path for path in _originals(failed)}
    wanted = list(there) if not names else [_find(name, there) for name in names]
    for name in wanted:
        target = os.path.join(inbox, there[name])
        atomic.make_folder(os.path.dirname(target))
        try:
            atomic.move(os.path.join(failed, there[name]), target)
        except FileExistsError:
            raise UsageError(
                f"{name}: the inbox holds another file of this name; let it be done first"
            ) from None
        report = naming.error_report(os.path.join(failed, there[name]))
        if os.path.exists(report):
            os.unlink(report)
    return wanted


def _find(name: str, there: dict[str, bytes]) -> str:
    if name in there:
        return name
    matches = [path for path in there if os.path.basename(path) == os.path.basename(name)]
    if len(matches) == 1:
        return matches[0]
    known = ", ".join(sorted(there)[:5]) or "nothing"
    raise UsageError(
        f"{name}: {'several' if matches else 'none'} of this name in failed/; there is: {known}"
    )


def _originals(failed: bytes) -> list[bytes]:
    found = []
    for parent, _, names in os.walk(failed):
        for name in names:
            path = os.path.join(parent, name)
            if not name.startswith(b".") and not naming.is_error_report(path):
                found.append(os.path.relpath(path, failed))
    return sorted(found)
