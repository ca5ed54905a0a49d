"""Who a node speaks to by itself: the packets of a capture that come from its MAC, by protocol and port."""

import struct
from collections import Counter

from pxe.explain.capture.files import Faults, frames
from pxe.explain.capture.link import ARP, IPV4, locate

_IPV6 = b"\x86\xdd"
_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 0: "ICMPv6"}
_PORTS = {
    9: "discard",
    53: "DNS",
    67: "DHCP",
    123: "NTP",
    547: "DHCPv6",
    80: "HTTP",
    443: "HTTPS",
    514: "syslog",
}


def spoken(data: bytes, mac: str) -> Counter[str]:
    """Count the frames that `mac` sent, by what they are: `ARP`, `UDP 123 (NTP)`, `TCP 443 (HTTPS)` ...

    Of TCP and UDP the port is the lower one of the two. Raises CaptureError where `data` is no capture.
    """
    found: Counter[str] = Counter()
    source = bytes.fromhex(mac.replace(":", ""))
    for _, _, link, at, size in frames(data, "the capture", Faults()):
        located = locate(link, data, at, at + size)
        if located is not None and located[2] == source:
            found[_name(data[located[1] : at + size], located[0])] += 1
    return found


def _name(packet: bytes, kind: bytes) -> str:
    if kind == ARP:
        return "ARP"
    if kind == IPV4 and len(packet) >= 20:
        return _transport(packet[9], packet[(packet[0] & 15) * 4 :])
    if kind == _IPV6 and len(packet) >= 40:
        return _transport(packet[6], packet[40:])
    return f"EtherType {kind.hex()}"


def _transport(protocol: int, segment: bytes) -> str:
    name = _PROTOCOLS.get(protocol, f"IP protocol {protocol}")
    if name not in ("TCP", "UDP") or len(segment) < 4:
        return name
    port = min(struct.unpack("!HH", segment[:4]))
    return f"{name} {port} ({_PORTS[port]})" if port in _PORTS else f"{name} {port}"
