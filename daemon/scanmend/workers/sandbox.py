"""Confine a child: it gives up the network, and write access outside its own folder, before it imports its module.

    python -P -m scanmend.workers.sandbox MODULE     runs MODULE, confined
    python -P -m scanmend.workers.sandbox            tries what must be forbidden, and prints what is allowed all the same

Landlock (landlock(7), Linux 5.13) limits where a child writes and which processes its signals reach; seccomp (libseccomp,
which systemd brings) forbids sockets, and system calls that no reader of pages needs. Both work without privileges, also
inside a hardened service, where network namespaces don't. Children may read everything, since libraries, fonts, models and
drivers lie in many folders.

CUDA needs two permissions more, as measured on an H200 with driver 580: its threads write their names below
``/proc/self/task``, and it opens local (AF_UNIX) sockets. A child whose model may use a GPU gets both, and no other
family of sockets.

Vulkan and ROCm need nothing else, by their sources: the devices below, ``/sys`` for reading, and caches, which the
environment sends to the child's own folder. ROCm's shared memory in ``/dev/shm`` serves profiling alone, and its runtime
goes on without. Tried: Vulkan with Mesa's lavapipe, on a CPU. No AMD or Intel GPU was at hand.
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

TRIAL_SECONDS = 30.0  # time limit of the child that tries what is forbidden
# devices that a child may write to
DEVICES = ("/dev/null", "/dev/zero", "/dev/nvidia*", "/dev/dri", "/dev/dri/*", "/dev/kfd")
# Environment variables that name folders for caches: of compiled shaders and kernels, and the general ones
_CACHES = (
    *("HOME", "XDG_CACHE_HOME"),
    "CUDA_CACHE_PATH",
    "__GL_SHADER_DISK_CACHE_PATH",  # Vulkan of NVIDIA
    *(
        "MESA_SHADER_CACHE_DIR",
        "MESA_GLSL_CACHE_DIR",
    ),  # RADV, ANV, lavapipe; the latter before Mesa 21
    "AMD_COMGR_CACHE_DIR",  # ROCm
)
THREAD_NAMES = b"/proc/self/task"  # where CUDA's threads write their names

# landlock(7): rights, each with the version of the interface that introduced it
_FILE_RIGHTS = {1 << 1: 1, 1 << 14: 3}  # write, truncate
_FOLDER_RIGHTS = {1 << bit: 1 for bit in range(4, 13)} | {1 << 13: 2}  # remove, make; move between
_SCOPES, _SCOPES_SINCE = 0b11, 6  # abstract sockets and signals
# landlock(7): the numbers of the system calls, which are the same on every architecture
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_FORBIDDEN_CALLS = (
    "io_uring_setup",  # opens sockets past this filter
    "open_by_handle_at",  # opens files past the folders
    *("ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open", "userfaultfd", "bpf"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "reboot", "swapon"),
    *("keyctl", "add_key", "request_key"),
    # Landlock does not control these
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
_SECCOMP_ALLOW, _SECCOMP_ERRNO = 0x7FFF0000, 0x00050000  # seccomp_init(3)
_SCMP_CMP_NE = 1  # seccomp_rule_add(3): the argument differs from the datum
_PR_SET_NO_NEW_PRIVS = 38  # prctl(2)


class SandboxGap(msgspec.Struct, frozen=True):
    """Something that children can do on this machine but should not: ``what``, and the ``remedy``."""

    what: str
    remedy: str

    def __str__(self) -> str:
        """Return both as one text for the log."""
        return f"{self.what}: {self.remedy}"


class _Limits(msgspec.Struct, frozen=True):
    """The limits that the daemon sets for a child: folders that it may write to, use of the network and of a GPU."""

    writable: list[bytes]
    network: bool
    gpu: bool


class _Comparison(ctypes.Structure):
    """The comparison of a system call's argument: ``struct scmp_arg_cmp`` of libseccomp."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("datum", ctypes.c_uint64),
        ("second_datum", ctypes.c_uint64),
    )


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The permissions of one child.

    It may write to its own folder, which is created in ``home`` ("": in the system's folder for temporary files), and to
    the folders ``writable``. ``network``: it may use the network. ``gpu``: it may use a GPU, for which it may open local
    sockets and name its threads.
    """

    home: str = ""
    writable: tuple[str, ...] = ()
    network: bool = False
    gpu: bool = False

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """Create the folder of one process; remove it at the end of the block."""
        for folder in (self.home, *self.writable):
            if folder:
                os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="scanmend-", dir=self.home or None, ignore_cleanup_errors=True
        ) as path:
            yield path

    def environment(self, scratch: str) -> dict[str, str]:
        """Return the environment variables for a child whose own folder is ``scratch``."""
        folders = [os.fsencode(folder) for folder in (scratch, *self.writable)]
        limits = _Limits(folders, self.network, self.gpu)
        redirected = ["TMPDIR"]
        if not self.network:
            redirected += _CACHES
        return {
            SANDBOX: msgspec.json.encode(limits).decode(),
            "DOTNET_EnableDiagnostics": "0",
            **dict.fromkeys(redirected, scratch),
        }


def home(state: str) -> str:
    """Return the folder for the children's own folders: in the state folder if this user may write there, else ""."""
    return os.path.join(state, "scratch") if os.access(state, os.W_OK) else ""


def find_gaps() -> list[SandboxGap]:
    """Return what a child can do on this machine despite its sandbox, as tried by a child; never raises."""
    sandbox = Sandbox()
    with sandbox.scratch() as scratch:
        env = {**os.environ, **sandbox.environment(scratch), PARENT_PID: str(os.getpid())}
        command = [sys.executable, "-P", "-m", "scanmend.workers.sandbox"]
        try:
            completed = subprocess.run(
                command, env=env, cwd="/", capture_output=True, check=True, timeout=TRIAL_SECONDS
            )
            return msgspec.json.decode(completed.stdout, type=list[SandboxGap])
        except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
            return [SandboxGap("confining a process fails", str(error))]


# in the child -------------------------------------------------------------------------------------


def confine() -> None:
    """Give up the permissions that the daemon denies, as far as this kernel can; ``find_gaps`` reports the rest."""
    limits = msgspec.json.decode(os.environ.pop(SANDBOX), type=_Limits)
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        _landlock(libc, [*limits.writable, THREAD_NAMES] if limits.gpu else limits.writable)
    with contextlib.suppress(OSError):
        _seccomp(limits)


def _landlock(libc: ctypes.CDLL, writable: list[bytes]) -> None:
    """Forbid writing outside these folders and DEVICES, and signals to other processes. Raises OSError."""
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


def _seccomp(limits: _Limits) -> None:
    """Forbid system calls that no child needs, and the families of sockets beyond these limits. Raises OSError."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(_SECCOMP_ALLOW))
    action = _SECCOMP_ERRNO | errno.EPERM
    forbidden = _FORBIDDEN_CALLS if limits.network or limits.gpu else (*_FORBIDDEN_CALLS, "socket")
    for name in forbidden:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number != -1:  # known to this version of the library
            library.seccomp_rule_add(rules, action, number, 0)
    if limits.gpu and not limits.network:
        other_family = _Comparison(0, _SCMP_CMP_NE, socket.AF_UNIX, 0)
        number = library.seccomp_syscall_resolve_name(b"socket")
        library.seccomp_rule_add_array(rules, action, number, 1, ctypes.byref(other_family))
    failed = library.seccomp_load(rules)
    library.seccomp_release(rules)
    if failed:
        raise OSError(-failed, os.strerror(-failed))


def _checked(result: int) -> int:
    """Return the result of a system call; raise OSError if it failed."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _gaps() -> list[SandboxGap]:
    """Return which forbidden actions succeed in this process, by trying each of them."""
    scratch = os.environ["TMPDIR"]
    gaps = []
    try:
        tempfile.TemporaryFile(dir=os.path.dirname(scratch)).close()
        remedy = "no Landlock here (Linux 5.13, lsm=landlock; a container may forbid it)"
        gaps.append(SandboxGap("children can write wherever this user can", remedy))
    except OSError:
        tempfile.TemporaryFile(dir=scratch).close()
    try:
        socket.socket().close()
        remedy = "install libseccomp2, on a kernel with seccomp"
        gaps.append(SandboxGap("children have the network", remedy))
    except OSError:
        pass
    try:
        os.kill(int(os.environ[PARENT_PID]), 0)
        remedy = "Linux 6.12 could forbid it"
        gaps.append(SandboxGap("children can send signals to this user's processes", remedy))
    except OSError:
        pass
    return gaps


def main() -> None:
    """Confine this process, then run the module in it."""
    if SANDBOX in os.environ:
        confine()
    if len(sys.argv) < 2:
        sys.stdout.buffer.write(msgspec.json.encode(_gaps()))
        return
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
