"""Write a run while it happens: every boot is on disk before the next one begins.

A disk that is full or read-only is the lab's fault, not the board's: it is found before the board gets power
(`RunWriter` probes when it is made), and where it fills up later the boots written before it stay readable.
"""

import dataclasses
import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.errors import DiskError, InfrastructureError
from lab.model import BootRecord
from lab.store.codec import to_json
from lab.store.run import BOOTS_FILE, CONSOLE_FOLDER, PCAP_FOLDER, RUN_FILE, RunInfo

MIN_CLOCK_STEP = 2.0  # seconds: a clock that NTP slews is no faster than 0.05 % off
MIN_FREE_BYTES = 32 << 20  # a chatty console writes some hundred kilobytes a boot; a report a few megabytes


def new_run_id(now: datetime | None = None) -> str:
    """Return UTC time plus a random suffix: `20261122T043619Z-3f9a1c`."""
    moment = (now or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def utc_now() -> str:
    """Return the wall time as records carry it: ISO 8601, UTC, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class RunWriter:
    """The folder of a run that is being written; a context manager.

    `info.run_id` names the folder below `results_dir/<date>/`. Leaving the `with` block normally marks the
    run complete; leaving it by an exception (Ctrl-C too) leaves it marked incomplete, with all that was
    written. Every method raises DiskError, in one sentence, where the disk does not take it. `resume`: the
    folder is there, of a run that was cut off.
    """

    def __init__(
        self, results_dir: Path, info: RunInfo, *, min_free: int = MIN_FREE_BYTES, resume: bool = False
    ) -> None:
        date = f"{info.run_id[:4]}-{info.run_id[4:6]}-{info.run_id[6:8]}"
        self.info = info
        self.run_id = info.run_id
        self._began = time.time(), time.monotonic()
        self.folder = results_dir / date / info.run_id
        if resume:
            with disk_errors(self.folder):
                _probe(self.folder, min_free)
                _cut_half_line(self.folder / BOOTS_FILE)
            return
        with disk_errors(results_dir):
            self.folder.mkdir(parents=True)  # not one that is there: each run is written once
            try:
                (self.folder / CONSOLE_FOLDER).mkdir()
                _probe(self.folder, min_free)
                self._write_info(info)
            except (OSError, InfrastructureError):
                shutil.rmtree(self.folder, ignore_errors=True)  # nothing of a run is in it yet
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def console_name(self, index: int) -> str:
        """Name of the recording of boot `index`, relative to the folder: what `BootRecord.console` holds."""
        return f"{CONSOLE_FOLDER}/{index:03}.cast"

    def console_path(self, index: int) -> Path:
        """Where the recording of boot `index` is to be written."""
        return self.folder / self.console_name(index)

    def pcap_name(self, index: int) -> str:
        """Name of the packets of boot `index`, relative to the folder: what `BootRecord.pcap` holds."""
        return f"{PCAP_FOLDER}/{index:03}.pcapng"

    def write_events(self, index: int, events: Iterable[Mapping[str, Any]]) -> None:
        """Append events (JSON objects, as `pxe.events.to_json` makes them) that happened during boot `index`.

        Not forced to the medium: that would cost disk time in the middle of the boot that is being measured.
        """
        self._append(f"events-{index:03}.jsonl", events, sync=False)

    def write_boot(self, record: BootRecord) -> None:
        """Append one boot; on disk when this returns."""
        self._append(BOOTS_FILE, [to_json(record)], sync=True)

    def update(self, **changes: Any) -> None:
        """Change fields of `info` that became known during the run, such as `versions`."""
        step = self._clock_step() or self.info.clock_step
        self.info = dataclasses.replace(self.info, clock_step=step, **changes)
        self._write_info(self.info)

    def finish(self) -> None:
        """Mark the run complete."""
        self.update(complete=True, finished_at=utc_now())

    def _clock_step(self) -> float:
        wall, steady = self._began
        step = (time.time() - wall) - (time.monotonic() - steady)
        return round(step, 3) if abs(step) >= MIN_CLOCK_STEP else 0.0

    def _write_info(self, info: RunInfo) -> None:
        write_text(self.folder / RUN_FILE, json.dumps(to_json(info), indent=2) + "\n")

    def _append(self, name: str, objects: Iterable[Mapping[str, Any]], *, sync: bool) -> None:
        """Append lines, all or none: what a full disk took of them is cut off again."""
        data = json_lines(objects).encode()
        with disk_errors(self.folder), (self.folder / name).open("ab", buffering=0) as file:
            before = file.tell()
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
                if sync:
                    os.fsync(file.fileno())
                    if not before:
                        _sync_folder(self.folder)
            except OSError:
                file.truncate(before)
                raise


def write_text(file: Path, text: str) -> None:
    """Replace a file by `text` so that a reader sees the old or the new one, never a half.

    Raises InfrastructureError where the disk does not take it; the old one stays.
    """
    with disk_errors(file.parent):
        beside = file.with_name(f".{file.name}.new")
        try:
            with beside.open("w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            beside.replace(file)
            _sync_folder(file.parent)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """A new name is on disk only once its folder is: a power cut of the lab's host would lose the file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system says of a results folder into one sentence that says what to do."""
    try:
        yield
    except OSError as exc:
        what = {
            errno.ENOSPC: "the disk is full; free some space or choose another folder",
            errno.EDQUOT: "your quota is used up; free some space or choose another folder",
            errno.EROFS: "the file system is read-only; choose another folder",
            errno.EACCES: "you may not write there; choose another folder or change its permissions",
            errno.EPERM: "you may not write there; choose another folder or change its permissions",
            errno.EEXIST: "a run of that id is there already; nothing was written over",
            errno.ENOTDIR: "a part of that path is a file, not a folder; choose another",
        }.get(exc.errno or 0, f"{exc.strerror or exc}")
        raise DiskError(f"cannot write results to {folder}: {what}") from exc


def _probe(folder: Path, min_free: int) -> None:
    """Raise OSError unless the folder takes a file and has room for a run."""
    free = shutil.disk_usage(folder).free
    if free < min_free:
        raise OSError(errno.ENOSPC, f"only {free >> 20} MiB are free")
    probe = folder / ".probe"
    try:
        with probe.open("wb") as file:
            file.write(b"\0" * 65536)
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def _cut_half_line(file: Path) -> None:
    """Take the last line off where it was cut off while it was written: the next one begins there."""
    if file.exists():
        with file.open("r+b") as lines:
            lines.truncate(lines.read().rfind(b"\n") + 1)


def json_lines(objects: Iterable[Mapping[str, Any]]) -> str:
    """Return one compact JSON object a line."""
    return "".join(json.dumps(obj, separators=(",", ":")) + "\n" for obj in objects)
