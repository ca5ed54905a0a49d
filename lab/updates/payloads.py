"""Payload files: hashed once, and looked at before they are sent: nodes compare them with the hashes."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.errors import UsageError
from lab.updates.omaha.ledger import Packages
from lab.updates.omaha.messages import Package
from lab.updates.settings import App

_BLOCK = 1 << 20
CACHE_NAME = "updates-hashes.json"


@dataclass(frozen=True, slots=True)
class File:
    """A payload as it was when it was hashed."""

    path: Path
    size: int
    mtime_ns: int
    sha1: str
    sha256: str

    def unchanged(self, found: os.stat_result) -> bool:
        """Whether it still looks as it did."""
        return (found.st_size, found.st_mtime_ns) == (self.size, self.mtime_ns)


def hash_payloads(apps: Iterable[App], state: Path, tell: Callable[[str], None]) -> dict[str, File]:
    """Hash every payload, or take the hashes of an unchanged file from the state; by name.

    `tell` gets a line for each file that is read. Raises UsageError for a file that cannot be read.
    """
    cache, found = _read_cache(state / CACHE_NAME), {}
    for payload in (payload for app in apps for payload in app.payloads):
        try:
            about = payload.path.stat()
            key = f"{payload.path} {about.st_size} {about.st_mtime_ns}"
            if key not in cache:
                tell(f"hashing {payload.path} ({about.st_size} bytes)")
                cache[key] = list(_hashes(payload.path))
        except OSError as exc:
            raise UsageError(f"{payload.path}: the payload cannot be read: {exc.strerror}") from exc
        if about.st_size == 0:
            raise UsageError(f"{payload.path}: the payload is empty")
        found[payload.name] = File(payload.path, about.st_size, about.st_mtime_ns, *cache[key])
        cache[key] = list(cache[key])
    state.mkdir(parents=True, exist_ok=True)
    kept = {f"{f.path} {f.size} {f.mtime_ns}": [f.sha1, f.sha256] for f in found.values()}
    (state / CACHE_NAME).write_text(json.dumps(kept))
    return found


def packages(apps: Iterable[App], files: dict[str, File], url: str) -> Packages:
    """The packages that Omaha offers; `url`: our own, as nodes reach it."""
    made = {}
    for app in apps:
        for payload in app.payloads:
            file = files[payload.name]
            made[app.name, payload.version, payload.board, payload.delta_from] = Package(
                version=payload.version,
                codebase=f"{url}/payloads/",
                name=payload.name,
                size=file.size,
                sha1=file.sha1,
                sha256=file.sha256,
                delta=bool(payload.delta_from),
            )
    return made


def _read_cache(path: Path) -> dict[str, list[str]]:
    with suppress(OSError, ValueError):
        read = json.loads(path.read_text())
        if isinstance(read, dict):
            return {str(key): value for key, value in read.items() if isinstance(value, list)}
    return {}


def _hashes(path: Path) -> tuple[str, str]:
    """SHA-1 and SHA-256 in base64, as Omaha writes them."""
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha1.update(block)
            sha256.update(block)
    return base64.b64encode(sha1.digest()).decode(), base64.b64encode(sha256.digest()).decode()
