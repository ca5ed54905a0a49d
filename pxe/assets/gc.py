"""Garbage collection: files that nothing refers to any more."""

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pxe.assets.store import Store, storing

_PARTIAL_SECONDS = 7 * 86400  # a download that nobody took up again for so long


@dataclass(frozen=True, slots=True)
class Garbage:
    """What is, or would be, removed: paths with their sizes in bytes."""

    files: tuple[tuple[Path, int], ...]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(size for _, size in self.files)


def collect_garbage(store: Store, in_use: Iterable[Path] = (), *, dry_run: bool = False) -> Garbage:
    """Remove files that no manifest names and that are not among `in_use` (what plans serve), downloads not
    taken up for a week, and what killed commands left. Raises AssetError where images are being added."""
    with store.collecting():
        kept = {store.blob(part.sha256) for manifest in store.manifests() for part in manifest.parts.values()}
        kept |= {path.resolve() for path in in_use}
        found = [(path, path.stat().st_size) for path in _garbage(store, kept)]
        if not dry_run:
            for path, _ in found:
                with storing(path):
                    path.unlink()
            shutil.rmtree(store.tmp, ignore_errors=True)  # nobody adds now: all in it is dead
    return Garbage(tuple(found))


def _garbage(store: Store, kept: set[Path]) -> Iterator[Path]:
    for path in sorted(store.blobs.glob("??/*")):
        if path not in kept and path.resolve() not in kept:
            yield path
    yield from sorted(path for path in store.tmp.rglob("*") if path.is_file())
    old = time.time() - _PARTIAL_SECONDS
    for path in sorted(store.partial.glob("*")):
        if path.is_file() and path.stat().st_mtime < old:
            yield path
