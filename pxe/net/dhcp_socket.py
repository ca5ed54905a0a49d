"""The DHCP server's socket: bound to one interface, sends broadcasts out of it and from our own address.

Linux only.
"""

import errno
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.reply import Destination
from pxe.errors import ServiceError
from pxe.net.udp import IP_PKTINFO, PKTINFO, enlarge
from pxe.settings import DhcpSettings

_RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # a rack that is switched on at once asks in one burst
_MAX_DATAGRAM: Final = 65535


@dataclass(frozen=True, slots=True)
class DhcpSockets:
    """What one interface is served with: the server's port, and the proxy's."""

    server: socket.socket

    def close(self) -> None:
        """Close them."""
        self.server.close()


def bind_dhcp(settings: DhcpSettings) -> DhcpSockets:
    """Return the sockets of an interface, bound to it alone.

    The address is 0.0.0.0 because clients without an address broadcast. Raises ServiceError that says what to
    do: no such interface, not our address, port in use, no right.
    """
    _check_address(settings)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # No SO_REUSEADDR: with it, two servers would share the port and each get half of the packets.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, settings.interface.encode() + b"\0")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        enlarge(sock, _RECEIVE_BUFFER)
        sock.bind(("", settings.port))
    except OSError as exc:
        sock.close()
        raise ServiceError(_fault(settings, exc)) from exc
    return DhcpSockets(sock)


def receive(sock: socket.socket) -> tuple[bytes, str] | None:
    """Return the next datagram and its sender as `address:port`; None where none waits. Raises OSError."""
    try:
        data, (host, port) = sock.recvfrom(_MAX_DATAGRAM, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    return data, f"{host}:{port}"


def send(sock: socket.socket, data: bytes, to: Destination, source: IPv4Address) -> None:
    """Send `data` from our address `source`, out of the socket's interface. Raises OSError."""
    info = PKTINFO.pack(0, source.packed, b"\0" * 4)
    sock.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, (str(to.ip), to.port))


def _check_address(settings: DhcpSettings) -> None:
    """Raise ServiceError where our address is on no interface: every answer would fail later."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(settings.address.ip), 0))
        except OSError as exc:
            raise ServiceError(
                f"cannot serve DHCP as {settings.address.ip}: no interface of this host has that address; "
                f"`ip address add {settings.address} dev {settings.interface}` gives it one"
            ) from exc


def _fault(settings: DhcpSettings, exc: OSError) -> str:
    where = f"cannot serve DHCP on {settings.interface}, port {settings.port}"
    match exc.errno:
        case errno.ENODEV:
            names = ", ".join(name for _, name in socket.if_nameindex())
            return f"{where}: there is no such interface; this host has {names}"
        case errno.EADDRINUSE:
            return (
                f"{where}: another program has the port; `ss -lunp 'sport = :{settings.port}'` names it "
                "(often dnsmasq, isc-dhcp-server or systemd-networkd). Stop it, or serve another interface"
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"{where}: not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE, "
                "kernels before 5.7 also CAP_NET_RAW. Run it with sudo"
            )
        case _:
            return f"{where}: {exc.strerror}"
