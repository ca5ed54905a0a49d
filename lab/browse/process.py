"""The boot service's end of the process that reads results: started when the page is opened or something is
asked, and again where it died.

Why a process: reading ten thousand boots takes seconds of a core, and the service's DHCP and TFTP would share
one interpreter with it (docs/adr/0014-results-in-the-page.md).
"""

import contextlib
import itertools
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from pxe.errors import ServiceError
from pxe.plan_store import Unknown

_log = logging.getLogger(__name__)
_ANSWER_SECONDS = 20.0
_END_SECONDS = 5.0
_AT_ONCE = 8  # each holds one of the service's threads, which machines need


class _Reader:
    """A running process, with what it was asked."""

    def __init__(self, argv: list[str], tell: Callable[[], None]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C is the service's business, and the socket's end is enough
            self._process = subprocess.Popen(
                argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )
        self._line, self._tell = ours, tell
        self._sending = threading.Lock()
        self._asked: dict[int, Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self.gone = False
        self._follower = threading.Thread(target=self._follow, name="bootlab-results", daemon=True)
        self._follower.start()

    def ask(self, question: str, given: dict[str, Any]) -> "Future[dict[str, Any]]":
        """Ask; the future fails with ConnectionError where the process ends first."""
        future: Future[dict[str, Any]] = Future()
        number = next(self._ids)
        data = json.dumps({"id": number, "ask": question, "given": given}).encode() + b"\n"
        with self._sending:
            self._asked[number] = future
            try:
                if self.gone:
                    raise ConnectionError
                self._line.sendall(data)
            except OSError:
                self._asked.pop(number, None)
                future.set_exception(ConnectionError("it has ended"))
        return future

    def close(self) -> None:
        """End it; it is gone when this returns."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._follower.join(_END_SECONDS)
        self._line.close()

    def _follow(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._line.makefile("rb") as lines:
            for line in lines:
                self._take(json.loads(line))
        with self._sending:
            self.gone = True
            left, self._asked = self._asked, {}
        for future in left.values():
            future.set_exception(ConnectionError("it has ended"))

    def _take(self, told: dict[str, Any]) -> None:
        if "changed" in told:
            self._tell()
            return
        with self._sending:
            future = self._asked.pop(told["id"], None)
        if future is not None:
            future.set_result(told)


class ResultsProcess:
    """What was measured below `folder` (pxe.web.results.Results). Thread-safe; nothing runs before `ask`.

    The index is kept in `state_dir`. `updates_file`: of the update servers, where the lab has some.
    """

    def __init__(self, folder: Path, state_dir: Path, updates_file: Path | None = None) -> None:
        self.folder = folder.absolute()
        index = state_dir.absolute() / "results-index.sqlite"
        more = [] if updates_file is None else [str(updates_file)]
        self._argv = [sys.executable, "-m", "lab.browse", str(self.folder), str(index), *more]
        self._reader: _Reader | None = None
        self._lock, self._room = threading.Lock(), threading.BoundedSemaphore(_AT_ONCE)
        self._version = 0
        self._closed = False

    def warm(self) -> None:
        """Start the process: it needs two seconds before it answers."""
        with contextlib.suppress(ServiceError):
            self._running()

    def version(self) -> int:
        """Goes up whenever something is new; never waits."""
        return self._version

    def ask(self, question: str, **given: Any) -> dict[str, Any]:
        """Return the answer. Raises Unknown where there is no such thing, ServiceError where none comes."""
        if not self._room.acquire(blocking=False):
            raise ServiceError("the results are asked for by too many at once; ask again in a moment")
        try:
            told = self._asked(question, given)
        finally:
            self._room.release()
        if "missing" in told:
            raise Unknown(told["missing"])
        if "trouble" in told:
            raise ServiceError(told["trouble"])
        found: dict[str, Any] = told["answer"]
        return found

    def close(self) -> None:
        """End the process, for good."""
        with self._lock:
            self._closed, reader, self._reader = True, self._reader, None
        if reader is not None:
            reader.close()

    def _asked(self, question: str, given: dict[str, Any]) -> dict[str, Any]:
        for _ in range(2):
            try:
                return self._running().ask(question, given).result(_ANSWER_SECONDS)
            except ConnectionError:
                _log.warning("the process that reads results has ended; it is started again")
            except TimeoutError:
                break
        raise ServiceError("the results cannot be read at the moment; ask again, and see the service's log")

    def _running(self) -> _Reader:
        with self._lock:
            if self._closed:
                raise ServiceError("the boot service is about to end")
            if self._reader is None or self._reader.gone:
                if self._reader is not None:
                    self._reader.close()
                self._reader = _Reader(self._argv, self._count)
            return self._reader

    def _count(self) -> None:
        self._version += 1
