"""The journal of a rollout: one JSON object a line, on disk before what follows from it is begun.

The first line says which plan it belongs to. `changing` lines hold what a node had before: of that a
revert is made. Machine configurations hold keys, so the file is for its owner only.

The last line may be torn by a kill or a power cut: it is dropped, nothing that follows was begun.
"""

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError, UsageError
from lab.rollout.engine import NodeRecord, Phase, PhaseRecord, Record, State, StepRecord
from lab.rollout.plan import Scope

SCHEMA = 1


class Journal:
    """An open journal; nobody else may have it open for writing."""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self._waiting = bytearray()
        self._appended = 0  # bytes from the file's beginning
        self._durable = 0
        self._flushing: asyncio.Task[None] | None = None
        self._broken: OSError | None = None  # what was to be written then is lost: nothing more is taken
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if fresh else 0), 0o600)
        except FileNotFoundError as exc:
            raise _none(path) from exc
        except OSError as exc:
            raise InfrastructureError(f"{path}: the journal cannot be opened: {exc.strerror}") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(self._file)
            raise UsageError(
                f"{path}: another `bootlab rollout` is at this rollout; --pause stops it"
            ) from exc
        self._appended = self._durable = _whole(self._file)
        os.ftruncate(self._file, self._appended)
        os.lseek(self._file, self._appended, os.SEEK_SET)

    def close(self) -> None:
        """Close it; what was not committed is lost."""
        os.close(self._file)

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write the first line, at once. Raises UsageError where there is one, InfrastructureError."""
        if self._appended:
            raise UsageError(
                f"{self.path}: this rollout was begun already: --resume goes on with it, --new begins another"
            )
        self._durable = self._appended = len(raw := _encode(header))
        try:
            self._write(raw)
        except OSError as exc:
            raise InfrastructureError(f"{self.path}: the journal cannot be written: {exc.strerror}") from exc

    def append(self, line: Mapping[str, Any]) -> int:
        """Add a line and return where in the file it begins; it is on disk after `commit`."""
        offset = self._appended
        raw = _encode(line)
        self._waiting += raw
        self._appended += len(raw)
        return offset

    async def commit(self) -> None:
        """Return once all that was appended is on disk. One fsync serves all who wait.

        Raises InfrastructureError where the disk takes no more.
        """
        wanted = self._appended
        while self._durable < wanted:
            if self._flushing is None and self._broken is None:
                self._flushing = asyncio.create_task(self._flush())
            if self._flushing is not None:
                await asyncio.shield(self._flushing)
            if self._broken is not None:
                reason = self._broken.strerror
                raise InfrastructureError(f"{self.path}: the journal cannot be written: {reason}")

    async def _flush(self) -> None:
        raw, upto = bytes(self._waiting), self._appended
        self._waiting.clear()
        try:
            await asyncio.to_thread(self._write, raw)
            self._durable = upto
        except OSError as exc:
            self._broken = exc
        finally:
            self._flushing = None

    def _write(self, raw: bytes) -> None:
        view = memoryview(raw)
        while view:
            view = view[os.write(self._file, view) :]
        os.fdatasync(self._file)

    def read_at(self, offset: int) -> dict[str, Any]:
        """Return the line that begins at `offset`; it has to be on disk."""
        raw = b""
        while b"\n" not in raw:
            part = os.pread(self._file, 65536, offset + len(raw))
            if not part:
                raise InfrastructureError(f"{self.path}: no whole line at byte {offset}")
            raw += part
        found: dict[str, Any] = json.loads(raw[: raw.index(b"\n")])
        return found


def in_use(path: Path) -> bool:
    """Whether somebody has the journal open for writing."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _encode(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _whole(file: int) -> int:
    """Return the length of the file without its torn last line."""
    size = os.fstat(file).st_size
    while size:
        begin = max(0, size - 65536)
        found = os.pread(file, size - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        size = begin
    return 0


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (offset, line) of a journal, without a torn last line.

    Raises UsageError where there is none, InfrastructureError that names a line that is damaged.
    """
    try:
        with path.open("rb") as file:
            offset = 0
            for number, raw in enumerate(file, 1):
                if not raw.endswith(b"\n"):
                    return
                yield offset, _object(path, number, raw)
                offset += len(raw)
    except FileNotFoundError as exc:
        raise _none(path) from exc


def _none(path: Path) -> UsageError:
    return UsageError(f"{path}: there is no such journal; no rollout of this plan was begun")


def _object(path: Path, number: int, raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InfrastructureError(f"{path}:{number}: the journal is damaged: this is no JSON object")
    return found


def to_line(record: Record, name_of: Callable[[int], str]) -> dict[str, Any]:
    """Return a record as a line; nodes are called by name there."""
    match record:
        case NodeRecord(node, to, cause):
            return {"node": name_of(node), "to": to} | ({"cause": cause} if cause else {})
        case StepRecord(step):
            return {"passed": step}
        case PhaseRecord(to, reason, scope, forgiven):
            return {"rollout": to, "reason": reason, "scope": scope, "forgiven": forgiven}


def from_line(line: Mapping[str, Any], number_of: Mapping[str, int]) -> Record | None:
    """Return the record that a line holds; None: it holds another thing. Raises ValueError, KeyError."""
    if "node" in line:
        return NodeRecord(number_of[line["node"]], State(line["to"]), str(line.get("cause", "")))
    if "passed" in line:
        return StepRecord(int(line["passed"]))
    if "rollout" in line:
        scope, forgiven = Scope(line.get("scope", "none")), int(line.get("forgiven", 0))
        return PhaseRecord(Phase(line["rollout"]), str(line.get("reason", "")), scope, forgiven)
    return None
