"""Texts that outlive a power cut: each is whole or it is the one before, whatever was going on."""

import asyncio
import contextlib
import hashlib
import os
from pathlib import Path

from lab.refos.guest.model import PlatformError, Saved

_MAGIC = "refos 1 sha256"


def pack(text: str) -> bytes:
    """Return a text with a first line that tells whether it is whole."""
    data = text.encode()
    return f"{_MAGIC} {hashlib.sha256(data).hexdigest()} {len(data)}\n".encode() + data


def unpack(data: bytes) -> str:
    """Return what `pack` was given. Raises ValueError that says what is wrong with it."""
    head, newline, body = data.partition(b"\n")
    words = head.decode("ascii", "replace").split(" ")
    if not newline or len(words) != 5 or " ".join(words[:3]) != _MAGIC:
        raise ValueError("it has no header of ours")
    if words[4] != str(len(body)):
        raise ValueError(f"it has {len(body)} bytes of {words[4]}")
    if words[3] != hashlib.sha256(body).hexdigest():
        raise ValueError("its checksum is wrong")
    return body.decode()


class FileStore:
    """Files in a folder; `NAME.old` is the one before. `fault`: why nothing that was saved can be there."""

    def __init__(self, folder: Path, fault: str = "") -> None:
        self.folder = folder
        self.fault = fault
        self._writing = asyncio.Lock()

    async def load(self, name: str) -> Saved | None:
        """Return the newest that is whole, and what is wrong with one that is not. Raises PlatformError."""
        if self.fault:
            raise PlatformError(self.fault)
        return await asyncio.to_thread(self._load, name)

    async def save(self, name: str, text: str) -> None:
        """Write it beside, then take its name. Raises PlatformError: no room, read-only."""
        try:
            async with self._writing:
                await asyncio.to_thread(self._save, name, text)
        except OSError as error:
            raise PlatformError(f"{name} cannot be saved in {self.folder}: {error.strerror}") from None

    async def delete(self, name: str) -> None:
        """Remove both."""
        try:
            async with self._writing:
                await asyncio.to_thread(self._delete, name)
        except OSError as error:
            raise PlatformError(f"{name} cannot be removed from {self.folder}: {error.strerror}") from None

    def _load(self, name: str) -> Saved | None:
        newest, first = self._read(name)
        older, second = self._read(f"{name}.old")
        if newest is not None:
            return Saved(newest, None, older)
        if older is not None:
            return Saved(older, f"{first}; took {name}.old" if first else None)
        if first or second:
            raise PlatformError("; ".join(filter(None, (first, second))))
        return None

    def _read(self, name: str) -> tuple[str | None, str]:
        """Return a file's text, and what is wrong with it; neither where it is not there."""
        try:
            return unpack((self.folder / name).read_bytes()), ""
        except FileNotFoundError:
            return None, ""
        except (OSError, ValueError) as error:
            return None, f"{name} is damaged ({error})"

    def _save(self, name: str, text: str) -> None:
        target, scratch = self.folder / name, self.folder / f"{name}.new"
        with scratch.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(pack(text))
            file.flush()
            os.fsync(file.fileno())
        self._keep_old(target)
        scratch.replace(target)
        self._sync_folder()

    def _keep_old(self, target: Path) -> None:
        """Give the current text a second name, if it is whole; it has its first one until it is replaced."""
        try:
            unpack(target.read_bytes())
        except (OSError, ValueError):
            return
        old, link = target.with_name(f"{target.name}.old"), target.with_name(f"{target.name}.link")
        link.unlink(missing_ok=True)
        link.hardlink_to(target)
        link.replace(old)

    def _delete(self, name: str) -> None:
        # The old one first: a cut in between must not bring back what is older than what was deleted
        for path in (self.folder / f"{name}.old", self.folder / name):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self._sync_folder()

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
