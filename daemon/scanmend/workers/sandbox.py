"""What a child may not do: no network, no writing but in its own folder. Given up before it imports anything.

    python -P -m scanmend.workers.sandbox MODULE     runs MODULE, confined
    python -P -m scanmend.workers.sandbox            tries it out, and prints what this machine can't confine

Landlock (landlock(7), Linux 5.13) for what is written and whom a signal reaches, seccomp (libseccomp, which systemd
brings) for sockets and for what no reader of pages needs. Both work without privileges, also inside a hardened
service, where network namespaces don't. Reading stays open: libraries, fonts, models and drivers lie all over.
"""

import contextlib
import ctypes
import errno
import glob
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from scanmend.workers.variables import PARENT_PID, SANDBOX

TRIAL = 30.0  # seconds that the trial may take

DEVICES = ("/dev/null", "/dev/zero", "/dev/nvidia*", "/dev/dri", "/dev/dri/*", "/dev/kfd")

# landlock(7): the rights that write, each with the version of the interface that brought it
_TO_FILES = {1 << 1: 1, 1 << 14: 3}  # write, truncate
_TO_FOLDERS = {1 << bit: 1 for bit in range(4, 13)} | {1 << 13: 2}  # remove, make; move between
_SCOPED = 0b11  # abstract sockets and signals, since version 6
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture

_NO_NETWORK = ("socket",)
_NEVER = (
    "io_uring_setup",  # it would open sockets past this filter
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "open_by_handle_at",  # would get past the folders
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "reboot",
    "swapon",
    "keyctl",
    "add_key",
    "request_key",
    # Landlock does not see these
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # seccomp_init(3)
_NO_NEW_PRIVS = 38  # prctl(2)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one child may: write in a folder of its own, made in ``home`` (else with other temp files) and in
    ``writable``, and use the network.
    """

    home: str = ""
    writable: tuple[str, ...] = ()
    network: bool = False

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A folder for one process, and gone with it."""
        for folder in (self.home, *self.writable):
            if folder:
                os.makedirs(folder, exist_ok=True)
        made = tempfile.TemporaryDirectory(
            prefix="scanmend-", dir=self.home or None, ignore_cleanup_errors=True
        )
        with made as path:
            yield path

    def environment(self, scratch: str) -> dict[str, str]:
        """What the child must be told."""
        told = {"writable": [scratch, *self.writable], "network": self.network}
        moved = (
            ["TMPDIR"] if self.network else ["TMPDIR", "HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH"]
        )
        return {
            SANDBOX: json.dumps(told),
            "DOTNET_EnableDiagnostics": "0",
            **dict.fromkeys(moved, scratch),
        }


def home(state: str) -> str:
    """Where children have their folders: in the state folder, if this user has one."""
    return os.path.join(state, "scratch") if os.access(state, os.W_OK) else ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that children can do on this machine, though they should not; ``remedy`` says how to prevent it."""

    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.remedy}" if self.remedy else self.what


def gaps() -> list[Gap]:
    """Return what this machine can't prevent children from doing, as a child finds out that tries."""
    box = Sandbox()
    with box.scratch() as scratch:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "scanmend.workers.sandbox"],
                env={**os.environ, **box.environment(scratch), PARENT_PID: str(os.getpid())},
                cwd="/", capture_output=True, check=True, timeout=TRIAL,
            )  # fmt: skip
            return [Gap(**gap) for gap in json.loads(done.stdout)]
        except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
            return [Gap(f"a process can't be confined: {error}")]


# in the child -------------------------------------------------------------------------------------


def confine() -> None:
    """Give up what is not needed. What this kernel can't take away stays: ``gaps`` tells."""
    told = json.loads(os.environ.pop(SANDBOX))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        _landlock(libc, told["writable"])
    with contextlib.suppress(OSError):
        _seccomp(_NEVER + (() if told["network"] else _NO_NETWORK))


def _landlock(libc: ctypes.CDLL, writable: list[str]) -> None:
    version = libc.syscall(_CREATE, None, 0, 1)
    if version < 1:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    files = sum(right for right, since in _TO_FILES.items() if since <= version)
    folders = files + sum(right for right, since in _TO_FOLDERS.items() if since <= version)
    words = 3 if version >= 6 else 1
    rules = _done(
        libc.syscall(
            _CREATE, (ctypes.c_uint64 * 3)(folders, 0, _SCOPED), ctypes.c_size_t(8 * words), 0
        )
    )
    allowed = [*writable, *(path for pattern in DEVICES for path in glob.glob(pattern))]
    for path in allowed:
        with contextlib.suppress(FileNotFoundError):
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            right = folders if os.path.isdir(path) else files
            rule = right.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
            _done(libc.syscall(_ADD, rules, 1, rule, 0))
            os.close(place)
    _done(libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _seccomp(calls: tuple[str, ...]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(_ALLOW))
    for name in calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != -1:  # known to this version of the library
            library.seccomp_rule_add(rules, _ERRNO | errno.EPERM, number, 0)
    failed = library.seccomp_load(rules)
    library.seccomp_release(rules)
    if failed:
        raise OSError(-failed, os.strerror(-failed))


def _done(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _trial() -> list[Gap]:
    """Try what must not work, and return what does."""
    scratch = os.environ["TMPDIR"]
    found = []
    try:
        tempfile.TemporaryFile(dir=os.path.dirname(scratch)).close()
        remedy = "use Linux 5.13 or newer with lsm=landlock; a container may forbid Landlock"
        found.append(Gap("children can write wherever this user can", remedy))
    except OSError:
        tempfile.TemporaryFile(dir=scratch).close()
    try:
        socket.socket().close()
        remedy = "install libseccomp2, on a kernel with seccomp"
        found.append(Gap("children have the network", remedy))
    except OSError:
        pass
    try:
        os.kill(int(os.environ[PARENT_PID]), 0)
        remedy = "use Linux 6.12 or newer"
        found.append(Gap("children can send signals to this user's processes", remedy))
    except OSError:
        pass
    return found


def main() -> None:
    """Confine this process and become the module."""
    if SANDBOX in os.environ:
        confine()
    if len(sys.argv) < 2:
        json.dump([asdict(gap) for gap in _trial()], sys.stdout)
        return
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
