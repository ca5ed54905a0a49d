"""UDP sockets as a TFTP server needs them: which of our addresses a datagram hit, and answers from that one.

Linux only. Constants that Python 3.11's socket module lacks are from linux/in.h and asm-generic/socket.h.
"""

import contextlib
import errno
import resource
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pxe.errors import ServiceError

IP_PKTINFO: Final = 8
IP_MTU: Final = 14
SO_RCVBUFFORCE: Final = 33
LISTENER_BUFFER: Final = 4 * 1024 * 1024  # a rack that is switched on at once asks in one burst
TRANSFER_BUFFER: Final = 1024 * 1024
DEFAULT_MTU: Final = 1500
Address = tuple[str, int]

PKTINFO = struct.Struct("=i4s4s")  # in_pktinfo: interface index, source address, unused on sending
_CONTROL_SPACE: Final = socket.CMSG_SPACE(PKTINFO.size)


@dataclass(frozen=True, slots=True)
class Datagram:
    """A datagram at a listener: from whom, and at which of our addresses."""

    data: bytes
    peer: Address
    local: str


def bind_tftp(address: IPv4Address, port: int) -> socket.socket:
    """Return the listener of TFTP requests. Raises ServiceError that says what to do."""
    return bind_udp(address, port, "TFTP")


def bind_udp(address: IPv4Address, port: int, what: str) -> socket.socket:
    """Return the listener, bound and not blocking. Raises ServiceError that says what to do, for `what`."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        enlarge(sock, LISTENER_BUFFER)
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        sock.bind((str(address), port))
    except OSError as exc:
        sock.close()
        raise ServiceError(_bind_fault(what, address, port, exc)) from exc
    except OverflowError as exc:
        sock.close()
        raise ServiceError(f"{port} is not a UDP port: take one from 0 to 65535") from exc
    return sock


_OFTEN: Final = {
    "TFTP": " (often dnsmasq, tftpd-hpa, atftpd or inetd)",
    "syslog": " (often rsyslog or syslog-ng)",
}


def _bind_fault(what: str, address: IPv4Address, port: int, exc: OSError) -> str:
    where = f"cannot listen for {what} on {address}:{port}"
    match exc.errno:
        case errno.EADDRINUSE:
            return (
                f"{where}: another program has the port; `ss -lunp 'sport = :{port}'` names it"
                f"{_OFTEN.get(what, '')}. Stop it or take another port."
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"{where}: ports below 1024 need root or CAP_NET_BIND_SERVICE; run with sudo, or lower"
                " `sysctl net.ipv4.ip_unprivileged_port_start`, or take a port from 1024 on."
            )
        case errno.EADDRNOTAVAIL:
            return f"{where}: no interface has this address; `ip -4 addr` lists those there are."
        case _:
            return f"{where}: {exc.strerror}"


def enlarge(sock: socket.socket, size: int) -> None:
    """Give `sock` a receive buffer of `size` bytes, or as much of it as the host allows."""
    try:  # beyond net.core.rmem_max: for root only
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def receive(sock: socket.socket, size: int) -> Datagram | None:
    """Return the next datagram at a listener of `bind_udp`, None where there is none."""
    while True:
        try:
            data, control, _, peer = sock.recvmsg(size, _CONTROL_SPACE)
        except BlockingIOError:
            return None
        except OSError as exc:  # an ICMP error of an earlier answer: not about this datagram
            if exc.errno in (errno.EBADF, errno.ENOTSOCK):
                raise
            continue
        local = sock.getsockname()[0]
        for level, kind, info in control:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                local = socket.inet_ntoa(PKTINFO.unpack(info)[1])
        return Datagram(data, peer, local)


def answer(sock: socket.socket, data: bytes, request: Datagram) -> None:
    """Send `data` from the listener to whom `request` came from, out of the address that it hit.

    A full buffer or an unreachable client is as good as a datagram lost on the way.
    """
    with contextlib.suppress(OSError):
        sock.sendmsg([data], [source(request.local)], 0, request.peer)


def source(local: str) -> tuple[int, int, bytes]:
    """Return the control message that sends a datagram out of our address `local`."""
    return socket.IPPROTO_IP, IP_PKTINFO, PKTINFO.pack(0, socket.inet_aton(local), b"\0" * 4)


def connect(local: str, peer: Address, port: int = 0) -> socket.socket:
    """Return a socket on `port` of `local` (0: any free one) that takes and sends only `peer`'s.

    Raises OSError.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TRANSFER_BUFFER)
        sock.bind((local, port))
        sock.connect(peer)
    except OSError:
        sock.close()
        raise
    return sock


def guard(sock: socket.socket) -> socket.socket | None:
    """Return a second socket on the port of `sock`, which gets what strangers send there.

    The kernel prefers the connected socket for its peer. Without a guard it answers strangers by ICMP; so
    where no file descriptor is left, None will do.
    """
    twin = None
    try:
        # Both need the flag while the second binds; not a moment longer, or others could join the port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        twin = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        twin.setblocking(False)
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        twin.bind(sock.getsockname())
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except OSError:
        if twin is not None:
            twin.close()
        twin = None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return twin


def path_mtu(sock: socket.socket) -> int:
    """Return the MTU towards the peer of a connected socket, in bytes."""
    try:
        return sock.getsockopt(socket.IPPROTO_IP, IP_MTU)
    except OSError:
        return DEFAULT_MTU


def raise_fd_limit(wanted: int) -> None:
    """Raise this process's soft limit of open files to `wanted`, as far as its hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < ceiling:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
