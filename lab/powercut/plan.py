"""What of a disk's writes survives a power cut: a function of the log and a seed. Pure.

The rules are those of disks with a volatile write cache: what a completed flush covers is there, and so is
each FUA write. Of the rest anything may be missing, in any order, and the write that was under way may have
stopped at any sector. Sectors themselves are whole.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.powercut.log import Entry, Flag

SECTOR = 512
_TORN = 8  # one in so many unflushed writes of several sectors is torn


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` bytes of the log at `data_at` that are on the disk at `offset`."""

    offset: int
    data_at: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivors:
    """`pieces` in the order in which they were written; the counts are of writes, `lost` of those not kept
    at all, `torn` of those kept in part."""

    pieces: tuple[Piece, ...]
    flushed: int
    unflushed: int
    lost: int
    torn: int


def survivors(log: Sequence[Entry], seed: int, *, during: int = 0, lying: bool = False) -> Survivors:
    """Draw what survives. The same log and seed give the same answer, in every process.

    `during`: the power goes during the write of this number, counted from 1: what came later never was, and
    nobody was told that this one succeeded, so that even FUA does not hold for it. 0: after all of the log.
    `lying`: a disk that says that it flushed and did not.
    """
    rng = random.Random(seed)
    log = _until(log, during) if during else log
    flushes = () if lying else (n for n, entry in enumerate(log) if entry.flags & Flag.FLUSH)
    last_flush = max(flushes, default=-1)
    before = [e for e in log[: last_flush + 1] if e.is_write]
    after = [e for e in log[last_flush + 1 :] if e.is_write]
    doubtful = after if lying else after[-1:] if during else []
    after[len(after) - len(doubtful) :] = [replace(e, flags=e.flags & ~Flag.FUA) for e in doubtful]
    share = rng.choice((0.0, 0.25, 0.5, 0.75, 1.0))
    kept = [_kept(entry, share, rng, last=n == len(after) - 1) for n, entry in enumerate(after)]
    pieces = [Piece(e.offset, e.data_at, e.length) for e in before]
    pieces += [Piece(e.offset, e.data_at, length) for e, length in zip(after, kept, strict=True) if length]
    return Survivors(
        pieces=tuple(pieces),
        flushed=len(before),
        unflushed=len(after),
        lost=kept.count(0),
        torn=sum(0 < length < e.length for e, length in zip(after, kept, strict=True)),
    )


def _until(log: Sequence[Entry], number: int) -> Sequence[Entry]:
    """The log up to and with this write."""
    writes = 0
    for at, entry in enumerate(log):
        writes += entry.is_write
        if writes == number:
            return log[: at + 1]
    return log


def _kept(entry: Entry, share: float, rng: random.Random, *, last: bool) -> int:
    """How many bytes, from the start, of an unflushed write survive."""
    keep, tear, at = rng.random() < share, last or rng.randrange(_TORN) == 0, rng.random()
    if entry.flags & Flag.FUA:
        return entry.length
    if not keep and not last:
        return 0
    return int(at * (entry.length // SECTOR + 1)) * SECTOR if tear else entry.length
