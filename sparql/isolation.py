"""Take away what a worker does not need: network, memory without end, core dumps, survival.

Each step is best effort except the limits: a container may refuse namespaces or seccomp, and the worker then still has the parser
(`sparql.parser`) before it, whose trees can't say SERVICE.
"""

import ctypes
import platform
import resource
import signal
import struct
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_EXECVE_CALL = {"x86_64": 59, "aarch64": 221}
_ALLOW, _ERRNO_EACCES, _KILL = 0x7FFF0000, 0x00050000 | 13, 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32 = 0x40000000


def no_network() -> bool:
    """Make this process unable to open sockets or run programs; call it before any thread starts.

    Returns
    -------
    bool
        Whether the kernel agreed to at least one of the two ways: an empty network of its own, or a filter of system calls.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    alone = libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    return _filter(libc) or alone


def _filter(libc: ctypes.CDLL) -> bool:
    machine = platform.machine()
    if machine not in _AUDIT_ARCH or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    program = [
        (_LOAD, 0, 0, 4),  # the architecture of the call …
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),  # … is another than ours: numbers would mean something else
        (_LOAD, 0, 0, 0),  # the number of the call
        (_JUMP_AT_LEAST, 2, 0, _X32),
        (_JUMP_EQUAL, 1, 0, _SOCKET_CALL[machine]),
        (_JUMP_EQUAL, 0, 1, _EXECVE_CALL[machine]),
        (_RETURN, 0, 0, _ERRNO_EACCES),
        (_RETURN, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(code)))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) == 0)


def end_with_parent() -> None:
    """Have the kernel end this process when its parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit_memory(megabytes: int) -> None:
    """Let this process take so much more memory than it occupies now [MiB], and no more; no core dump when it tries."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
