"""Runtime folders: one a sandbox, for its Unix sockets, in the cache folder.

Each is locked (flock on the folder itself) by its holder for as long as that lives. The holder removes it as
its last act; one whose holder was killed carries no lock any more and is swept at the next start.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from lab.cache import cache_dir
from lab.errors import SandboxError

_SUN_PATH = 107  # bytes of a path in sockaddr_un, without the final NUL (unix(7))
_LONGEST_NAME = 24  # of the files that we put in


def create_runtime_dir() -> tuple[Path, int]:
    """Return a fresh folder and the descriptor that holds its lock. Sweeps stale ones first.

    Raises SandboxError where its path leaves no room for a socket's name.
    """
    root = cache_dir() / "run"
    root.mkdir(mode=0o700, exist_ok=True)
    check_length(root / "12345678")
    # Without this lock a sweep could take a folder between its making and its locking.
    guard = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(dir=root, prefix=""))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
    finally:
        os.close(guard)
    return folder, lock


def check_length(folder: Path) -> None:
    """Raise SandboxError where a socket in `folder` would not fit the 108 bytes of AF_UNIX."""
    room = _SUN_PATH - _LONGEST_NAME - 1
    if len(os.fsencode(folder)) > room:
        raise SandboxError(
            f"{folder} is too long for Unix sockets: {len(os.fsencode(folder))} bytes, at most {room} fit; "
            "set BOOTLAB_CACHE to a shorter folder"
        )


def _sweep(root: Path) -> None:
    """Remove the folders that nobody holds any more."""
    for folder in root.iterdir():
        if folder.is_symlink() or not folder.is_dir():
            continue
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue  # its holder removed it meanwhile
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # in use
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(fd)
