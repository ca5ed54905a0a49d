"""Cut the power of an emulated board, and take from its disk what it had not flushed."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lab.clock import now_ns
from lab.drivers.qemu.power import QemuPower
from lab.errors import InfrastructureError, UsageError
from lab.powercut.log import LogError, read_log
from lab.powercut.plan import Piece, Survivors, survivors
from lab.powercut.watch import WriteWatch

_STOP_SECONDS = 10.0
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A power cut: the seed, and how many writes the disk kept and lost. `t_ns`: when the power went.

    `during`: the number of the write in which it went, counted from the power-on; 0: none was under way.
    """

    seed: int
    t_ns: int
    survivors: Survivors
    during: int = 0

    def __str__(self) -> str:
        s = self.survivors
        return (
            f"seed {self.seed}: {s.flushed} writes were flushed; of {s.unflushed} others "
            f"{s.lost} are lost, {s.torn} torn"
        )


class VolatileCache:
    """Disk `number` of an emulated board with a write cache that dies with the power.

    `arm` before each power-on, `cut` instead of switching off. Switching off otherwise (`power.off()`) keeps
    all that the board wrote, as with a disk that has no cache. A `lying` disk does not flush when told to.
    """

    def __init__(self, power: QemuPower, number: int = 0, *, lying: bool = False) -> None:
        if number >= len(power.options.disks):
            raise UsageError(f"{power.name} has no disk {number} whose power could be cut")
        self._power, self._number, self.lying = power, number, lying
        self.disk = power.disk_file(number)
        self.before = self.disk.with_name(self.disk.name + ".before")
        self.log = self.disk.with_name(self.disk.name + ".log")
        self.last_log = self.disk.with_name(self.disk.name + ".log.last")  # of the power-on before

    def arm(self) -> None:
        """Keep the disk as it is, and log its writes from the next power-on. The board must be off."""
        if self._power.is_on():
            raise UsageError(f"{self._power.name} is on: its disk can only be armed while it is off")
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self.last_log)
        copy_sparse(self.disk, self.before)
        self.log.write_bytes(b"")
        self._power.write_logs[self._number] = self.log

    def disarm(self) -> None:
        """No log from the next power-on; what was kept is deleted."""
        self._power.write_logs.pop(self._number, None)
        for file in (self.before, self.log, self.last_log):
            file.unlink(missing_ok=True)

    def watch(self) -> WriteWatch:
        """Return who counts the writes since the power-on. Use it in `with`."""
        return WriteWatch(self.log)

    def cut(self, seed: int, during: int = 0) -> Cut:
        """Kill the board now; its disk is what `seed` leaves of it.

        With `during` the power went earlier: in the write of that number since the power-on. A disk's content
        is decided by the order of its writes and flushes, so the moment is exact, however late we kill.
        Raises UsageError where it was not armed, InfrastructureError where the disk cannot be rebuilt.
        """
        if self._number not in self._power.write_logs:
            raise UsageError(f"{self._power.name}: arm its disk before its power is cut")
        if (pid := self._power.pid) is not None:
            _freeze(pid)
        t_ns = now_ns()
        self._power.off()
        kept = rebuild(self.before, self.log, seed, self.disk, during=during, lying=self.lying)
        return Cut(seed=seed, t_ns=t_ns, survivors=kept, during=during)


def rebuild(
    before: Path, log: Path, seed: int, disk: Path, *, during: int = 0, lying: bool = False
) -> Survivors:
    """Make `disk` of what it was `before` and what `seed` keeps of the `log`; return what that is.

    `during` and `lying` are those of `survivors`. Raises InfrastructureError where the log is damaged or the
    host's disk is full.
    """
    fresh = disk.with_name(disk.name + ".new")
    try:
        with log.open("rb") as source:
            kept = survivors(read_log(source), seed, during=during, lying=lying)
            copy_sparse(before, fresh)
            with fresh.open("r+b") as target:
                _apply(kept.pieces, source, target)
        os.replace(fresh, disk)
    except LogError as exc:
        raise InfrastructureError(f"{log}: {exc}") from exc
    except OSError as exc:
        raise InfrastructureError(f"cannot rebuild the disk {disk}: {exc.strerror}") from exc
    finally:
        fresh.unlink(missing_ok=True)
    return kept


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a disk; what is empty in it takes no room. Raises InfrastructureError."""
    argv = ["cp", "--reflink=auto", "--sparse=always", "--", str(source), str(target)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InfrastructureError(f"cannot copy a disk: {done.stderr.strip()}")


def _apply(pieces: Iterable[Piece], source: BinaryIO, target: BinaryIO) -> None:
    size = target.seek(0, os.SEEK_END)
    for piece in pieces:
        if piece.offset + piece.length > size:
            raise LogError(f"a write up to byte {piece.offset + piece.length} of a disk of {size}")
        target.seek(piece.offset)
        for at in range(0, piece.length, _CHUNK):
            source.seek(piece.data_at + at)
            target.write(source.read(min(_CHUNK, piece.length - at)))


def _freeze(pid: int) -> None:
    """Stop every thread, so that no write to the log is broken off in the middle of a sector.

    SIGKILL would break off what the kernel is copying; SIGSTOP takes effect when it is done.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + _STOP_SECONDS
    while not all(state in "TtZX" for state in _states(pid)):
        if time.monotonic() > deadline:
            raise InfrastructureError(f"QEMU (process {pid}) does not stop")
        time.sleep(0.001)


def _states(pid: int) -> list[str]:
    found = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            found.append(stat.read_text().rpartition(")")[2].split()[0])
    return found
