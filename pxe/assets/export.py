"""Images of the catalogue -> one archive, each file read again and held against its SHA-256 on the way."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pxe.assets.archive import header, index_name, index_of, member_name, padding
from pxe.assets.manifest import ImageName, Manifest, Part
from pxe.assets.store import Store, storing
from pxe.assets.watch import Progress, Watch, no_watch
from pxe.errors import ChecksumError

_CHUNK = 1 << 20
_END = bytes(1024)  # two empty blocks end a tar


def export_images(store: Store, names: Sequence[ImageName], target: Path, watch: Watch = no_watch) -> str:
    """Write images to the file `target`; return the SHA-256 of that file.

    Whole or not at all: a file that is there stays until the new one is complete. Raises PlanError where
    there is no such image, ChecksumError where a file of one is damaged, AssetError where the disk says no.
    """
    manifests = [store.find(name) for name in dict.fromkeys(names)]
    with storing(target):
        folder = target.absolute().parent
        fd, path = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                total = _write(store, manifests, _Summed(file), watch(target.name))
                file.flush()
                os.fsync(file.fileno())
            os.chmod(path, 0o644)
            os.replace(path, target)
        except BaseException:
            os.unlink(path)
            raise
    return total


class _Summed:
    """A file that sums up what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.sum, self.size = file, hashlib.sha256(), 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self.sum.update(data)
        self.size += len(data)


def files_of(manifests: Sequence[Manifest]) -> dict[str, Part]:
    """Return the files of images by their SHA-256, each once, in the order of an archive."""
    parts = [part for manifest in manifests for part in manifest.parts.values()]
    return {part.sha256: part for part in sorted(parts, key=lambda part: part.sha256)}


def _write(store: Store, manifests: Sequence[Manifest], out: _Summed, progress: Progress) -> str:
    index = index_of(manifests)
    out.write(header(index_name(index), len(index)) + index + padding(len(index)))
    files = files_of(manifests)
    total = sum(part.size for part in files.values())
    for sha256, part in files.items():
        out.write(header(member_name(sha256), part.size))
        found, count = hashlib.sha256(), 0
        with store.blob(sha256).open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                count += len(chunk)
                out.write(chunk)
                progress(out.size, max(total, out.size + 1))
        if (found.hexdigest(), count) != (sha256, part.size):
            raise ChecksumError(f"{store.blob(sha256)}: damaged since it came in; add the image again")
        out.write(padding(part.size))
    out.write(_END)
    progress(out.size, out.size)
    return out.sum.hexdigest()
