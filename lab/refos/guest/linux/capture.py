"""Capturing frames with AF_PACKET, filtered in the kernel by a classic BPF program."""

import asyncio
import ctypes
import socket
import struct
import time
from collections.abc import AsyncIterator, Sequence

from lab.refos.guest.model import BpfInstruction, Packet, PlatformError

_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
_BUFFER = 1 << 20  # bytes that wait for a slow reader; what comes then is lost, as with any capture
_FRAME = 1 << 16
_BURST = 64  # frames taken before others have their turn


def program_bytes(program: Sequence[BpfInstruction]) -> bytes:
    """Return the array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", one.op, one.jt, one.jf, one.k) for one in program)


def open_socket(interface: str, program: Sequence[BpfInstruction], *, promiscuous: bool) -> socket.socket:
    """Return a bound socket. Raises PlatformError: no such interface, a program that the kernel refuses."""
    packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        packet.setblocking(False)
        packet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if program:
            code = ctypes.create_string_buffer(program_bytes(program))
            pointer = struct.pack("HL", len(program), ctypes.addressof(code))
            packet.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)
        index = socket.if_nametoindex(interface)
        packet.bind((interface, _ETH_P_ALL))
        if promiscuous:
            request = struct.pack("iHH8s", index, _PACKET_MR_PROMISC, 0, b"")
            packet.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
    except OSError as error:
        packet.close()
        raise PlatformError(f"{interface}: {error.strerror or error}") from None
    return packet


async def frames(
    interface: str, *, promiscuous: bool, snap_len: int, program: Sequence[BpfInstruction]
) -> AsyncIterator[Packet]:
    """Yield frames until closed."""
    packet = open_socket(interface, program, promiscuous=promiscuous)
    loop = asyncio.get_running_loop()
    try:
        while True:
            data = await loop.sock_recv(packet, _FRAME)
            for _ in range(_BURST):
                yield Packet(time.time(), data[:snap_len], len(data))
                try:
                    data = packet.recv(_FRAME)
                except BlockingIOError:
                    break
            else:
                await asyncio.sleep(0)
    except OSError as error:
        raise PlatformError(f"{interface}: {error.strerror}") from None
    finally:
        packet.close()
