"""What a bisection has seen so far, on disk after each boot, so that it can be killed and gone on with.

JSON lines: first what is looked for, then one line a boot, a version that cannot be tried, or the limit.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import InfrastructureError, UsageError
from lab.model import SCHEMA
from lab.store.codec import RecordError, check_schema, decode
from lab.store.writer import disk_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What came of one boot. `seconds` is None where it failed, or where nobody measured."""

    version: str
    failed: bool
    seconds: float | None = None
    skip: bool = False  # this version cannot be tried at all
    detail: str = ""
    run: str = ""  # the run that has the boot's record


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is looked for: a journal is gone on with only where all of it is the same."""

    versions: tuple[str, ...]
    how: dict[str, str] = field(default_factory=dict)
    schema: int = SCHEMA


class Journal:
    """A file that takes observations; each is on disk when `add` returns.

    `Journal.open` reads what is there already into `observations`. There is no file before the first one.
    """

    def __init__(self, path: Path, header: Header, observations: list[Observation]) -> None:
        self.path = path
        self.observations = observations
        self._header = header

    @classmethod
    def open(cls, path: Path, header: Header) -> "Journal":
        """Begin a journal, or go on with the one that is there.

        Raises UsageError where it is of another search, or damaged (but for half a last line, which is cut
        off), and InfrastructureError where the disk does not take it.
        """
        if path.exists():
            return cls(path, header, _read(path, header))
        return cls(path, header, [])

    def add(self, observation: Observation) -> None:
        """Append what came of a boot."""
        if not self.path.exists():
            with disk_errors(self.path.parent):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._append(asdict(self._header))
        self._append(asdict(observation))
        self.observations.append(observation)

    def _append(self, obj: Mapping[str, Any]) -> None:
        line = json.dumps(obj, separators=(",", ":")).encode() + b"\n"
        with disk_errors(self.path.parent), self.path.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                file.write(line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise


def _read(path: Path, header: Header) -> list[Observation]:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise InfrastructureError(f"cannot read {path}: {exc.strerror}") from exc
    whole, _, half = data.rpartition(b"\n")
    if half:  # it was killed while it wrote
        with disk_errors(path.parent):
            os.truncate(path, len(data) - len(half))
    lines = [_object(path, number, line) for number, line in enumerate(whole.split(b"\n"), 1) if line]
    if not lines:
        raise UsageError(f"{path} is no journal of a bisection: it is empty; remove it or name another")
    try:
        check_schema(lines[0])
        found = decode(Header, lines[0])
        observations = [decode(Observation, line) for line in lines[1:]]
    except RecordError as exc:
        raise UsageError(f"{path} is no journal of a bisection: {exc}") from exc
    _same(path, found, header)
    unknown = {each.version for each in observations} - set(header.versions)
    if unknown:
        raise UsageError(f"{path} has boots of versions that it does not list: {', '.join(sorted(unknown))}")
    return observations


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        obj = json.loads(line)
    except ValueError as exc:
        raise UsageError(f"{path}:{number}: not a JSON line: {exc}") from exc
    if not isinstance(obj, dict):
        raise UsageError(f"{path}:{number}: not a JSON object")
    return obj


def _same(path: Path, found: Header, wanted: Header) -> None:
    differs = [
        f"{name} was {found.how.get(name, 'not given')!r}, is {wanted.how.get(name, 'not given')!r}"
        for name in sorted(found.how | wanted.how)
        if found.how.get(name) != wanted.how.get(name)
    ]
    if found.versions != wanted.versions:
        differs.insert(0, "the versions differ")
    if differs:
        raise UsageError(
            f"{path} is of another search ({'; '.join(differs)}): remove it, or name another with --journal"
        )
