import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from lab.receivers.service import Settings, receiving

TOKEN = "correct horse"


@dataclass
class Receivers:
    """Running receivers: their ports, and what they wrote."""

    folder: Path
    events: int
    kernel: int
    siderolink: int

    def records(self, kind: str) -> list[dict[str, Any]]:
        path = self.folder / f"{kind}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def until(self, kind: str, count: int) -> list[dict[str, Any]]:
        """Wait for so many records."""
        deadline = monotonic() + 60
        while len(found := self.records(kind)) < count:
            assert monotonic() < deadline, found
            sleep(0.01)
        return found


@contextmanager
def running(folder: Path, lines: Path | None = None) -> Iterator[Receivers]:
    settings = Settings(
        address="127.0.0.1",
        server="127.0.0.1",
        folder=folder,
        events=0,
        kernel_log=0,
        siderolink=0,
        token=TOKEN,
        lines=lines,
    )
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(receiving(settings)) as said,
    ):
        yield Receivers(folder, *(int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", said)))


@pytest.fixture
def receivers(tmp_path: Path) -> Iterator[Receivers]:
    with running(tmp_path / "heard") as found:
        yield found


@pytest.fixture
def listening() -> Callable[[Path], AbstractContextManager[Receivers]]:
    """Start receivers that write to a folder."""
    return running
