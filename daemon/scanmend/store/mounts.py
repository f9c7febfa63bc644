"""The file system of a folder: whether it is a local disk or a share, and whether it is still the same one.

An unmounted share looks like an empty folder, and a mounted share sends no events when other machines write. Only
/proc/self/mountinfo (see proc(5)) tells; the path does not.
"""

import json
import os
import re
from dataclasses import asdict, dataclass

MOUNTINFO = "/proc/self/mountinfo"
# in one string: a list with one name per line would fill a screen
_NETWORK = frozenset(
    "9p afs beegfs ceph cifs coda davfs drvfs gfs2 glusterfs gpfs lustre ncpfs nfs nfs4"  # noqa: SIM905
    " ocfs2 orangefs prl_fs smb2 smb3 smbfs vboxsf virtiofs".split()
)
_LOCAL_FUSE = frozenset(
    ("fuse.exfat", "fuse.ext2", "fuse.lxcfs", "fuse.ntfs", "fuse.ntfs-3g", "fuseblk")
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount, from a line of mountinfo."""

    fstype: str
    source: str
    mount_point: str

    @property
    def network(self) -> bool:
        """Return whether other machines may write there, without events for this machine."""
        fuse = self.fstype.startswith("fuse") and self.fstype not in _LOCAL_FUSE
        return self.fstype in _NETWORK or fuse


@dataclass(frozen=True, slots=True)
class Method:
    """How to watch a folder. ``name``: "native" (the kernel's events) or "polling"; ``why``: the reason, for people."""

    name: str
    why: str


def mounts() -> list[Mount]:
    """Return all mounts of this process, in the order of mounting; an empty list without /proc."""
    try:
        with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            return [_parse(line) for line in file]
    except OSError:
        return []


def _parse(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    # split at ASCII spaces only: the kernel escapes spaces in names, but not a no-break space
    fstype, source = after.split(" ")[:2]
    return Mount(fstype, _unescape(source), _unescape(before.split(" ")[4]))


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def mount_of(path: str) -> Mount:
    """Return the mount on which a path lies; the path need not exist. Its fstype is "unknown" without /proc."""
    real = os.path.realpath(path)
    found = Mount("unknown", "", "/")
    for mount in mounts():
        if _within(real, mount.mount_point) and len(mount.mount_point) >= len(found.mount_point):
            found = mount
    return found


def submounts(path: str) -> list[Mount]:
    """Return the mounts below a path."""
    real = os.path.realpath(path)
    return [m for m in mounts() if m.mount_point != real and _within(m.mount_point, real)]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def choose_method(path: str, configured: str) -> Method:
    """Return how to watch an inbox. ``configured``: ``watch.method``, which is "auto", "native" or "polling"."""
    if configured != "auto":
        return Method(configured, f"watch.method: {configured}")
    mount = mount_of(path)
    for candidate in (mount, *submounts(path)):
        if candidate.network:
            why = f"{candidate.mount_point} is a share ({candidate.fstype}), which sends no events"
            return Method("polling", why)
    if mount.fstype == "unknown":
        return Method("native", "its file system can't be told; taken for a disk of this machine")
    return Method("native", f"{mount.fstype}, a disk of this machine")


def free_bytes(path: str) -> int:
    """Return how many bytes this user may still write on the file system of a path. Raise OSError."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


class Root:
    """A configured folder, and the file system on which it was when it was last trusted."""

    def __init__(self, path: str, known: str | None = None) -> None:
        """Check nothing yet. ``known``: what ``export`` returned in an earlier run."""
        self.path = path
        self._known = Mount(**json.loads(known)) if known else None
        self._inode: tuple[int, int] | None = None

    def check(self) -> str | None:
        """Return why the folder can't be trusted at this moment; None if it can.

        A folder whose file system is gone can't be trusted until that is back. A folder that was made anew on the same
        file system, or on which a share was mounted, is trusted; its new ``inode`` shows that it must be watched anew.
        """
        try:
            status = os.stat(self.path)
            os.scandir(self.path).close()
        except OSError as error:
            return f"{self.path} can't be read: {error.strerror}"
        if (status.st_dev, status.st_ino) == self._inode:
            return None
        mount, known = mount_of(self.path), self._known
        if known and known != mount and len(mount.mount_point) < len(known.mount_point):
            return (
                f"{known.source} ({known.fstype}) is not mounted on {known.mount_point};"
                " mount it again, scanmend goes on by itself"
            )
        self._known = mount
        self._inode = (status.st_dev, status.st_ino)
        return None

    @property
    def inode(self) -> tuple[int, int] | None:
        """Return the folder's device and inode when it was last trusted; None before the first successful check."""
        return self._inode

    @property
    def network(self) -> bool:
        """Return whether the folder is on a share."""
        return mount_of(self.path).network

    def export(self) -> str | None:
        """Return the file system, as JSON for the next run; None before the first successful check."""
        return json.dumps(asdict(self._known)) if self._known else None
