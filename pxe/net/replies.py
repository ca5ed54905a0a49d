"""What other DHCP servers send on an interface: heard, never answered. Linux only.

A server's broadcasts go to port 68, where our sockets are not; so frames are taken off the wire. The
interface is made promiscuous: a switch that mirrors the server's port then shows its unicast replies, too.
"""

import ctypes
import logging
import socket
import struct
from collections.abc import Iterator
from typing import Final

from pxe.errors import WireError
from pxe.wire.dhcp4 import DhcpPacket, Op, decode
from pxe.wire.frame import decode_udp

_ETH_P_IP: Final = 0x0800
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1  # linux/if_packet.h
_SO_ATTACH_FILTER: Final = 26
_OUTGOING: Final = 4  # PACKET_OUTGOING: what we sent ourselves
_PORTS: Final = (67, 4011)  # a server's own
_AT_ONCE: Final = 512
_LONGEST: Final = 2048
_log = logging.getLogger(__name__)

# Classic BPF: IPv4, UDP, no later fragment, source port 67 or 4011.
_FILTER: Final = (
    (0x28, 0, 0, 12), (0x15, 0, 9, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 7, 17), (0x28, 0, 0, 20),
    (0x45, 5, 0, 0x1FFF), (0xB1, 0, 0, 14), (0x48, 0, 0, 14), (0x15, 1, 0, _PORTS[0]),
    (0x15, 0, 1, _PORTS[1]), (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0),
)  # fmt: skip


def listen_for_replies(interface: str) -> socket.socket | None:
    """Return a socket that hears servers' replies; None, with a line in the log, where there can be none."""
    try:
        return open_for_replies(interface)
    except PermissionError as exc:
        _log.warning(
            "no packet socket (%s): the other server's answers on %s are not seen; run as root or with "
            "CAP_NET_RAW",
            exc.strerror,
            interface,
        )
    except OSError as exc:
        _log.warning("%s: the other server's answers are not seen (%s)", interface, exc.strerror)
    return None


def open_for_replies(interface: str) -> socket.socket:
    """Return a non-blocking socket that hears servers' replies. Raises OSError (PermissionError without
    CAP_NET_RAW)."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # 0: nothing comes before the filter is in
    try:
        code = b"".join(struct.pack("=HBBI", *line) for line in _FILTER)
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("@HP", len(_FILTER), ctypes.addressof(buffer))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        sock.setblocking(False)
        sock.bind((interface, _ETH_P_IP))
        index = socket.if_nametoindex(interface)
        membership = struct.pack("iHH8s", index, _PACKET_MR_PROMISC, 0, b"")
        sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
    except OSError:
        sock.close()
        raise
    return sock


def read_replies(sock: socket.socket) -> Iterator[tuple[DhcpPacket, str]]:
    """Yield the replies that wait, each with the MAC of the frame's sender; what is no DHCP reply is passed
    over: it is not meant for us."""
    for _ in range(_AT_ONCE):
        try:
            frame, address = sock.recvfrom(_LONGEST)
        except OSError:  # nothing waits, or the interface went down
            return
        if address[2] == _OUTGOING:
            continue
        try:
            datagram = decode_udp(frame)
            packet = decode(datagram.data)
        except WireError:
            continue
        if packet.op == Op.REPLY and datagram.source[1] in _PORTS:
            yield packet, datagram.mac
