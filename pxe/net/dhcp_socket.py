"""The DHCP server's socket: bound to one interface, sends broadcasts out of it and from our own address.

Linux only.
"""

import contextlib
import errno
import logging
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.reply import Destination
from pxe.errors import ServiceError
from pxe.net.dhcp_probe import open_ping
from pxe.net.replies import listen_for_replies
from pxe.net.udp import enlarge
from pxe.settings import DhcpMode, DhcpSettings
from pxe.wire.dhcp4 import ETHERNET
from pxe.wire.frame import ETHERTYPE_ARP, udp_frame

_RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # a rack that is switched on at once asks in one burst
_MAC_SIZE: Final = 6
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DhcpSockets:
    """What one interface is served with.

    `server` is bound to port 67, `binl` to 4011. `frames` sends whole frames and hears ARP; None where the
    kernel gives us no packet socket (no CAP_NET_RAW, no Ethernet): replies are broadcast then, and nothing
    is probed by ARP. `mac` is the interface's. `ping` asks behind relays. `replies` hears what other servers
    send, in shadow mode alone.
    """

    server: socket.socket
    binl: socket.socket | None = None
    frames: socket.socket | None = None
    mac: bytes = b""
    replies: socket.socket | None = None
    ping: socket.socket | None = None

    def close(self) -> None:
        """Close them."""
        for sock in (self.server, self.binl, self.frames, self.replies, self.ping):
            if sock is not None:
                sock.close()


def bind_dhcp(settings: DhcpSettings) -> DhcpSockets:
    """Return the sockets of an interface, bound to it alone.

    The address is 0.0.0.0 because clients without an address broadcast. Raises ServiceError that says what to
    do: no such interface, not our address, port in use, no right.
    """
    _check_address(settings)
    with contextlib.ExitStack() as undo:
        server = undo.enter_context(_bind(settings, settings.port))
        binl = undo.enter_context(_bind(settings, settings.proxy_port))
        frames, mac = _packet_socket(settings.interface)
        replies = listen_for_replies(settings.interface) if settings.mode is DhcpMode.SHADOW else None
        undo.pop_all()
    afar = any(subnet is not settings.own for subnet in settings.subnets)
    ping = open_ping(settings.ip) if afar and settings.probe and settings.mode is DhcpMode.SERVER else None
    return DhcpSockets(server, binl, frames, mac, replies, ping)


def _bind(settings: DhcpSettings, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        # No SO_REUSEADDR: with it, two servers would share the port and each get half of the packets.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, settings.interface.encode() + b"\0")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setblocking(False)
        enlarge(sock, _RECEIVE_BUFFER)
        sock.bind(("", port))
    except OSError as exc:
        sock.close()
        raise ServiceError(_fault(settings, port, exc)) from exc
    return sock


def _packet_socket(interface: str) -> tuple[socket.socket | None, bytes]:
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_ARP))
    except OSError as exc:
        _log.info("no packet socket (%s): DHCP replies on %s are broadcast", exc.strerror, interface)
        return None, b""
    try:
        sock.setblocking(False)
        sock.bind((interface, ETHERTYPE_ARP))
        _name, _protocol, _type, hardware, mac = sock.getsockname()
    except OSError:
        hardware, mac = 0, b""
    if hardware != ETHERNET:  # a loopback or a tunnel: it has no frames
        sock.close()
        return None, b""
    return sock, mac


def send_frame(
    sockets: DhcpSockets, sock: socket.socket, data: bytes, to: Destination, source: IPv4Address
) -> bool:
    """Send `data` to the MAC of `to` alone, from our address `source` and the port of `sock`; return False
    where it must be broadcast instead: no packet socket, or no room."""
    if sockets.frames is None or len(to.mac) != _MAC_SIZE:
        return False
    port = sock.getsockname()[1]
    frame = udp_frame(data, source=(sockets.mac, source, port), to=(to.mac, to.ip, to.port))
    try:
        sockets.frames.send(frame)
    except OSError as exc:  # longer than the MTU, or the queue is full: the broadcast may still go
        _log.debug("no frame to %s: %s", to.mac.hex(":"), exc)
        return False
    return True


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


def _fault(settings: DhcpSettings, port: int, exc: OSError) -> str:
    where = f"cannot serve DHCP on {settings.interface}, port {port}"
    match exc.errno:
        case errno.ENODEV:
            names = ", ".join(name for _, name in socket.if_nameindex())
            return f"{where}: there is no such interface; this host has {names}"
        case errno.EADDRINUSE:
            return (
                f"{where}: another program has the port; `ss -lunp 'sport = :{port}'` names it "
                "(often dnsmasq, isc-dhcp-server or systemd-networkd). Stop it, or serve another interface"
            )
        case errno.EACCES | errno.EPERM:
            return (
                f"{where}: not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE, "
                "kernels before 5.7 also CAP_NET_RAW. Run it with sudo"
            )
        case _:
            return f"{where}: {exc.strerror}"
