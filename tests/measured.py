"""Let coverage.py measure the sandboxed children too: a plugin that every measured process loads (pyproject.toml).

A child confines itself before it does anything, so at its end it can't write where coverage.py keeps its data. It can
write in its scratch folder, but that folder is removed with the child. This plugin therefore opens the real data file
while the child may still do so, redirects coverage.py to the scratch folder, and copies the data from there to the open
file at the end. No code of scanmend knows of this.

Three things are not measured: processes that SIGKILL ends, since they write no data; tests marked ``unmeasured``, which
assert how much memory or time a process takes, or end all their processes in that way; the daemon in the systemd
container, which has no coverage.py.
"""

import atexit
import contextlib
import os
import secrets
from pathlib import Path

from coverage.plugin import CoveragePlugin
from coverage.plugin_support import Plugins
from coverage.types import TConfigurable

SANDBOX = (
    "SCANMEND_SANDBOX"  # a child has this variable in its environment until it confines itself
)


class SandboxedData(CoveragePlugin):
    """A plugin that brings a confined child's data to the folder where coverage.py collects all data."""

    def configure(self, config: TConfigurable) -> None:
        """Redirect coverage.py in a process that will confine itself."""
        if SANDBOX not in os.environ:
            return
        final = f"{config.get_option('run:data_file')}.child.{os.getpid()}.{secrets.token_hex(4)}"
        scratch = Path(os.environ["TMPDIR"], "coverage")
        descriptor = os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        config.set_option("run:data_file", str(scratch))
        # atexit runs in reverse order: coverage.py registers its own function after this one
        atexit.register(_copy, scratch, descriptor)


def _copy(scratch: Path, descriptor: int) -> None:
    """Copy the data of coverage.py to the open file; `coverage combine` skips a file that stays empty."""
    with contextlib.suppress(OSError), os.fdopen(descriptor, "wb") as final:
        for written in scratch.parent.glob(f"{scratch.name}*"):
            final.write(written.read_bytes())


def coverage_init(registry: Plugins, _options: object) -> None:
    """Register the plugin; coverage.py calls this by its name."""
    registry.add_configurer(SandboxedData())
