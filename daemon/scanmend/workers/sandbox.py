"""Confine a child: no network, no writing but in its own folder. It gives these up before it imports its module.

    python -P -m scanmend.workers.sandbox MODULE     runs MODULE, confined
    python -P -m scanmend.workers.sandbox            tries what must not work, and prints what does all the same

Landlock (landlock(7), Linux 5.13) limits what is written and which processes a signal reaches; seccomp (libseccomp, which
systemd brings) forbids sockets, and system calls that no reader of pages needs. Both work without privileges, also inside
a hardened service, where network namespaces don't. Reading stays open: libraries, fonts, models and drivers lie all over.
"""

import contextlib
import ctypes
import errno
import glob
import os
import runpy
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from scanmend.workers.variables import PARENT_PID, SANDBOX

TRIAL_SECONDS = 30.0
DEVICES = ("/dev/null", "/dev/zero", "/dev/nvidia*", "/dev/dri", "/dev/dri/*", "/dev/kfd")

# landlock(7): rights, each with the version of the interface that introduced it
_FILE_RIGHTS = {1 << 1: 1, 1 << 14: 3}  # write, truncate
_FOLDER_RIGHTS = {1 << bit: 1 for bit in range(4, 13)} | {1 << 13: 2}  # remove, make; move between
_SCOPES, _SCOPES_SINCE = 0b11, 6  # abstract sockets and signals
# landlock(7): the numbers of the system calls, which are the same on every architecture
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_NETWORK_CALLS = ("socket",)
_FORBIDDEN_CALLS = (
    "io_uring_setup",  # opens sockets past this filter
    "open_by_handle_at",  # opens files past the folders
    *("ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open", "userfaultfd", "bpf"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "reboot", "swapon"),
    *("keyctl", "add_key", "request_key"),
    # Landlock does not see these
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
_SECCOMP_ALLOW, _SECCOMP_ERRNO = 0x7FFF0000, 0x00050000  # seccomp_init(3)
_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)


class Gap(msgspec.Struct, frozen=True):
    """Something that a child can do on this machine and should not, and what would prevent it."""

    what: str
    remedy: str

    def __str__(self) -> str:
        """Return both, for a log."""
        return f"{self.what}: {self.remedy}"


class _Limits(msgspec.Struct, frozen=True):
    """What the daemon tells a child to keep: the folders that it may write to, and whether it may use the network."""

    writable: list[bytes]
    network: bool


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one child may do.

    It may write to a folder of its own, made in ``home`` ("": with other temporary files), and to ``writable``; with
    ``network``, it may use the network.
    """

    home: str = ""
    writable: tuple[str, ...] = ()
    network: bool = False

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """Make a folder for one process, and remove it with the process."""
        for folder in (self.home, *self.writable):
            if folder:
                os.makedirs(folder, exist_ok=True)
        made = tempfile.TemporaryDirectory(
            prefix="scanmend-", dir=self.home or None, ignore_cleanup_errors=True
        )
        with made as path:
            yield path

    def environment(self, scratch: str) -> dict[str, str]:
        """Return the variables that a child needs, whose own folder is ``scratch``."""
        folders = [os.fsencode(folder) for folder in (scratch, *self.writable)]
        limits = _Limits(folders, self.network)
        moved = ["TMPDIR"]
        if not self.network:
            moved += ["HOME", "XDG_CACHE_HOME", "CUDA_CACHE_PATH"]
        return {
            SANDBOX: msgspec.json.encode(limits).decode(),
            "DOTNET_EnableDiagnostics": "0",
            **dict.fromkeys(moved, scratch),
        }


def home(state: str) -> str:
    """Return where children have their folders: in the state folder, if this user may write there; else ""."""
    return os.path.join(state, "scratch") if os.access(state, os.W_OK) else ""


def lacking() -> list[Gap]:
    """Return what can't be confined on this machine, as found by a child that tries; empty when all can."""
    box = Sandbox()
    with box.scratch() as scratch:
        env = {**os.environ, **box.environment(scratch), PARENT_PID: str(os.getpid())}
        command = [sys.executable, "-P", "-m", "scanmend.workers.sandbox"]
        try:
            done = subprocess.run(
                command, env=env, cwd="/", capture_output=True, check=True, timeout=TRIAL_SECONDS
            )
            return msgspec.json.decode(done.stdout, type=list[Gap])
        except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
            return [Gap("confining a process fails", str(error))]


# in the child -------------------------------------------------------------------------------------


def confine() -> None:
    """Give up what the daemon does not allow. ``lacking`` reports what this kernel can't take away."""
    limits = msgspec.json.decode(os.environ.pop(SANDBOX), type=_Limits)
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        _landlock(libc, limits.writable)
    with contextlib.suppress(OSError):
        _seccomp(_FORBIDDEN_CALLS if limits.network else _FORBIDDEN_CALLS + _NETWORK_CALLS)


def _landlock(libc: ctypes.CDLL, writable: list[bytes]) -> None:
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        raise OSError(errno.ENOSYS, "the kernel has no Landlock")
    files = sum(right for right, since in _FILE_RIGHTS.items() if since <= version)
    folders = files + sum(right for right, since in _FOLDER_RIGHTS.items() if since <= version)
    # struct landlock_ruleset_attr: rights on files, on the network (none), scopes
    attributes = (ctypes.c_uint64 * 3)(folders, 0, _SCOPES)
    size = ctypes.c_size_t(ctypes.sizeof(attributes) if version >= _SCOPES_SINCE else 8)
    ruleset = _checked(libc.syscall(_CREATE_RULESET, attributes, size, 0))
    devices = [os.fsencode(path) for pattern in DEVICES for path in glob.glob(pattern)]
    for path in [*writable, *devices]:
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = folders if os.path.isdir(path) else files
            # struct landlock_path_beneath_attr
            rule = rights.to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
            _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
            os.close(descriptor)
    _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _seccomp(calls: tuple[str, ...]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(_SECCOMP_ALLOW))
    for name in calls:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != -1:  # known to this version of the library
            library.seccomp_rule_add(rules, _SECCOMP_ERRNO | errno.EPERM, number, 0)
    failed = library.seccomp_load(rules)
    library.seccomp_release(rules)
    if failed:
        raise OSError(-failed, os.strerror(-failed))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _gaps() -> list[Gap]:
    """Try what must not work, and return what does."""
    scratch = os.environ["TMPDIR"]
    gaps = []
    try:
        tempfile.TemporaryFile(dir=os.path.dirname(scratch)).close()
        remedy = "no Landlock here (Linux 5.13, lsm=landlock; a container may forbid it)"
        gaps.append(Gap("children can write wherever this user can", remedy))
    except OSError:
        tempfile.TemporaryFile(dir=scratch).close()
    try:
        socket.socket().close()
        remedy = "install libseccomp2, on a kernel with seccomp"
        gaps.append(Gap("children have the network", remedy))
    except OSError:
        pass
    try:
        os.kill(int(os.environ[PARENT_PID]), 0)
        remedy = "Linux 6.12 could forbid it"
        gaps.append(Gap("children can send signals to this user's processes", remedy))
    except OSError:
        pass
    return gaps


def main() -> None:
    """Confine this process and become the module."""
    if SANDBOX in os.environ:
        confine()
    if len(sys.argv) < 2:
        sys.stdout.buffer.write(msgspec.json.encode(_gaps()))
        return
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
