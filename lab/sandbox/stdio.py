"""The three standard streams of a process elsewhere, given as subprocess.Popen takes them."""

import os
import subprocess
from types import TracebackType
from typing import IO, BinaryIO, Self

StdioArgument = int | IO[bytes] | None


class Stdio:
    """`theirs` are the descriptors to hand over; what was made for that is closed on leaving the context."""

    def __init__(self, stdin: StdioArgument, stdout: StdioArgument, stderr: StdioArgument) -> None:
        self._made: list[int] = []
        self._ours: list[BinaryIO | None] = []
        self.theirs: list[int] = []
        for number, wanted in enumerate((stdin, stdout, stderr)):
            self.theirs.append(self._descriptor(number, wanted))

    def keep(self) -> tuple[BinaryIO | None, BinaryIO | None, BinaryIO | None]:
        """Return our ends of the pipes; they are the caller's from now on."""
        stdin, stdout, stderr = self._ours
        self._ours = []
        return stdin, stdout, stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._made:
            os.close(fd)
        for file in self._ours:
            if file is not None:
                file.close()

    def _descriptor(self, number: int, wanted: StdioArgument) -> int:
        if wanted == subprocess.PIPE:
            return self._pipe(number)
        self._ours.append(None)
        if wanted is None:
            return number
        if wanted == subprocess.STDOUT:
            return self.theirs[1]
        if wanted == subprocess.DEVNULL:
            self._made.append(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
            return self._made[-1]
        return wanted if isinstance(wanted, int) else wanted.fileno()

    def _pipe(self, number: int) -> int:
        read, write = os.pipe()
        ours, theirs = (write, read) if number == 0 else (read, write)
        self._made.append(theirs)
        self._ours.append(open(ours, "wb" if number == 0 else "rb"))  # noqa: SIM115 (handed to the caller)
        return theirs
