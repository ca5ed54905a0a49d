"""Entering fresh network and PID namespaces, with a user namespace around them where we are not root.

Runs in the holder only: unshare(CLONE_NEWUSER) wants a process of one thread, and what it does cannot be
undone. See namespaces(7), user_namespaces(7).
"""

import ctypes
import errno
import os
import re
from pathlib import Path

from lab.errors import SandboxError
from lab.sandbox.advice import explain

CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1

# Bits of capabilities(7): what bridges, taps, raw sockets and ports below 1024 need.
_NEEDED = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_SYS_ADMIN": 21}

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces() -> bool:
    """Unshare; return True where a user namespace was needed. The next fork gives PID 1 of the new one.

    Raises SandboxError that lists what was tried, with the kernel's answers, and what to enable.
    """
    tried = []
    missing = _missing_capabilities()
    if missing:
        tried.append(f"directly: not possible without {', '.join(missing)}")
    else:
        error = unshare(CLONE_NEWNET | CLONE_NEWPID)
        if not error:
            return False
        tried.append(f"directly: unshare(CLONE_NEWNET | CLONE_NEWPID): {error}")
    uid, gid = os.geteuid(), os.getegid()
    error = unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID)
    if error:
        tried.append(f"in a user namespace: unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID): {error}")
        raise SandboxError(explain(tried))
    try:
        _map_to_root(uid, gid)
    except OSError as exc:
        tried.append(f"in a user namespace: writing {exc.filename}: {exc.strerror}")
        raise SandboxError(explain(tried)) from exc
    return True


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send us `signal_number` when the thread that forked us ends (prctl(2))."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def unshare(flags: int) -> str:
    """Move this process into new namespaces; return "" or the kernel's answer."""
    if _libc.unshare(flags) == 0:
        return ""
    code = ctypes.get_errno()
    return f"{errno.errorcode.get(code, code)} ({os.strerror(code)})"


def _map_to_root(uid: int, gid: int) -> None:
    """Be root inside, so that what we execute keeps its capabilities; outside nothing changes."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _missing_capabilities() -> list[str]:
    status = Path("/proc/self/status").read_text()
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    effective = int(match[1], 16) if match else 0
    return [name for name, bit in _NEEDED.items() if not effective >> bit & 1]
