"""Reading files and folders for whoever may: nothing that blocks is opened, no link followed below a root."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

from lab.refos.guest.model import FileEntry, PlatformError

_PIECE = 1 << 16
_MOST_ENTRIES = 200_000


async def read(path: str) -> AsyncIterator[bytes]:
    """Yield a regular file. Raises PlatformError for what is none.

    Opened without blocking and looked at once it is open: a pipe or a device that took the place of a file in
    between is not read either.
    """
    descriptor = await asyncio.to_thread(_open, path)
    try:
        while piece := await asyncio.to_thread(_next, descriptor, path):
            yield piece
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    if "\0" in path or not path.startswith("/"):
        raise PlatformError(f"{path!r} is no absolute path")
    try:
        before = Path(path).stat()
        if not stat.S_ISREG(before.st_mode):
            raise PlatformError(f"{path} is no regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise PlatformError(f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PlatformError(f"{path} is no regular file")
    return descriptor


def _next(descriptor: int, path: str) -> bytes:
    try:
        return os.read(descriptor, _PIECE)
    except OSError as error:  # some of /proc and /sys
        raise PlatformError(f"{path}: {error.strerror}") from None


async def listing(root: str, depth: int) -> AsyncIterator[FileEntry]:
    """Yield `root` and what is below it, `depth` levels deep; what cannot be read says so."""
    if "\0" in root or not root.startswith("/"):
        raise PlatformError(f"{root!r} is no absolute path")
    pending = [(root, 0)]
    count = 0
    while pending and count < _MOST_ENTRIES:
        path, level = pending.pop()
        entry = entry_of(path, root)
        count += 1
        if stat.S_ISDIR(entry.mode) and level < depth:
            names, error = await asyncio.to_thread(_names, path)
            if error:
                entry = entry_of(path, root, error)
            pending += [(os.path.join(path, name), level + 1) for name in reversed(names)]
        yield entry


def _names(path: str) -> tuple[list[str], str]:
    try:
        return sorted(os.listdir(path)), ""
    except OSError as error:
        return [], error.strerror or "cannot be read"


def entry_of(path: str, root: str, error: str = "") -> FileEntry:
    """Look at one file without following it."""
    shown = path.encode(errors="replace").decode()
    relative = os.path.relpath(path, root).encode(errors="replace").decode()
    try:
        found = os.lstat(path)
        link = os.readlink(path) if stat.S_ISLNK(found.st_mode) else ""
    except OSError as fault:
        return FileEntry(shown, relative, error=fault.strerror or "cannot be looked at")
    return FileEntry(
        name=shown,
        relative_name=relative,
        size=found.st_size,
        mode=found.st_mode,
        modified=int(found.st_mtime),
        link=link.encode(errors="replace").decode(),
        uid=found.st_uid,
        gid=found.st_gid,
        error=error,
    )
