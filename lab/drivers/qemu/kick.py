"""Frames for a board whose driver never asks QEMU for them.

U-Boot's virtio-net driver (2023.01) gives QEMU 32 receive buffers, puts each back once it has read it, and
does not tell QEMU, as virtio wants ("Notifying The Device"). Where QEMU found none free, because 32 frames
came while U-Boot was not looking, it waits to be told: the board hears nothing until it is reset. `set_link`
makes QEMU look at the buffers again; of a link that is up already the board notices nothing.
"""

import contextlib
import json
import socket
import threading

from lab.drivers.qemu.options import NETDEV

_KICK = json.dumps({"execute": "set_link", "arguments": {"name": NETDEV, "up": True}}).encode() + b"\n"
_SECONDS = 0.1  # 32 frames each time, and in time for every client's next repetition
_READ_SIZE = 1 << 16


class Kicker:
    """Has QEMU look for free buffers again and again, until it ends. `monitor`: a QMP session of its own,
    past its greeting and in command mode."""

    def __init__(self, monitor: socket.socket) -> None:
        monitor.setblocking(True)  # who greeted may have had it otherwise, and that is shared
        self._monitor = monitor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kicker", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return once it has ended; QEMU has."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with self._monitor, contextlib.suppress(OSError):
            while not self._stop.wait(_SECONDS):
                self._monitor.sendall(_KICK)
                if not self._monitor.recv(_READ_SIZE):  # its answer, and what events there were
                    return
