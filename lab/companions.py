"""Programs that run beside the boot service and end with it: update servers, receivers of events."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from lab.errors import InfrastructureError
from pxe.supervisor import die_with

_log = logging.getLogger(__name__)
_DEATHS, _WITHIN_SECONDS, _END_SECONDS = 5, 30.0, 5.0


@dataclass(frozen=True, slots=True)
class Companion:
    """`python -m MODULE ARGUMENTS`. It binds its sockets, then prints one line, which is logged; where it
    cannot, it prints why on its standard error output and ends."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()


class _Running:
    """One companion, started again where it dies."""

    def __init__(self, companion: Companion) -> None:
        self._companion, self._ending = companion, False
        self._lock = threading.Lock()
        self._process = self._start()
        if not self._ready():
            self._process.communicate()
            raise InfrastructureError(f"{companion.name} did not start; the lines above say why")
        self._watcher = threading.Thread(target=self._watch, name=f"bootlab-{companion.name}", daemon=True)
        self._watcher.start()

    def end(self) -> None:
        """End it, and wait until it is gone."""
        with self._lock:
            self._ending = True
            self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join()

    def _start(self) -> "subprocess.Popen[bytes]":
        us, made = os.getpid(), self._companion
        # A session of its own: Ctrl-C is for us, and we end it
        return subprocess.Popen(
            [sys.executable, "-m", made.module, *made.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: die_with(us),
        )

    def _ready(self) -> bool:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode(errors="replace").strip()
        if line:
            _log.info("%s: %s", self._companion.name, line)
        return bool(line)

    def _watch(self) -> None:
        deaths: deque[float] = deque(maxlen=_DEATHS)
        while True:
            assert self._process.stdout is not None
            with self._process.stdout:  # nothing more is said there, but a full pipe would stop it
                while self._process.stdout.read(65536):
                    pass
            status = self._process.wait()
            deaths.append(monotonic())
            with self._lock:
                if self._ending:
                    return
                if len(deaths) == _DEATHS and deaths[-1] - deaths[0] < _WITHIN_SECONDS:
                    _log.error("%s ended %d times and is left alone", self._companion.name, _DEATHS)
                    return
                _log.error("%s ended with %d; it is started again", self._companion.name, status)
                self._process = self._start()
            self._ready()


@contextlib.contextmanager
def beside(companions: Sequence[Companion]) -> Iterator[None]:
    """Run them meanwhile. Raises InfrastructureError where one does not start; the others are ended then."""
    with contextlib.ExitStack() as stack:
        for companion in companions:
            stack.callback(_Running(companion).end)
        yield
