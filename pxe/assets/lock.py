"""File locks (flock): they end with the process, however it ends, so none is ever stale."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pxe.errors import AssetError


@contextmanager
def locked(path: Path, *, shared: bool = False, busy: str | None = None) -> Iterator[None]:
    """Hold the lock of the file `path`, made if missing, for the length of the block.

    Waits for others; with `busy`, raises AssetError with that sentence instead of waiting.
    """
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fd = _open(path)
    try:
        try:
            fcntl.flock(fd, mode | (fcntl.LOCK_NB if busy is not None else 0))
        except BlockingIOError:
            raise AssetError(busy or "") from None
        yield
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as exc:
        raise AssetError(f"{path}: {exc.strerror}; name a folder that you may write") from None
