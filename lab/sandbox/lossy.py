"""The shim of a bad cable: like shim.py, but what it carries goes through an Impairment first.

Started as a script by the sandbox's init: `lossy.py PACKET_FD UNIX_FD QEMU_PATH loss=0.2 ...`. One process
each way, as in shim.py: where the board's queue is full, the frames from it must still be taken. As a module
it gives `carry` to clients that have a network interface and no QEMU.
"""

import os
import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING or __package__:
    from lab.sandbox.impairment import Impairment, Wire
    from lab.sandbox.shim import FRAME, NOBODY, PACKET_OUTGOING, UNSENDABLE
else:
    sys.path.insert(0, str(Path(__file__).parent))  # started with -I: nothing else is on the path
    from impairment import Impairment, Wire
    from shim import FRAME, NOBODY, PACKET_OUTGOING, UNSENDABLE


def carry(source: socket.socket, send: Callable[[bytes], object], wire: Wire) -> NoReturn:
    """Carry frames one way for ever."""
    poller = select.poll()
    poller.register(source, select.POLLIN)
    while True:
        at = wire.next_at()
        # Rounded up: poll would round down, and spin until the time has come.
        wait = None if at is None else max(0, int((at - time.monotonic()) * 1000) + 1)
        poller.poll(wait)
        for frame in _drain(source):
            wire.put(frame, time.monotonic())
        for frame in wire.take(time.monotonic()):
            try:
                send(frame)
            except OSError as exc:
                if exc.errno not in NOBODY + UNSENDABLE:
                    raise


def _drain(source: socket.socket) -> list[bytes]:
    frames: list[bytes] = []
    while True:
        try:
            frame, address = source.recvfrom(FRAME, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return frames
        if source.family != socket.AF_PACKET or address[2] != PACKET_OUTGOING:
            frames.append(frame)


def main() -> NoReturn:
    """Fork once and carry frames for ever; the end of the sandbox ends both processes."""
    packet, unix = (socket.socket(fileno=int(fd)) for fd in sys.argv[1:3])
    path, impairment = sys.argv[3], Impairment.of_words(sys.argv[4:])
    if os.fork() == 0:
        carry(unix, packet.send, Wire(impairment, "from board"))
    carry(packet, lambda frame: unix.sendto(frame, path), Wire(impairment, "to board"))


if __name__ == "__main__":
    main()
