"""Frames between an AF_PACKET socket and QEMU's `-netdev dgram`: the cable where there is no tap.

Started as a script of its own by the sandbox's init: `shim.py PACKET_FD UNIX_FD QEMU_PATH`. One process each
way, each blocked in one system call at a time: half the latency of one loop that asks which socket is ready.
"""

import errno
import os
import socket
import sys
from typing import NoReturn

FRAME = 65536
PACKET_OUTGOING = 4
# QEMU is off, or was just killed: a cable with nobody at its end loses frames.
NOBODY = (errno.ENOENT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)
UNSENDABLE = (errno.EMSGSIZE, errno.ENETDOWN, errno.ENOBUFS, errno.EINVAL)


def to_qemu(packet: socket.socket, unix: socket.socket, path: str) -> NoReturn:
    """Carry frames from the bridge to the board."""
    buffer = bytearray(FRAME)
    view = memoryview(buffer)
    while True:
        size, address = packet.recvfrom_into(buffer)
        if address[2] == PACKET_OUTGOING:
            continue  # what we sent ourselves, seen again
        try:
            unix.sendto(view[:size], path)
        except OSError as exc:
            if exc.errno not in NOBODY + UNSENDABLE:
                raise


def from_qemu(packet: socket.socket, unix: socket.socket) -> NoReturn:
    """Carry frames from the board to the bridge."""
    buffer = bytearray(FRAME)
    view = memoryview(buffer)
    while True:
        size = unix.recv_into(buffer)
        try:
            packet.send(view[:size])
        except OSError as exc:
            if exc.errno not in UNSENDABLE:
                raise


def main() -> NoReturn:
    """Fork once and carry frames for ever; the end of the sandbox ends both processes."""
    packet, unix = (socket.socket(fileno=int(fd)) for fd in sys.argv[1:3])
    if os.fork() == 0:
        from_qemu(packet, unix)
    to_qemu(packet, unix, sys.argv[3])


if __name__ == "__main__":
    main()
