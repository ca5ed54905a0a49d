"""Many datagrams in one system call: recvmmsg(2) and sendmmsg(2), which Python's socket module lacks.

Linux, IPv4. The interpreter lock is let go once for a batch and not for each datagram.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import Any, Final

from pxe.net.udp import IP_PKTINFO, PKTINFO

AT_ONCE: Final = 64
LONGEST: Final = 65536  # room for a datagram; of its memory only what is used gets pages
_NAME: Final = 16  # struct sockaddr_in: family, port, address, zeros
_FAMILY: Final = struct.pack("@H", socket.AF_INET)


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Mmsghdr(ctypes.Structure):
    _fields_ = (("header", _Msghdr), ("len", ctypes.c_uint))


class _Cmsghdr(ctypes.Structure):
    _fields_ = (("len", ctypes.c_size_t), ("level", ctypes.c_int), ("type", ctypes.c_int))


_libc = ctypes.CDLL(None, use_errno=True)


class _Batch:
    """AT_ONCE messages of one piece each, with room for LONGEST bytes and a peer's address."""

    def __init__(self) -> None:
        self.data = (ctypes.c_char * (AT_ONCE * LONGEST))()
        self.names = (ctypes.c_char * (AT_ONCE * _NAME))()
        self.pieces: Any = (_Iovec * AT_ONCE)()
        self.messages: Any = (_Mmsghdr * AT_ONCE)()
        for number, (piece, message) in enumerate(zip(self.pieces, self.messages, strict=True)):
            piece.base, piece.len = ctypes.addressof(self.data) + number * LONGEST, LONGEST
            message.header.name = ctypes.addressof(self.names) + number * _NAME
            message.header.namelen = _NAME
            message.header.iov, message.header.iovlen = ctypes.addressof(piece), 1

    def views(self) -> tuple[memoryview, memoryview]:
        """Data and addresses as bytes."""
        return memoryview(self.data).cast("B"), memoryview(self.names).cast("B")


class Receiver:
    """Takes datagrams from any socket of IPv4. For one thread."""

    def __init__(self) -> None:
        self._batch = _Batch()
        self._data, self._names = self._batch.views()

    def receive(self, sock: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
        """Return up to AT_ONCE datagrams that wait, each with its sender. Raises OSError."""
        count = _libc.recvmmsg(sock.fileno(), self._batch.messages, AT_ONCE, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            if number in (errno.EAGAIN, errno.EINTR):
                return []
            raise OSError(number, os.strerror(number))
        found, messages = [], self._batch.messages
        for at in range(count):
            start, name = at * LONGEST, bytes(self._names[at * _NAME : at * _NAME + 8])
            data = bytes(self._data[start : start + messages[at].len])
            found.append((data, (socket.inet_ntoa(name[4:]), name[2] << 8 | name[3])))
        return found


class Sender:
    """Sends datagrams out of our address `source`. For one thread."""

    def __init__(self, source: IPv4Address) -> None:
        self._batch = _Batch()
        self._data, self._names = self._batch.views()
        header = _Cmsghdr(socket.CMSG_LEN(PKTINFO.size), socket.IPPROTO_IP, IP_PKTINFO)
        info = bytes(header) + PKTINFO.pack(0, source.packed, bytes(4))
        self._control = ctypes.create_string_buffer(info, socket.CMSG_SPACE(PKTINFO.size))
        for message in self._batch.messages:
            message.header.control = ctypes.addressof(self._control)
            message.header.controllen = len(self._control)

    def send(
        self, sock: socket.socket, datagrams: Sequence[tuple[bytes, IPv4Address, int]]
    ) -> list[OSError | None]:
        """Send up to AT_ONCE datagrams of LONGEST bytes at most, each to an address and port; return what
        went wrong with each."""
        batch, count = self._batch, len(datagrams)
        for at, (data, ip, port) in enumerate(datagrams):
            start, size = at * LONGEST, len(data)
            self._data[start : start + size] = data
            self._names[at * _NAME : at * _NAME + 8] = _FAMILY + port.to_bytes(2) + ip.packed
            batch.pieces[at].len = size
        faults: list[OSError | None] = []
        size = ctypes.sizeof(_Mmsghdr)
        while len(faults) < count:
            left = ctypes.byref(batch.messages, len(faults) * size)
            sent = _libc.sendmmsg(sock.fileno(), left, count - len(faults), 0)
            if sent < 0:  # the first of those that are left; the others may go
                number = ctypes.get_errno()
                faults.append(OSError(number, os.strerror(number)))
            else:
                faults += [None] * sent
        return faults
