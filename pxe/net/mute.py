"""Have the kernel drop what some addresses send to a UDP socket, before it costs us anything.

A flood fills the socket's buffer faster than Python empties it, and would drive out the lines of all others.
"""

import ctypes
import socket
import struct
from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Final

MOST: Final = 64  # addresses; a jump of classic BPF reaches 255 instructions
_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_SOURCE: Final = 0xFFF00000 + 12  # SKF_NET_OFF: the IP header, whose source address is at byte 12
_ALL: Final = 0xFFFF


def mute(sock: socket.socket, senders: Collection[IPv4Address]) -> None:
    """Drop what `senders` (at most MOST of them count) send to `sock` from now on; none: drop nothing."""
    chosen = list(senders)[:MOST]
    if not chosen:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        except FileNotFoundError:  # there was none
            return
        return
    code = _program(chosen)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)


def _program(senders: list[IPv4Address]) -> bytes:
    count = len(senders)
    lines = [(_LOAD_WORD, 0, 0, _SOURCE)]
    lines += [(_JUMP_EQUAL, count - n, 0, int(address)) for n, address in enumerate(senders)]
    lines += [(_RETURN, 0, 0, _ALL), (_RETURN, 0, 0, 0)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
