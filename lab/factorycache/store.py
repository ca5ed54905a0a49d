"""What the cache has on disk.

files/KEY         a file, whole; KEY is the SHA-256 of its path at Image Factory
files/KEY.json    its path, type, validator and SHA-256: written last, so that what has none is not whole
partial/KEY       what came of a download, with a KEY.json of its own, to be gone on with
schematics/ID     YAML, by the SHA-256 of itself
"""

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

_RESERVE = 64 << 20  # bytes that stay free for others


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the cache; `size` in bytes, `etag` as Image Factory said it."""

    path: str
    size: int
    kind: str = "application/octet-stream"
    etag: str = ""
    sha256: str = ""


class CacheStore:
    """The cache's folder; one process has it. `limit` is in bytes. Raises OSError where the disk says no."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder.absolute(), limit
        self._files, self._partial = self.folder / "files", self.folder / "partial"
        self._schematics = self.folder / "schematics"
        for each in (self._files, self._partial, self._schematics):
            each.mkdir(parents=True, exist_ok=True)

    def file(self, path: str) -> Path:
        """Where the whole file of a path is, or would be."""
        return self._files / _key(path)

    def partial(self, path: str) -> Path:
        """Where what came of it is kept."""
        return self._partial / _key(path)

    def find(self, path: str) -> Entry | None:
        """Return the entry of a file that is there whole, and remember that it was wanted."""
        file = self.file(path)
        found = _read(_note(file))
        if found is None or found.path != path:
            return None
        with contextlib.suppress(OSError):
            if file.stat().st_size == found.size:
                os.utime(_note(file))
                return found
        return None

    def begun(self, path: str) -> Entry | None:
        """Return what a partial download is of."""
        found = _read(_note(self.partial(path)))
        return found if found is not None and found.path == path and self.partial(path).is_file() else None

    def begin(self, entry: Entry) -> None:
        """Note what a download is of, before its first byte."""
        partial = self.partial(entry.path)
        partial.unlink(missing_ok=True)
        _write(_note(partial), entry)

    def finish(self, entry: Entry) -> None:
        """Make a partial download count: it is whole."""
        partial, file = self.partial(entry.path), self.file(entry.path)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
        _write(_note(file), entry)
        _note(partial).unlink(missing_ok=True)

    def forget(self, path: str) -> None:
        """Throw a partial download away."""
        self.partial(path).unlink(missing_ok=True)
        _note(self.partial(path)).unlink(missing_ok=True)

    def keep(self, entry: Entry, data: bytes) -> None:
        """Keep a small file."""
        self.begin(entry)
        self.partial(entry.path).write_bytes(data)
        self.finish(entry)

    def make_room(self, size: int) -> bool:
        """Remove what was wanted longest ago until `size` more bytes fit; False: they never will."""
        free = shutil.disk_usage(self.folder).free - _RESERVE
        files = [path for path in self._files.iterdir() if not path.suffix]
        used = sum(path.stat().st_size for path in files)
        if size > self.limit or size > free + used:
            return False
        for path in sorted(files, key=_wanted):
            if used + size <= self.limit and size <= free:
                break
            freed = path.stat().st_size
            _note(path).unlink(missing_ok=True)
            path.unlink()
            used, free = used - freed, free + freed
        return used + size <= self.limit and size <= free

    def schematic(self, identity: str) -> bytes | None:
        """Return the YAML of a schematic; None where it is not here, or not what its id says."""
        try:
            data = (self._schematics / identity).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == identity else None

    def keep_schematic(self, identity: str, data: bytes) -> None:
        """Keep a schematic."""
        new = self._schematics / f"{identity}.new"
        new.write_bytes(data)
        new.replace(self._schematics / identity)


def _key(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _wanted(file: Path) -> int:
    """When a file was wanted last; what a kill left without its note never was."""
    try:
        return _note(file).stat().st_mtime_ns
    except OSError:
        return 0


def _read(note: Path) -> Entry | None:
    try:
        raw = json.loads(note.read_text())
        return Entry(**{name: kind(raw[name]) for name, kind in _FIELDS.items()})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(note: Path, entry: Entry) -> None:
    new = note.with_name(note.name + ".new")
    new.write_text(json.dumps(asdict(entry)))
    new.replace(note)


_FIELDS = {"path": str, "size": int, "kind": str, "etag": str, "sha256": str}
