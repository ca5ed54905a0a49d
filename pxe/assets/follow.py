"""Checks a file while it is still coming: a thread reads behind the download, on another core.

Else checking what came would wait for all of it, and take as long as a third of a download over a fast line.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Generic, Protocol, Self, TypeVar

from pxe.assets.store import storing

_CHUNK = 1 << 20


class Check(Protocol):
    """What is fed a file's bytes in their order, once."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def close(self) -> None:
        """No more comes; what was taken counts for nothing, or its result is had already."""


_Check = TypeVar("_Check", bound=Check)


class Follower(Generic[_Check]):
    """Sums up a file up to where it is told, and feeds it to what `also` makes. Use as a context manager; its
    thread ends with the block, and what `also` made is closed."""

    def __init__(self, path: Path, also: Callable[[], _Check] | None = None) -> None:
        self._path, self._also = path, also
        self.check = also() if also is not None else None
        self._changed = threading.Condition()
        self._upto, self._round, self._closed, self._last = 0, 0, False, False
        self._summed, self._at = hashlib.sha256(), 0
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="bootlab-sha256", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        if self.check is not None:
            self.check.close()

    def told(self, size: int) -> None:
        """The file has its first `size` bytes. Fewer than before: it is written anew."""
        with self._changed:
            if size < self._upto:
                self._round += 1
                self._summed, self._at, self._error = hashlib.sha256(), 0, None
                if self.check is not None and self._also is not None:
                    self.check.close()
                    self.check = self._also()
            self._upto = size
            if size - self._at >= _CHUNK:
                self._changed.notify()

    def sha256(self, size: int) -> str:
        """Return the checksum of the whole file, which has `size` bytes. Raises AssetError: no reading it."""
        self.told(size)
        with self._changed:
            self._last = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._at == size or self._error is not None)
            with storing(self._path):
                if self._error is not None:
                    raise self._error
            return self._summed.hexdigest()

    def _run(self) -> None:
        file: IO[bytes] | None = None
        seen = -1
        while (job := self._next()) is not None:
            turn, at, count = job
            try:
                if file is None or turn != seen:  # written anew may mean a new file of that name
                    if file is not None:
                        file.close()
                    file, seen = self._path.open("rb", buffering=0), turn
                file.seek(at)
                self._take(turn, file.read(count))
            except OSError as exc:
                self._failed(turn, exc)
        if file is not None:
            file.close()

    def _next(self) -> tuple[int, int, int] | None:
        """Wait for something to read: which writing of the file, from where, how much; None: no more."""
        with self._changed:
            self._changed.wait_for(self._wanted)
            return None if self._closed else (self._round, self._at, min(_CHUNK, self._upto - self._at))

    def _failed(self, turn: int, exc: OSError) -> None:
        """It counts for this writing of the file alone: what is written anew is another file."""
        with self._changed:
            if turn == self._round:
                self._error = exc
                self._changed.notify_all()

    def _wanted(self) -> bool:
        left = self._upto - self._at
        behind = left >= _CHUNK or (self._last and left > 0)
        return self._closed or (behind and self._error is None)

    def _take(self, turn: int, data: bytes) -> None:
        with self._changed:
            if turn != self._round:
                return
            summed, check = self._summed, self.check
        if not data:
            raise OSError(0, "is shorter than what was written")
        summed.update(data)
        if check is not None:
            check.update(data)
        with self._changed:
            if turn == self._round:
                self._at += len(data)
                self._changed.notify_all()
