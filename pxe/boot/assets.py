"""What an asset's file is right now: its size and time, and the checksums that a board can compute too."""

import hashlib
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from pxe.boot.check import asset_fields
from pxe.errors import PlanError
from pxe.plan import BootPlan

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileStamp:
    """Identity of a file's content as far as the file system tells it: bytes and modification time."""

    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Checksums:
    """CRC-32 as U-Boot's `crc32` prints it (8 hexadecimal digits) and SHA-256 (64)."""

    crc32: str
    sha256: str


def stamp(path: Path) -> FileStamp:
    """Return size and time of a file that can be served.

    Raises PlanError where it does not exist, is no regular file, or cannot be read.
    """
    try:
        info = path.stat()
    except OSError as exc:
        raise PlanError(f"{path}: {exc.strerror}") from None
    if not stat.S_ISREG(info.st_mode):
        raise PlanError(f"{path}: not a regular file")
    if not os.access(path, os.R_OK):
        raise PlanError(f"{path}: not readable for the boot service; check its permissions")
    return FileStamp(info.st_size, info.st_mtime_ns)


def check_assets(plan: BootPlan) -> None:
    """Raise PlanError, naming field and path, where a file of `plan` cannot be served."""
    for where, asset in asset_fields(plan).items():
        if not asset.path.is_absolute():
            raise PlanError(f"{where}: path {str(asset.path)!r}: write an absolute path")
        try:
            stamp(asset.path)
        except PlanError as exc:
            raise PlanError(f"{where}: path {exc}") from None


class ChecksumCache:
    """Checksums, computed once for each (path, size, mtime).

    Any thread may ask; two that ask for the same new file at once may both compute it, to the same result.
    """

    def __init__(self) -> None:
        self._known: dict[Path, tuple[FileStamp, Checksums]] = {}

    def of(self, path: Path) -> tuple[FileStamp, Checksums]:
        """Return stamp and checksums of a file, from memory where it has not changed.

        Raises PlanError where it cannot be read, or changed while it was.
        """
        now = stamp(path)
        known = self._known.get(path)
        if known is not None and known[0] == now:
            return known
        sums = _compute(path)
        if stamp(path) != now:
            raise PlanError(f"{path}: changed while its checksums were computed; ask again")
        self._known[path] = (now, sums)
        return now, sums


def _compute(path: Path) -> Checksums:
    crc, sha = 0, hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                crc = zlib.crc32(chunk, crc)
                sha.update(chunk)
    except OSError as exc:
        raise PlanError(f"{path}: {exc.strerror}") from None
    return Checksums(f"{crc:08x}", sha.hexdigest())
