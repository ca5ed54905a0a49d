"""Is there another DHCP or proxyDHCP server on the wire? Asked by a DISCOVER of our own.

The DISCOVER says who asks: option 61 is "bootlab-doctor", the MAC is a locally administered one that no card
has. Nothing is ever requested, so no server gives an address away; some reserve it for a minute. What scapy
sends and hears are whole frames, so neither our own service nor a firewall is in the way.
"""

import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.doctor.finding import Finding, fault, ok, unknown, warning
from lab.doctor.netlink import read_links
from lab.doctor.rounds import Patient
from pxe.net.replies import open_for_replies, read_replies
from pxe.settings import DhcpMode, DhcpSettings
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, encode

CLIENT_ID = b"\0bootlab-doctor"
_WANTED = bytes((1, 3, 6, 12, 15, 43, 51, 54, 60, 66, 67))
_PXE = b"PXEClient:Arch:00007:UNDI:003000"
_BROADCAST_FLAG = 0x8000


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers us; `mac` is of the frame that brought it. No address: a proxyDHCP's."""

    server: str
    mac: str
    address: str
    next_server: str
    bootfile: str
    is_pxe: bool

    def __str__(self) -> str:
        what = [f"offers {self.address}" if self.address else "proxyDHCP, offers no address"]
        if self.bootfile:
            what.append(f"boot file {self.bootfile!r} from {self.next_server or 'no next-server'}")
        return f"{self.server} ({self.mac}): {', '.join(what)}"


def discover(mac: bytes, xid: int) -> DhcpPacket:
    """Return our DISCOVER: that of a UEFI, so that proxyDHCP servers answer as well."""
    options = {
        int(Option.MESSAGE_TYPE): bytes((MessageType.DISCOVER,)),
        int(Option.CLIENT_ID): CLIENT_ID,
        int(Option.VENDOR_CLASS): _PXE,
        int(Option.CLIENT_ARCH): b"\0\x07",
        int(Option.CLIENT_NDI): b"\x01\x03\0",
        int(Option.CLIENT_UUID): b"\0" + b"bootlab-doctor\0\0",
        int(Option.PARAMETER_REQUEST_LIST): _WANTED,
    }
    return DhcpPacket(op=Op.REQUEST, xid=xid, flags=_BROADCAST_FLAG, chaddr=mac, options=options)


def offer_of(packet: DhcpPacket, mac: str, xid: int) -> Offer | None:
    """Return the offer in a reply to us, None where it holds none."""
    if packet.op != Op.REPLY or packet.xid != xid or packet.message_type is MessageType.NAK:
        return None
    name = packet.options.get(Option.BOOTFILE_NAME, packet.file).rstrip(b"\0")
    return Offer(
        server=str(packet.address(Option.SERVER_ID) or "a server without a name"),
        mac=mac,
        address=_shown(packet.yiaddr),
        next_server=_shown(packet.siaddr),
        bootfile=name.decode("utf-8", "replace"),
        is_pxe=packet.options.get(Option.VENDOR_CLASS, b"").startswith(b"PXEClient"),
    )


def _shown(ip: IPv4Address) -> str:
    return str(ip) if int(ip) else ""


def probe_servers(interface: str, seconds: float) -> list[Offer]:
    """Ask twice on `interface`, and return who answered. Raises OSError (PermissionError without
    CAP_NET_RAW)."""
    # scapy is slow to import and logs about routes that it misses: only where it is needed. It only sends:
    # its filter for what it hears needs libpcap, which a host that only serves does not have.
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    from scapy.sendrecv import sendp

    mac, xid = b"\x02\x62\x6c" + os.urandom(3), int.from_bytes(os.urandom(4))
    frame = (
        Ether(src=mac.hex(":"), dst="ff:ff:ff:ff:ff:ff")
        / IP(src="0.0.0.0", dst="255.255.255.255")
        / UDP(sport=68, dport=67)
        / encode(discover(mac, xid))
    )
    found: dict[tuple[str, str], Offer] = {}
    with open_for_replies(interface) as sock:
        for _ in range(2):
            sendp(frame, iface=interface, verbose=False)
            for packet, sender in _heard(sock, seconds / 2):
                offer = offer_of(packet, sender, xid)
                if offer is not None:
                    found[offer.server, offer.mac] = offer
    return list(found.values())


def _heard(sock: socket.socket, seconds: float) -> Iterator[tuple[DhcpPacket, str]]:
    """Yield the replies that come within `seconds`."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([sock], [], [], left)[0]:
            yield from read_replies(sock)


def check_servers(patient: Patient) -> Iterator[Finding]:
    """On each interface of the site file, and on no other."""
    links = read_links()
    for settings in patient.links:
        name = settings.interface
        if name not in links or not links[name].up:
            yield unknown(f"other DHCP servers on {name}: it is not there, or down")
            continue
        try:
            offers = probe_servers(name, patient.wait_seconds)
        except PermissionError:
            yield unknown(f"other DHCP servers on {name}: asking needs CAP_NET_RAW", "run doctor with sudo")
            continue
        except OSError as exc:
            yield unknown(f"other DHCP servers on {name}: {exc}")
            continue
        yield from judge_servers(settings, offers)


def judge_servers(settings: DhcpSettings, offers: list[Offer]) -> Iterator[Finding]:
    """By what we are to be there ourselves."""
    others = [offer for offer in offers if offer.server != str(settings.ip)]
    givers = [offer for offer in others if offer.address]
    proxies = [offer for offer in others if not offer.address]
    name, beside = settings.interface, settings.mode is not DhcpMode.SERVER
    for offer in givers if not beside else ():
        yield fault(
            f"another DHCP server answers on {name}: {offer}; machines take whichever offer comes first",
            "stop it, or say `mode: proxy` (or `mode: shadow`) in `dhcp` of the site file",
        )
    for offer in proxies:
        yield warning(
            f"another proxyDHCP answers on {name}: {offer}; firmware may take its file instead of ours",
            "stop it, or take this machine's or this network's PXE service away there",
        )
    if beside:
        for offer in givers:
            yield ok(f"{name}: the DHCP server beside us answers: {offer}")
            if offer.is_pxe:
                yield warning(
                    f"{name}: {offer.server} answers as a PXE server itself (option 60), which firmware may "
                    "prefer to a proxy",
                    "take its PXE service (dnsmasq: pxe-service, dhcp-option 60) away",
                )
        if not givers:
            yield fault(
                f"no DHCP server answers on {name}, and with `mode: {settings.mode}` we give no addresses",
                "start it, or say `mode: server` with a pool",
            )
    elif not others:
        yield ok(f"no other DHCP or proxyDHCP server answered on {name} (two DISCOVERs)")
