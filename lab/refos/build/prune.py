"""Builds that nobody used for long: each has some 250 MB, and is made again in a minute."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from lab.cache import cache_dir
from lab.refos.build.packages import Tell

KEPT, _IN_USE = 10, 3600.0  # of each kind; seconds since the last use
# What is in the cache -> the file in each that is touched at each use
_KINDS = {"refos/*": "made", "upgrades": "lock"}  # images of an architecture; disks and updates made of them


def prune(tell: Tell, kept: int = KEPT, *, dry_run: bool = False) -> list[tuple[Path, int]]:
    """Remove all but the `kept` builds of each kind that were used last, and none that may be in use.

    Returns what went (or would go), with the bytes that it took.
    """
    found = [(path, _size(path)) for path in _old(cache_dir(), kept)]
    for path, _ in () if dry_run else found:
        shutil.rmtree(path, ignore_errors=True)
    if found and not dry_run:
        total = sum(size for _, size in found) / 1e6
        tell(f"removed {len(found)} builds that were not used for long: {total:.0f} MB")
    return found


def _old(cache: Path, kept: int) -> Iterator[Path]:
    for kind, mark in _KINDS.items():
        for folder in sorted(cache.glob(kind)):
            used = {path: _used(path / mark) for path in folder.glob("image-*") if path.is_dir()}
            by_age = sorted(used, key=lambda path: used[path], reverse=True)
            yield from (path for path in by_age[kept:] if time.time() - used[path] > _IN_USE)


def _used(mark: Path) -> float:
    """Return when; of one that was never finished, or that somebody removes just now, when it was begun."""
    for path in (mark, mark.parent):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _size(folder: Path) -> int:
    """Return the bytes on the disk: images of disks have holes."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total
