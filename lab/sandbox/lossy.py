"""The shim of a bad cable: like shim.py, but with an Impairment or a ServerFault on the way.

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
    from lab.sandbox.serverfault import FaultyWire, ServerFault
    from lab.sandbox.shim import FRAME, NOBODY, PACKET_OUTGOING, UNSENDABLE
else:
    sys.path.insert(0, str(Path(__file__).parent))  # started with -I: nothing else is on the path
    from impairment import Impairment, Wire
    from serverfault import FaultyWire, ServerFault
    from shim import FRAME, NOBODY, PACKET_OUTGOING, UNSENDABLE


AnyWire = Wire | FaultyWire


def wires_of(fault: Impairment | ServerFault) -> tuple[AnyWire, AnyWire]:
    """Return both directions of a cable: to the board, and from it. A server's fault is in the first."""
    if isinstance(fault, ServerFault):
        return FaultyWire(fault), Wire(Impairment(), "from board")
    return Wire(fault, "to board"), Wire(fault, "from board")


def fault_of_words(words: list[str]) -> Impairment | ServerFault:
    """Return what either `to_words` wrote. Raises ValueError."""
    server = any(word.startswith("fault=") for word in words)
    return ServerFault.of_words(words) if server else Impairment.of_words(words)


def carry(source: socket.socket, send: Callable[[bytes], object], wire: AnyWire) -> NoReturn:
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
    path, (to_board, from_board) = sys.argv[3], wires_of(fault_of_words(sys.argv[4:]))
    if os.fork() == 0:
        carry(unix, packet.send, from_board)
    carry(packet, lambda frame: unix.sendto(frame, path), to_board)


if __name__ == "__main__":
    main()
