"""An archive of images, for hosts without a way out: a tar of an index and the files, by their SHA-256.

The same images give the same bytes: members in order, no times, no owners. Read by the header alone: a member
that is no plain file of a known name and size is refused before a byte of it is used, so no path in an
archive ever becomes one on disk.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable
from typing import IO, Any

from pxe.assets.manifest import Manifest, read_manifest
from pxe.errors import AssetError, ChecksumError

_INDEX = re.compile(r"index-([0-9a-f]{64})\.json")
SCHEMA = 1
BLOCK = 512
_LONGEST_INDEX = 16 << 20
_FILE = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")
_MOST_IMAGES = 10_000


def index_of(manifests: Iterable[Manifest]) -> bytes:
    """Return the index of an archive of these images."""
    images = [manifest.to_json() for manifest in sorted(manifests, key=lambda found: found.image)]
    return json.dumps({"schema": SCHEMA, "images": images}, indent=1).encode() + b"\n"


def index_name(index: bytes) -> str:
    """Return the name of the index in an archive."""
    return f"index-{hashlib.sha256(index).hexdigest()}.json"


def member_name(sha256: str) -> str:
    """Return the name of a file in an archive."""
    return f"blobs/{sha256}"


def header(name: str, size: int) -> bytes:
    """Return the block before a member."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member.tobuf(tarfile.GNU_FORMAT)


def padding(size: int) -> bytes:
    """Return what fills the last block of a member of `size` bytes."""
    return bytes(-size % BLOCK)


class Reader:
    """Goes through an archive once. Raises ChecksumError where it is none, or was changed or cut."""

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file, self._where = file, where

    def exactly(self, count: int) -> bytes:
        """Return the next bytes."""
        data = self._file.read(count)
        if len(data) != count:
            raise self.fault("is cut short")
        return data

    def member(self, name: str, size: int) -> None:
        """Go to the content of the next member, which must be that one."""
        found = self._header(name)
        if found.name != name:
            raise self.fault(f"has {_shown(found.name)} where {name} should be")
        if found.size != size:
            raise self.fault(f"has {name} with {found.size} bytes instead of {size}")

    def padding(self, size: int) -> None:
        """Go behind the last block of a member of `size` bytes."""
        if self.exactly(-size % BLOCK).strip(b"\0"):
            raise self.fault("has something between its files")

    def _header(self, wanted: str) -> tarfile.TarInfo:
        block = self.exactly(BLOCK)
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            raise self.fault(f"has something else where {wanted} should be") from None
        if found.type != tarfile.REGTYPE or found.size < 0 or block != header(found.name, found.size):
            raise self.fault(f"has {_shown(found.name)} where {wanted} should be")
        return found

    def index(self) -> list[Manifest]:
        """Return the images that the archive says it holds."""
        found = self._header("an index")
        match = _INDEX.fullmatch(found.name)
        if match is None or found.size > _LONGEST_INDEX:
            raise self.fault(f"has {_shown(found.name)} of {found.size} bytes where an index should be")
        raw = self.exactly(found.size)
        self.padding(found.size)
        if hashlib.sha256(raw).hexdigest() != match[1]:
            raise self.fault("has an index that was changed")
        return self._images(raw)

    def _images(self, raw: bytes) -> list[Manifest]:
        try:
            found = json.loads(raw)
            if found["schema"] != SCHEMA:
                raise self.fault(f"is of schema {_shown(str(found['schema']))}; this bootlab reads {SCHEMA}")
            images = found["images"]
            if not isinstance(images, list) or not 0 < len(images) <= _MOST_IMAGES:
                raise ValueError
            manifests = [_manifest(image) for image in images]
            if len({manifest.image for manifest in manifests}) != len(manifests):
                raise ValueError
            return manifests
        except (ValueError, KeyError, TypeError, AssetError, RecursionError) as exc:
            if isinstance(exc, ChecksumError):
                raise
            raise self.fault("has an index that is none") from None

    def fault(self, what: str) -> ChecksumError:
        """Return the error that says so."""
        return ChecksumError(f"{self._where} {what}; nothing was imported")


def _manifest(raw: dict[str, Any]) -> Manifest:
    manifest = read_manifest(json.dumps(raw), "index")
    for part in manifest.parts.values():
        words = (part.source, *part.checked, manifest.added)
        if not _FILE.fullmatch(part.file) or part.file in (".", "..") or part.size < 0:
            raise ValueError
        if not all(word.isprintable() and len(word) <= 4096 for word in words):
            raise ValueError
    if not manifest.parts:
        raise ValueError
    return manifest


def _shown(name: str) -> str:
    return ascii(name[:80])
