"""A folder that clients may read: names from the wire -> files inside it, and nothing outside.

Windows loaders ask with backslashes, PXELINUX and GRUB with a leading slash: both mean a path below the root.
`..` is refused even where it would stay inside: no firmware needs it, and every attack does.
"""

import os
import stat
from pathlib import Path

from pxe.errors import RefusalReason, RequestRefused, ServiceError
from pxe.plan import Resource

MAX_NAME = 1024  # bytes; below Linux's PATH_MAX


class FileRoot:
    """Resolves names below one folder."""

    def __init__(self, path: Path) -> None:
        """Raises ServiceError where `path` is no folder that we can read."""
        try:
            self.path = path.resolve(strict=True)
        except (OSError, RuntimeError) as exc:
            raise ServiceError(f"{path}: {_why(exc)}; create the folder or name another") from exc
        if not self.path.is_dir():
            raise ServiceError(f"{path} is not a folder; name the folder that holds the files to serve")
        if not os.access(self.path, os.R_OK | os.X_OK):
            raise ServiceError(
                f"{path}: this user may not read the folder; chmod o+rx it or run as its owner"
            )

    def resolve(self, name: str) -> Resource:
        """Return the file of that name (`str` with surrogateescape for bytes that are no UTF-8).

        Symbolic links are followed as long as they end inside the root. Raises RequestRefused: NOT_FOUND
        (no such file, a folder) or FORBIDDEN (NUL, `..`, outside of the root, unreadable, a device).
        """
        relative = clean_name(name)
        try:
            target = (self.path / relative).resolve(strict=True)
            if not target.is_relative_to(self.path):
                raise RequestRefused(RefusalReason.FORBIDDEN, "a symbolic link that leads out of the root")
            mode = target.stat().st_mode
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise RequestRefused(RefusalReason.NOT_FOUND, "no such file") from exc
        except (OSError, RuntimeError, ValueError) as exc:  # RuntimeError: a loop of links
            raise RequestRefused(RefusalReason.FORBIDDEN, _why(exc)) from exc
        if stat.S_ISDIR(mode):  # U-Boot asks for `dtb/` where fdtfile is empty
            raise RequestRefused(RefusalReason.NOT_FOUND, "a folder, not a file")
        if not stat.S_ISREG(mode):
            raise RequestRefused(RefusalReason.FORBIDDEN, "not a regular file")
        if not os.access(target, os.R_OK):
            raise RequestRefused(RefusalReason.FORBIDDEN, "this user may not read the file")
        return Resource(name=name, path=target)


def clean_name(name: str) -> str:
    """Return `name` as a relative path. Raises RequestRefused where it can name no file of ours."""
    if "\0" in name:
        raise RequestRefused(RefusalReason.FORBIDDEN, "a NUL byte in the name")
    try:
        length = len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as exc:
        raise RequestRefused(RefusalReason.FORBIDDEN, "a name that is no text") from exc
    if length > MAX_NAME:
        raise RequestRefused(RefusalReason.FORBIDDEN, f"a name of {length} bytes; {MAX_NAME} at most")
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        raise RequestRefused(RefusalReason.FORBIDDEN, "`..` in the name")
    if not parts:
        raise RequestRefused(RefusalReason.NOT_FOUND, "an empty name")
    return "/".join(parts)


def _why(exc: Exception) -> str:
    return (exc.strerror or str(exc)) if isinstance(exc, OSError) else str(exc)
