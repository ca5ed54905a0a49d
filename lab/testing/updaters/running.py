"""The update servers as a process of their own, which may be killed at any moment."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class Running:
    """`python -m lab.updates FILE`, ready to answer; `url` says where. A context manager."""

    def __init__(self, file: Path) -> None:
        """Raises AssertionError, with what it said, where it does not start."""
        with (file.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lab.updates", str(file)], stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        found = re.search(r"on (\S+) port (\d+)", line)
        if found is None:
            self.process.communicate()
        assert found, f"{line!r}: {(file.parent / 'server.log').read_text()}"
        self.port = int(found[2])
        self.url = f"http://{found[1]}:{self.port}"

    def kill(self) -> None:
        """As a power cut would, for the process."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C would; returns the exit status."""
        self.process.terminate()
        return self.process.wait()

    def memory(self) -> int:
        """Bytes that it has in memory now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
