"""Frames to where they belong: DHCP, TFTP, HTTP, ARP, ICMP. All else is passed over as early as possible."""

from typing import Final

from pxe.boot.classify import Client, classify
from pxe.errors import WireError
from pxe.explain.capture.files import Buffer, Frame
from pxe.explain.capture.fragments import Fragments
from pxe.explain.capture.http import HttpTracker
from pxe.explain.capture.link import ARP, IPV4, locate
from pxe.explain.capture.tftp import TftpTracker, address
from pxe.explain.evidence import Arp, Dhcp, Malformed, Unreachable
from pxe.wire.dhcp4 import DhcpPacket, Op, decode

_ICMP, _TCP, _UDP = 1, 6, 17
_TFTP_PORT: Final = b"\0\x45"
DHCP_PORTS: Final = (b"\0\x43", b"\0\x44", b"\x0f\xab")  # 67, 68, 4011
_KEEP: Final = 400  # DHCP messages of one machine: of more, those in the middle go
_MAX_MACHINES: Final = 20_000
_CHADDR: Final = 28
_SERVER: Final = Client(mac="")


class Sorter:
    """What a capture holds, sorted."""

    def __init__(self) -> None:
        self.dhcp: dict[str, list[Dhcp]] = {}  # by chaddr
        self.malformed: list[tuple[str, Malformed]] = []
        self.tftp, self.http, self.fragments = TftpTracker(), HttpTracker(), Fragments()
        self.arp: dict[tuple[str, str], Arp] = {}  # IP, MAC -> when first
        self.unreachable: list[Unreachable] = []
        self.http_ports: set[bytes] = {b"\0\x50"}
        self.servers: dict[str, int] = {}

    def take(self, data: Buffer, frame: Frame) -> None:
        """Sort one frame of the file `data` in."""
        number, t_ns, link, at, kept = frame
        end = at + kept
        where = locate(link, data, at, end)
        if where is None:
            return
        kind, at, source_mac, target_mac = where
        if kind == IPV4:
            self._ip(number, t_ns, data[at:end], source_mac, target_mac)
        elif kind == ARP:
            self._arp(number, t_ns, data[at:end])

    def end(self, t_ns: int) -> None:
        """The capture is over."""
        self.fragments.end()
        for (source, target, _, protocol), start in self.fragments.lost:
            if protocol == _UDP and len(start) >= 4:
                flow = self.tftp.flows.get(target + start[2:4]) or self.tftp.flows.get(source + start[:2])
                if flow is not None:
                    flow.transfer.fragments_lost += 1
        self.tftp.end(t_ns)
        self.http.end(t_ns)

    def _ip(self, number: int, t_ns: int, packet: bytes, source_mac: bytes, target_mac: bytes) -> None:
        if len(packet) < 20 or packet[0] >> 4 != 4:
            return
        head, protocol = (packet[0] & 15) * 4, packet[9]
        total = int.from_bytes(packet[2:4]) or len(packet)  # 0: segmentation by the card, seen before it
        length = total - head
        payload = packet[head:total]
        if length < 8 or head < 20:
            return
        pieces = int.from_bytes(packet[6:8])
        if pieces & 0x3FFF:
            key = (packet[12:16], packet[16:20], packet[4:6], protocol)
            offset, more = (pieces & 0x1FFF) * 8, bool(pieces & 0x2000)
            joined = self.fragments.add(key, t_ns, offset, more, payload, length)
            if joined is None:
                return
            payload, length = joined
        if protocol == _UDP:
            macs = source_mac, target_mac
            self._udp(number, t_ns, packet[12:16], packet[16:20], macs, payload, length)
        elif protocol == _TCP:
            self._tcp(number, t_ns, packet[12:16], packet[16:20], source_mac, payload, length)
        elif protocol == _ICMP and payload[:1] == b"\x03":
            self._icmp(number, t_ns, packet[12:16], payload)

    def _udp(self, number: int, t_ns: int, source: bytes, target: bytes, macs: tuple[bytes, bytes],
             datagram: bytes, length: int) -> None:  # fmt: skip
        sport, dport = datagram[:2], datagram[2:4]
        flows = self.tftp.flows
        flow = flows.get(target + dport)
        if flow is not None and dport not in DHCP_PORTS:
            self.tftp.packet(flow, down=True, source=source + sport, t_ns=t_ns, frame=number,
                             payload=datagram[8:], length=length - 8)  # fmt: skip
        elif dport == _TFTP_PORT:
            self.tftp.request(source + sport, macs[0], address(target), t_ns, number, datagram[8:])
        elif dport in DHCP_PORTS or sport in DHCP_PORTS:
            self._dhcp(number, t_ns, source, target, macs, datagram)
        elif (flow := flows.get(source + sport)) is not None:
            self.tftp.packet(flow, down=False, source=source + sport, t_ns=t_ns, frame=number,
                             payload=datagram[8:], length=length - 8)  # fmt: skip

    def _tcp(self, number: int, t_ns: int, source: bytes, target: bytes, mac: bytes,
             segment: bytes, length: int) -> None:  # fmt: skip
        if len(segment) < 20:
            return
        sport, dport, head = segment[:2], segment[2:4], (segment[12] >> 4) * 4
        if dport in self.http_ports:
            key = source + sport + target + dport
            window = int.from_bytes(segment[14:16])
            self.http.up(key, mac, t_ns, number, segment[13], segment[head:], window)
        elif sport in self.http_ports:
            key = target + dport + source + sport
            sequence = int.from_bytes(segment[4:8])
            self.http.down(key, t_ns, number, segment[13], sequence, segment[head:], length - head)

    def _dhcp(self, number: int, t_ns: int, source: bytes, target: bytes, macs: tuple[bytes, bytes],
              datagram: bytes) -> None:  # fmt: skip
        payload = datagram[8:]
        try:
            packet = decode(payload)
        except WireError as exc:
            if len(payload) > _CHADDR + 6 and payload[0] == Op.REPLY and len(self.malformed) < _KEEP:
                mac = payload[_CHADDR : _CHADDR + 6].hex(":")
                fault = Malformed(t_ns=t_ns, frame=number, source=address(source), reason=str(exc))
                self.malformed.append((mac, fault))
            return
        client = _SERVER if packet.op == Op.REPLY else classify(packet)
        seen = Dhcp(
            t_ns=t_ns, frame=number, packet=packet, size=len(payload), firmware=client.firmware,
            arch=client.arch, source=address(source), sport=int.from_bytes(datagram[:2]),
            destination=address(target), dport=int.from_bytes(datagram[2:4]),
            source_mac=macs[0].hex(":"), destination_mac=macs[1].hex(":"),
        )  # fmt: skip
        self._keep(packet.mac, seen)

    def _keep(self, mac: str, seen: Dhcp) -> None:
        known = self.dhcp.get(mac)
        if known is None:
            if len(self.dhcp) >= _MAX_MACHINES:
                return
            known = self.dhcp[mac] = []
        known.append(seen)
        if len(known) > _KEEP:
            del known[_KEEP // 4 : _KEEP // 2]
        if seen.from_server:
            self.servers[seen.server] = self.servers.get(seen.server, 0) + 1
            self._learn_port(seen.packet, seen.bootfile)

    def _learn_port(self, packet: DhcpPacket, bootfile: str) -> None:
        """A URL may name a port of its own: HTTP is there, too."""
        if not bootfile.startswith("http://"):
            return
        port = bootfile[7:].partition("/")[0].rpartition(":")[2]
        if port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536:
            self.http_ports.add(int(port).to_bytes(2))

    def _arp(self, number: int, t_ns: int, packet: bytes) -> None:
        """Replies, and requests by which a machine announces itself (RFC 5227 section 3)."""
        if len(packet) < 28 or packet[4:6] != b"\x06\x04":
            return
        ip, mac = packet[14:18], packet[8:14]
        announces = packet[6:8] == b"\0\x02" or ip == packet[24:28]
        if announces and any(ip):
            key = address(ip), mac.hex(":")
            if key not in self.arp and len(self.arp) < _MAX_MACHINES:
                self.arp[key] = Arp(t_ns=t_ns, frame=number, ip=key[0], mac=key[1])

    def _icmp(self, number: int, t_ns: int, reporter: bytes, payload: bytes) -> None:
        quoted = payload[8:]
        head = (quoted[0] & 15) * 4 if quoted else 0
        if len(quoted) < head + 4 or head < 20 or quoted[9] not in (_UDP, _TCP):
            return
        if len(self.unreachable) < _MAX_MACHINES:
            self.unreachable.append(
                Unreachable(
                    t_ns=t_ns,
                    frame=number,
                    reporter=address(reporter),
                    code=payload[1],
                    source=address(quoted[12:16]),
                    sport=int.from_bytes(quoted[head : head + 2]),
                    destination=address(quoted[16:20]),
                    dport=int.from_bytes(quoted[head + 2 : head + 4]),
                )
            )
