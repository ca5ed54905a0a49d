"""A hostile campaign against real hardware: only where its place says so, and nobody else is on its wire."""

import contextlib
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Interface

from lab.config import Site
from lab.errors import InfrastructureError, UsageError
from lab.hostile.rig import Rig
from lab.model import Place
from lab.session import LabSession
from pxe.wire.frame import arp_probe

LISTEN_SECONDS = 5.0
_WIDEST = 22  # prefix of the largest network that is asked through, 1022 addresses
_ALL_FRAMES = 0x0003  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING
_BRIDGES = bytes.fromhex("0180c20000")  # a switch's own talk (STP, LLDP): no host


@contextlib.contextmanager
def wired(session: LabSession, site: Site, place: Place) -> Iterator[Rig]:
    """The rig of a real place. Raises UsageError where the site file does not allow it, InfrastructureError
    where another host is on the network."""
    if not place.hostile:
        raise UsageError(
            f"place {place.name} is real hardware: say `hostile: true` at it in the site file, "
            "if it is alone with this host on a network of its own"
        )
    link = next(iter(site.service.dhcp), None)
    if link is None:
        raise UsageError("the site file has no service.dhcp, so no interface with an address of ours to use")
    strangers = others(link.interface, link.address, place.mac)
    if strangers:
        raise InfrastructureError(
            f"{link.interface} is not the place's alone: heard {', '.join(sorted(strangers))}. Nothing "
            "was sent to the board; give it a cable or a VLAN of its own"
        )
    taken = {link.ip, link.address.network.network_address}
    client = next(a for a in link.address.network.hosts() if a not in taken)
    with Rig(session, place.name, link.interface, link.ip, client) as rig:
        yield rig


def others(interface: str, own: IPv4Interface, mac: str, seconds: float = LISTEN_SECONDS) -> set[str]:
    """The MACs on `interface` besides our own and the board's: asks every address by ARP, and listens.

    Raises UsageError for a network too wide to ask through, InfrastructureError: no such interface, no right.
    """
    if own.network.prefixlen < _WIDEST:
        raise UsageError(f"{own.network} is too wide to be sure that nobody is on it: /{_WIDEST} at most")
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL_FRAMES)) as sock:
            sock.bind((interface, _ALL_FRAMES))
            ours = sock.getsockname()[4]
            for address in own.network.hosts():
                if address != own.ip:
                    sock.send(arp_probe(ours, address))
            return _heard(sock, seconds) - {ours.hex(":"), mac}
    except OSError as exc:
        raise InfrastructureError(f"cannot listen on {interface}: {exc.strerror}; it takes root") from exc


def _heard(sock: socket.socket, seconds: float) -> set[str]:
    heard: set[str] = set()
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            frame, (_, _, direction, _, _) = sock.recvfrom(64)
        except TimeoutError:
            break
        if direction != _OUTGOING and not frame.startswith(_BRIDGES):
            heard.add(frame[6:12].hex(":"))
    return heard
