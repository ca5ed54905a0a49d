"""Files of the author's disk that a Butane file takes in: below one folder, and nothing else."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST = 32 << 20  # bytes of one file; a whole config that is served has at most 1 MiB


class Refused(ValueError):
    """A file that may not or cannot be taken in; the message says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is in a tree, at `path` in it: bytes, a link's target, or None for a folder."""

    path: str
    content: bytes | str | None
    program: bool = False


class Files:
    """What is below `folder`; None: nothing may be taken in."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = Path(os.path.abspath(folder)) if folder is not None else None

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises Refused: outside of the folder, not there, no file, too long."""
        return _content(self._inside(name), name)

    def tree(self, name: str) -> Iterator[Found]:
        """Yield a folder and what is in it, in the order of names. Links are not followed. Raises Refused."""
        root = self._inside(name)
        if not root.is_dir():
            raise Refused(f"{name} {'is no folder' if root.exists() else 'is not there'}")
        yield from self._walk(root, "")

    def _walk(self, folder: Path, below: str) -> Iterator[Found]:
        yield Found(below.rstrip("/"), None)
        try:
            names = sorted(os.listdir(folder))
        except OSError as exc:
            raise Refused(f"{folder}: {exc.strerror}") from None
        for name in names:
            path, inner = folder / name, f"{below}{name}"
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                yield from self._walk(path, f"{inner}/")
            elif stat.S_ISLNK(mode):
                yield Found(inner, os.readlink(path))
            elif stat.S_ISREG(mode):
                yield Found(inner, _content(path, inner), program=bool(mode & 0o111))
            else:
                raise Refused(f"{inner} is no file, folder or link; a tree has nothing else")

    def _inside(self, name: str) -> Path:
        if self._folder is None:
            raise Refused("files of this disk are below a folder that is named with -d (--files-dir)")
        if "\0" in name:
            raise Refused(f"{name!r} is no name of a file")
        # An absolute name is meant below the folder, as upstream's filepath.Join has it
        path = Path(os.path.normpath(f"{self._folder}/{name}"))
        real, top = Path(os.path.realpath(path)), Path(os.path.realpath(self._folder))
        if not path.is_relative_to(self._folder) or not real.is_relative_to(top):
            raise Refused(f"{name} leads outside of {self._folder}")
        return path


def _content(path: Path, name: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO must not hold us
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Refused(f"{name} is no file")
            content = file.read(_MOST + 1)
    except OSError as exc:
        raise Refused(f"{name}: {exc.strerror}") from None
    if len(content) > _MOST:
        raise Refused(f"{name} has more than {_MOST} bytes")
    return content
