"""Where uploads go: one folder, below it one for each client, and nothing outside.

A file is written under a temporary name and gets its own when it is whole: nobody ever sees half of one.
Every folder on the way is opened from the one above it and never through a symbolic link, so that not even
a link that appears in between leads out. Nothing is made on disk before the first block is here: a flood of
requests leaves no trace.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pxe.boot.files import clean_name
from pxe.errors import PxeError, RequestRefused, ServiceError
from pxe.settings import UploadSettings
from pxe.wire.tftp import ErrorCode

TEMPORARY: Final = ".bootlab-upload-"
KEEP_FREE: Final = 64 * 1024 * 1024  # bytes on the file system that uploads leave alone: leases need some
MAX_DEPTH: Final = 8
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class UploadRefused(PxeError):
    """An upload that we do not take; `code` is what the client is told."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class UploadFolder:
    """Takes files from clients. `settings.folder` must exist."""

    def __init__(self, settings: UploadSettings) -> None:
        """Raises ServiceError where the folder cannot be used. What a crash left in it is removed."""
        self.settings = settings
        folder = settings.folder
        if not folder.is_dir():
            raise ServiceError(f"{folder} is not a folder; make it, or name another for uploads")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ServiceError(f"{folder}: this user may not write to the folder for uploads; chown it")
        for where, _, names in os.walk(folder):
            for name in names:
                if name.startswith(TEMPORARY):
                    Path(where, name).unlink(missing_ok=True)

    def open(self, name: str, client: str, announced: int | None) -> "Incoming":
        """Return a new file `name` of `client` (a folder name) with `announced` bytes (None: not told).

        Raises UploadRefused: the rules for names are those of reading, and what is there stays as it is.
        """
        try:
            parts = clean_name(name).split("/")
        except RequestRefused as exc:
            raise UploadRefused(ErrorCode.ACCESS, str(exc)) from exc
        if not all(part.isprintable() for part in parts):
            raise UploadRefused(ErrorCode.ACCESS, "characters in the name that no terminal can show")
        if len(parts) > MAX_DEPTH or parts[-1].startswith(TEMPORARY):
            raise UploadRefused(ErrorCode.ACCESS, "no name for an upload")
        with _refusing():
            self._check_existing((client, *parts))
            limit = self._space(announced)
            self._check_count(client)
        return Incoming(self.settings, (client, *parts), limit)

    def _check_existing(self, parts: tuple[str, ...]) -> None:
        with contextlib.ExitStack() as stack:
            try:
                fd = _descend(self.settings.folder, parts[:-1], stack, make=False)
                mode = os.stat(parts[-1], dir_fd=fd, follow_symlinks=False).st_mode
            except FileNotFoundError:
                return
        if not stat.S_ISREG(mode):
            raise UploadRefused(ErrorCode.ACCESS, "there is something of that name that is no regular file")
        if not self.settings.overwrite:
            raise UploadRefused(ErrorCode.EXISTS, "there is a file of that name; it is not overwritten")

    def _space(self, announced: int | None) -> int:
        info = os.statvfs(self.settings.folder)
        free = max(0, info.f_bavail * info.f_frsize - KEEP_FREE)
        if announced is not None and announced > self.settings.max_bytes:
            text = f"{announced} bytes; the limit is {self.settings.max_bytes}"
            raise UploadRefused(ErrorCode.DISK_FULL, text)
        if (announced is not None and announced > free) or not free:
            raise UploadRefused(ErrorCode.DISK_FULL, f"no room for {announced or 'more'} bytes on the disk")
        return min(self.settings.max_bytes, free)

    def _check_count(self, client: str) -> None:
        count = sum(len(names) for _, _, names in os.walk(self.settings.folder / client))
        if count >= self.settings.max_files:
            text = f"this client has {count} files here already; the limit is {self.settings.max_files}"
            raise UploadRefused(ErrorCode.DISK_FULL, text)


class Incoming:
    """One file on its way: `write`, then `commit` or `discard`. `limit` is the most bytes it may have."""

    def __init__(self, settings: UploadSettings, parts: tuple[str, ...], limit: int) -> None:
        self.limit = limit
        self.path = "/".join(parts)  # below the folder for uploads
        self._settings = settings
        self._parts = parts
        self._temporary = ""
        self._file = self._folder = -1

    def write(self, data: bytes) -> None:
        """Append `data`. Raises UploadRefused where the disk does not take it."""
        with _refusing():
            if self._file < 0:
                self._begin()
            while data:
                data = data[os.write(self._file, data) :]

    def commit(self) -> None:
        """Give the file its name. Raises UploadRefused where another has it by now."""
        self.write(b"")
        temporary, name = self._temporary, self._parts[-1]
        with _refusing():
            if self._settings.overwrite:
                os.rename(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                self._temporary = ""
            else:  # a link, unlike a rename, never takes another file's place
                os.link(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self.discard()

    def discard(self) -> None:
        """Remove the temporary name and let go of everything; after `commit` there is nothing to remove."""
        if self._temporary:
            with contextlib.suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._folder)
        for fd in (self._file, self._folder):
            if fd >= 0:
                os.close(fd)
        self._temporary = ""
        self._file = self._folder = -1

    def _begin(self) -> None:
        with contextlib.ExitStack() as stack:
            self._folder = os.dup(_descend(self._settings.folder, self._parts[:-1], stack, make=True))
        name = TEMPORARY + secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(name, flags, 0o644, dir_fd=self._folder)
        self._temporary = name


def _descend(top: Path, parts: tuple[str, ...], stack: contextlib.ExitStack, *, make: bool) -> int:
    """Return a descriptor of the folder `parts` below `top`, open until `stack` ends."""
    fd = os.open(top, _FOLDER & ~os.O_NOFOLLOW)  # the operator may have made this one a link
    stack.callback(os.close, fd)
    for part in parts:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=fd)
        fd = os.open(part, _FOLDER, dir_fd=fd)
        stack.callback(os.close, fd)
    return fd


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn what the file system says into words for the client."""
    try:
        yield
    except OSError as exc:
        match exc.errno:
            case errno.ENOSPC | errno.EDQUOT | errno.EFBIG | errno.EMFILE | errno.ENFILE:
                raise UploadRefused(ErrorCode.DISK_FULL, f"no room: {exc.strerror}") from exc
            case errno.EEXIST:
                raise UploadRefused(ErrorCode.EXISTS, "another upload got that name first") from exc
            case errno.ELOOP | errno.ENOTDIR:
                text = "a part of the name is no folder"
                raise UploadRefused(ErrorCode.ACCESS, text) from exc
            case _:
                raise UploadRefused(ErrorCode.ACCESS, exc.strerror or str(exc)) from exc


class NetasciiDecoder:
    """CR LF -> LF and CR NUL -> CR (RFC 764), across blocks. What is no netascii passes as it is."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return the text of `data`; a CR at its end waits for what follows."""
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        body = data[: len(data) - len(self._held)]
        return body.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")

    def finish(self) -> bytes:
        """Return what is still held."""
        held, self._held = self._held, b""
        return held
