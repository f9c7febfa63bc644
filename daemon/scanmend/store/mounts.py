"""What a folder lies on: a disk of this machine or a share, and whether it is still the same one.

A share that is unmounted looks like an empty folder; a share that is mounted sends no events for what
others write. Both can be told from /proc/self/mountinfo (see proc(5)), never from the path's name.
"""

import json
import os
import re
from dataclasses import asdict, dataclass

NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb2",
        "smb3",
        "smbfs",
        "ncpfs",
        "9p",
        "virtiofs",
        "ceph",
        "glusterfs",
        "afs",
        "davfs",
        "vboxsf",
        "prl_fs",
        "drvfs",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
        "ocfs2",
        "gfs2",
        "coda",
    ]
)
_LOCAL_FUSE = frozenset(
    {"fuseblk", "fuse.ntfs", "fuse.ntfs-3g", "fuse.lxcfs", "fuse.ext2", "fuse.exfat"}
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. ``network``: others may write there without this kernel knowing."""

    fstype: str
    source: str
    mount_point: str

    @property
    def network(self) -> bool:
        """Whether it sends no events for what other machines write."""
        fuse = self.fstype.startswith("fuse") and self.fstype not in _LOCAL_FUSE
        return self.fstype in NETWORK or fuse


@dataclass(frozen=True, slots=True)
class Method:
    """How to watch: "native" (the kernel's events) or "polling", and why."""

    name: str
    why: str


def mounts() -> list[Mount]:
    """All mounts of this process, later ones over earlier ones; empty where there is no /proc."""
    try:
        with open(
            "/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as file:
            return [_parse(line) for line in file]
    except OSError:
        return []


def _parse(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    # the kernel escapes only the ASCII blanks: a no-break space in a share's name is part of the name
    fstype, source = after.split(" ")[:2]
    return Mount(fstype, _unescape(source), _unescape(before.split(" ")[4]))


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def kind_of(path: str) -> Mount:
    """The mount that ``path`` (which need not exist) lies on."""
    real = os.path.realpath(path)
    found = Mount("unknown", "", "/")
    for mount in mounts():
        if _within(real, mount.mount_point) and len(mount.mount_point) >= len(found.mount_point):
            found = mount
    return found


def submounts(path: str) -> list[Mount]:
    """Mounts below ``path``."""
    real = os.path.realpath(path)
    return [m for m in mounts() if m.mount_point != real and _within(m.mount_point, real)]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def choose_method(path: str, configured: str) -> Method:
    """Native events or polling for this inbox."""
    if configured != "auto":
        return Method(configured, f"watch.method: {configured}")
    for mount in (kind_of(path), *submounts(path)):
        if mount.network:
            return Method(
                "polling", f"{mount.mount_point} is a share ({mount.fstype}), which sends no events"
            )
    fstype = kind_of(path).fstype
    known = "its file system can't be told; taken for" if fstype == "unknown" else f"{fstype},"
    return Method("native", f"{known} a disk of this machine")


def free_bytes(path: str) -> int:
    """Bytes that this user may still write on the file system of ``path``."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


class Root:
    """A configured folder, and the file system that it was on when it was last seen whole."""

    def __init__(self, path: str, known: str | None = None) -> None:
        """``known``: what ``export`` gave in an earlier run."""
        self.path = path
        self._known = Mount(**json.loads(known)) if known else None
        self._inode: tuple[int, int] | None = None

    def check(self) -> str | None:
        """Why the folder can't be trusted at this moment; None when all is well.

        A folder whose file system is gone is waited for. One that was made anew on the same file system, or
        over which a share was mounted, is taken as it is (``inode`` tells that it must be watched anew).
        """
        try:
            status = os.stat(self.path)
            os.scandir(self.path).close()
        except OSError as error:
            return f"{self.path} can't be read: {error.strerror}"
        if (status.st_dev, status.st_ino) == self._inode:
            return None
        mount = kind_of(self.path)
        if (
            self._known
            and self._known != mount
            and len(mount.mount_point) < len(self._known.mount_point)
        ):
            return (
                f"{self._known.source} ({self._known.fstype}) is not mounted on {self._known.mount_point};"
                " mount it again, scanmend goes on by itself"
            )
        self._known = mount
        self._inode = (status.st_dev, status.st_ino)
        return None

    @property
    def inode(self) -> tuple[int, int] | None:
        """Device and inode of the folder as last trusted."""
        return self._inode

    @property
    def network(self) -> bool:
        """Whether the folder is on a share."""
        return kind_of(self.path).network

    def export(self) -> str | None:
        """What to remember for the next run; None before the first successful check."""
        return json.dumps(asdict(self._known)) if self._known else None
