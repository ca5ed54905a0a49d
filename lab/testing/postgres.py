"""A PostgreSQL server of Debian's package, unpacked into the lab's cache, on a Unix socket in a folder.

Its package starts a service, so it is not installed. The server refuses root: then it runs in a user
namespace in which root is called nobody (65534): initdb wants a user that has a name.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg

from lab.testing.debian import POSTGRES, file_of

_READY_SECONDS = 120.0
_OPTIONS = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "jit=off", "-c", "shared_buffers=16MB")


class Postgres:
    """A server with an empty database; `stop` and `start` as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        """Make the database in `folder`, whose path must be short: a Unix socket lies in it."""
        self.folder = folder
        self._bin = file_of(*POSTGRES).parent
        self._server: subprocess.Popen[bytes] | None = None
        made = [*_as_no_root(), str(self._bin / "initdb"), "-D", str(folder / "data"), "-U", "bootlab", "-N"]
        options = ["--auth=trust", "--locale=C", "--encoding=UTF8"]
        subprocess.run([*made, *options], check=True, capture_output=True, timeout=300, cwd=folder)

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"postgresql://bootlab@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start; returns when it answers. Raises RuntimeError with its log where it does not."""
        argv = [
            *_as_no_root(),
            str(self._bin / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
        ]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen([*argv, *_OPTIONS], stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((self.folder / "log").read_text(errors="replace"))
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(host=str(self.folder), user="bootlab", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it at once, connections or not; may be called twice."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(timeout=_READY_SECONDS)
            self._server = None


def _as_no_root() -> list[str]:
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []
