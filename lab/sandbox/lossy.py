"""The shim of a bad cable: like shim.py, but what it carries goes through an Impairment first.

Started as a script by the sandbox's init: `lossy.py PACKET_FD UNIX_FD QEMU_PATH loss=0.2 ...`. One process
and one loop for both directions: it has to look at the clock anyway, and a bad cable need not be fast.
"""

import select
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parent))  # started with -I: nothing else is on the path

from impairment import Impairment, Wire  # type: ignore[import-not-found]
from shim import FRAME, NOBODY, PACKET_OUTGOING, UNSENDABLE  # type: ignore[import-not-found]

_LONGEST = 60.0  # seconds that poll may wait: nothing depends on it


def carry(packet: socket.socket, unix: socket.socket, path: str, impairment: "Impairment") -> NoReturn:
    """Carry frames both ways for ever."""
    to_board, from_board = Wire(impairment, "to board"), Wire(impairment, "from board")
    poller = select.poll()
    poller.register(packet, select.POLLIN)
    poller.register(unix, select.POLLIN)
    while True:
        poller.poll(_wait_ms(to_board, from_board))
        for frame in _drain(packet):
            to_board.put(frame, time.monotonic())
        for frame in _drain(unix):
            from_board.put(frame, time.monotonic())
        now = time.monotonic()
        _send(to_board.take(now), lambda frame: unix.sendto(frame, path))
        _send(from_board.take(now), packet.send)


def _wait_ms(*wires: "Wire") -> float:
    times = [at for wire in wires if (at := wire.next_at()) is not None]
    return max(0.0, min([at - time.monotonic() for at in times], default=_LONGEST)) * 1000


def _drain(sock: socket.socket) -> list[bytes]:
    frames: list[bytes] = []
    while True:
        try:
            frame, address = sock.recvfrom(FRAME, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return frames
        except OSError as exc:
            if exc.errno not in UNSENDABLE:
                raise
            return frames
        ours = isinstance(address, tuple) and len(address) > 2 and address[2] == PACKET_OUTGOING
        if not ours:
            frames.append(frame)


def _send(frames: list[bytes], send: Callable[[bytes], object]) -> None:
    for frame in frames:
        try:
            send(frame)
        except OSError as exc:
            if exc.errno not in NOBODY + UNSENDABLE:
                raise


if __name__ == "__main__":
    packet_fd, unix_fd = (socket.socket(fileno=int(fd)) for fd in sys.argv[1:3])
    carry(packet_fd, unix_fd, sys.argv[3], Impairment.of_words(sys.argv[4:]))
