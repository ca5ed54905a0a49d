"""One machine's netboot as packets, step by step. scapy encodes them: our reader meets another's bytes."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from pxe.explain import Evidence
from pxe.explain.capture import read_bytes
from pxe.explain.evidence import Ignored, Line, Network, Silence

MAC, SERVER_MAC, OTHER_MAC = "52:54:00:12:34:56", "52:54:00:00:00:01", "52:54:00:99:99:99"
CLIENT, SERVER, OTHER, ROUTER = "10.0.0.100", "10.0.0.1", "10.0.0.2", "10.0.0.254"
ALL: Final = "255.255.255.255"
START_NS: Final = 1_750_000_000_000_000_000
Options = dict[int | str, Any]

_UUID = b"\0" + bytes(range(16))
UEFI: Options = {
    60: b"PXEClient:Arch:00007:UNDI:003000",
    93: b"\0\7",
    97: _UUID,
    57: b"\5\xc0",
    "flags": 0x8000,
}
UEFI_ARM: Options = {**UEFI, 60: b"PXEClient:Arch:00011:UNDI:003000", 93: b"\0\x0b"}
BIOS: Options = {60: b"PXEClient:Arch:00000:UNDI:002001", 93: b"\0\0", 97: _UUID, "flags": 0x8000}
UBOOT: Options = {60: b"U-Boot.armv8", 93: b"\0\x16", 57: b"\2\x40"}
IPXE: Options = {
    60: b"PXEClient:Arch:00007:UNDI:003010",
    93: b"\0\7",
    97: _UUID,
    77: b"iPXE",
    175: b"\x13\1\1",
}
HTTP: Options = {60: b"HTTPClient:Arch:00016:UNDI:003000", 93: b"\0\x10", 97: _UUID, "flags": 0x8000}
PI: Options = {
    60: b"PXEClient:Arch:00000:UNDI:002001",
    93: b"\0\0",
    97: b"\0RPi4" + bytes(8) + b"\xef\xbe\xad\xde",
}
ECHO: Options = {60: b"PXEClient", 43: b"\6\1\x08\xff"}
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK = 1, 2, 3, 4, 5, 6


def pe(machine: int = 0x8664) -> bytes:
    """The beginning of an EFI program for a machine (PE/COFF: 0x8664 x64, 0xaa64 arm64)."""
    head = bytearray(512)
    head[:2], head[0x3C:0x40] = b"MZ", (0x80).to_bytes(4, "little")
    head[0x80:0x86] = b"PE\0\0" + machine.to_bytes(2, "little")
    return bytes(head)


@dataclass
class Scene:
    """Packets so far; `now` is the time of the next, in seconds. `told` and `console` are other evidence."""

    now: float = 0.0
    xid: int = 0x1000
    port: int = 2000
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    console: list[Line] = field(default_factory=list)
    ours: str = ""
    held: bool = False
    silence: Silence | None = None

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def put(self, packet: Packet) -> None:
        """Record a packet, and go on by a millisecond."""
        self.raw(bytes(packet))

    def raw(self, frame: bytes) -> None:
        """Record the bytes of a frame."""
        self.frames.append((self.now, frame))
        self.now += 0.001

    def say(self, *lines: str) -> None:
        """Lines of the machine's console."""
        for text in lines:
            self.console.append(Line(t_ns=START_NS + int(self.now * 1e9), text=text))
            self.now += 0.001

    def ignore(self, reason: str, message: str = "DISCOVER") -> None:
        """Our service tells that it left a message without answer."""
        self.ignored.append(Ignored(t_ns=START_NS + int(self.now * 1e9), message=message, reason=reason))

    def fall_silent(self, seconds: float, file: str = "", sent: int = 0, size: int = 0) -> None:
        """Our service has heard nothing for so long, or nothing of `file`, which it is still sending."""
        since, began = (START_NS + int(at * 1e9) for at in (self.now, 0))
        self.wait(seconds)
        step = "kernel" if file else "script"
        self.silence = Silence(
            t_ns=since + int(seconds * 1e9), since_ns=since, after_ns=since - began, step=step, file=file,
            sent=sent, size=size,
        )  # fmt: skip

    # DHCP

    def ask(self, kind: int, client: Options, *, new: bool = True, **more: Any) -> None:
        """A message of the machine; `more`: secs, giaddr, dst, dport, src, mac, and options as o50=..."""
        self.xid += new
        given = {key: value for key, value in client.items() if isinstance(key, int)} | _numbered(more)
        flags = int(client.get("flags", 0))
        mac = more.get("mac", MAC)
        head = BOOTP(op=1, chaddr=_chaddr(mac), xid=self.xid, flags=flags, secs=more.get("secs", 0),
                     giaddr=more.get("giaddr", "0.0.0.0"), ciaddr=more.get("ciaddr", "0.0.0.0"))  # fmt: skip
        link = Ether(src=mac, dst=more.get("eth_dst", "ff:ff:ff:ff:ff:ff"))
        network = IP(src=more.get("src", "0.0.0.0"), dst=more.get("dst", ALL))
        ports = UDP(sport=more.get("sport", 68), dport=more.get("dport", 67))
        self.put(link / network / ports / head / DHCP(options=_options({53: bytes((kind,)), **given})))

    def reply(self, kind: int, reply: Options | None = None) -> None:
        """A server's message; keys of `reply`: option numbers (None: leave it out) and header fields."""
        r: Options = {53: bytes((kind,)), 54: SERVER, 51: b"\0\0\x0e\x10", 1: b"\xff\xff\xff\0", 3: ROUTER}
        r = {**r, **(reply or {})}
        server = r.get("server", SERVER)
        if "server" in r and 54 not in (reply or {}):
            r[54] = server
        head = BOOTP(op=2, chaddr=_chaddr(r.get("chaddr", MAC)), xid=r.get("xid", self.xid),
                     yiaddr=r.get("yiaddr", CLIENT), siaddr=r.get("siaddr", server),
                     giaddr=r.get("giaddr", "0.0.0.0"),
                     file=r.get("file", b"boot.efi"), flags=r.get("flags", 0))  # fmt: skip
        options = {key: value for key, value in r.items() if isinstance(key, int) and value is not None}
        link = Ether(src=SERVER_MAC, dst=r.get("eth_dst", "ff:ff:ff:ff:ff:ff"))
        network = IP(src=r.get("src", server), dst=r.get("dst", ALL))
        ports = UDP(sport=r.get("sport", 67), dport=r.get("dport", 68))
        message = bytes(head / DHCP(options=_options(options)))
        self.put(link / network / ports / Raw(message[: r.get("cut", len(message))]))

    def offered(self, client: Options, reply: Options | None = None, *, taken: bool = True) -> None:
        """DISCOVER and OFFER; then REQUEST and ACK where it is taken, else the machine asks twice again."""
        self.ask(DISCOVER, client)
        self.reply(OFFER, reply)
        if taken:
            self.confirm(client, reply)
            return
        for _ in range(2):
            self.wait(4)
            self.ask(DISCOVER, client)
            self.reply(OFFER, reply)
        self.wait(8)
        self.ask(DISCOVER, client)

    def confirm(self, client: Options, reply: Options | None = None) -> None:
        """REQUEST and ACK."""
        server = (reply or {}).get("server", SERVER)
        self.ask(REQUEST, client, new=False, o50=(reply or {}).get("yiaddr", CLIENT), o54=server)
        self.reply(ACK, reply)

    # TFTP

    def rrq(self, name: str, *, server: str = SERVER, again: bool = False, **options: object) -> int:
        """A read request; returns the client's port."""
        self.port += not again
        words = [name, "octet", *(str(word) for pair in options.items() for word in pair)]
        self._up(self.port, 69, b"\0\1" + b"".join(word.encode() + b"\0" for word in words), server)
        return self.port

    def oack(self, *, server: str = SERVER, **options: object) -> None:
        """The server grants options."""
        words = [str(word) for pair in options.items() for word in pair]
        self.down(b"\0\6" + b"".join(word.encode() + b"\0" for word in words), server=server)

    def data(self, block: int, payload: bytes, *, server: str = SERVER) -> None:
        """A block."""
        self.down(b"\0\3" + (block & 0xFFFF).to_bytes(2) + payload, server=server)

    def ack(self, block: int, *, server: str = SERVER) -> None:
        """The client has all up to `block`."""
        self._up(self.port, 50000, b"\0\4" + (block & 0xFFFF).to_bytes(2), server)

    def error(self, code: int, text: str = "", *, client: bool = False, server: str = SERVER) -> None:
        """Either side ends it."""
        payload = b"\0\5" + code.to_bytes(2) + text.encode() + b"\0"
        if client:
            self._up(self.port, 50000, payload, server)
        else:
            self.down(payload, server=server)

    def fetch(
        self, name: str, content: bytes = b"MZ" + b"x" * 698, *, server: str = SERVER, **options: Any
    ) -> None:
        """A whole file; without options in blocks of 512 bytes."""
        self.rrq(name, server=server, **options)
        size = int(options.get("blksize", 512))
        if options:
            self.oack(server=server, **options)
            self.ack(0, server=server)
        for block in range(len(content) // size + 1):
            self.data(block + 1, content[block * size : (block + 1) * size], server=server)
            self.ack(block + 1, server=server)

    def missing(self, name: str, code: int = 1, text: str = "file not found") -> None:
        """A file that is refused."""
        self.rrq(name)
        self.error(code, text)

    def down(self, payload: bytes, *, server: str = SERVER) -> None:
        """A datagram from the server's transfer port."""
        ports = UDP(sport=50000, dport=self.port)
        self.put(Ether(src=SERVER_MAC, dst=MAC) / IP(src=server, dst=CLIENT) / ports / Raw(payload))

    def fragments(self, payload: bytes, count: int) -> None:
        """The first `count` fragments of a datagram that is too long for one frame."""
        whole = IP(src=SERVER, dst=CLIENT, id=self.xid + len(self.frames)) / UDP(sport=50000, dport=self.port)
        for piece in (whole / Raw(payload)).fragment(1480)[:count]:  # type: ignore[no-untyped-call]
            self.put(Ether(src=SERVER_MAC, dst=MAC) / piece)

    def _up(self, sport: int, dport: int, payload: bytes, server: str) -> None:
        self.put(Ether(src=MAC, dst=SERVER_MAC) / IP(src=CLIENT, dst=server) / UDP(sport=sport, dport=dport)
                 / Raw(payload))  # fmt: skip

    # HTTP, ICMP, ARP

    def tcp(
        self,
        flags: str,
        payload: bytes = b"",
        *,
        down: bool = False,
        port: int = 80,
        seq: int = 1,
        window: int = 8192,
    ) -> None:
        """A segment of the newest connection."""
        ends = (SERVER, CLIENT, port, self.port) if down else (CLIENT, SERVER, self.port, port)
        link = Ether(src=SERVER_MAC, dst=MAC) if down else Ether(src=MAC, dst=SERVER_MAC)
        segment = TCP(sport=ends[2], dport=ends[3], flags=flags, seq=seq, window=window)
        self.put(link / IP(src=ends[0], dst=ends[1]) / segment / Raw(payload))

    def connect(self, port: int = 80) -> None:
        """SYN, SYN ACK."""
        self.port += 1
        self.tcp("S", port=port)
        self.tcp("SA", down=True, port=port)

    def http(self, method: str, target: str, answer: str, body: bytes = b"", *,
             agent: str = "UefiHttpBoot/1.0", head: str = "", close: bool = False) -> None:  # fmt: skip
        """One exchange on a connection of its own; `answer` is the status line and header lines."""
        self.connect()
        request = f"{method} {target} HTTP/1.1\r\nHost: {SERVER}\r\nUser-Agent: {agent}\r\n{head}\r\n"
        self.tcp("PA", request.encode())
        self.tcp("PA", answer.encode() + b"\r\n\r\n" + body, down=True)
        if close:
            self.tcp("FA", down=True, seq=1 + len(answer) + 4 + len(body))

    def unreachable(
        self, code: int, *, dport: int, sport: int = 0, source: str = CLIENT, target: str = SERVER
    ) -> None:
        """ICMP: what went from `source` to `target` did not arrive."""
        quoted = bytes(IP(src=source, dst=target) / UDP(sport=sport or self.port, dport=dport))
        self.put(
            Ether(src=SERVER_MAC, dst=MAC)
            / IP(src=target, dst=source)
            / ICMP(type=3, code=code)
            / Raw(quoted)
        )

    def arp(self, mac: str, ip: str) -> None:
        """An ARP reply."""
        self.put(Ether(src=mac, dst=MAC) / ARP(op=2, hwsrc=mac, psrc=ip, hwdst=MAC, pdst=CLIENT))

    # What came of it

    def pcap(self) -> bytes:
        """The capture, as a classic pcap file with nanoseconds."""
        parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
        for seconds, frame in self.frames:
            whole, fraction = divmod(START_NS + int(seconds * 1e9), 1_000_000_000)
            parts += [struct.pack("<IIII", whole, fraction, len(frame), len(frame)), frame]
        return b"".join(parts)

    def evidence(self) -> Evidence:
        """What the reader makes of it, joined with console and events."""
        capture = read_bytes(self.pcap(), "scene")
        seen = capture.machines.get(MAC, Evidence(mac=MAC))
        old = seen.network
        network = Network(
            servers=old.servers, files=old.files, seconds=self.now, ours=self.ours, held=self.held
        )
        return Evidence(
            mac=MAC, dhcp=seen.dhcp, malformed=seen.malformed, transfers=seen.transfers, http=seen.http,
            connections=seen.connections, arp=seen.arp, unreachable=seen.unreachable, network=network,
            ignored=tuple(self.ignored), console=tuple(self.console),
            silence=self.silence,
        )  # fmt: skip


def _options(options: dict[Any, Any]) -> list[Any]:
    """scapy wants bytes for options by number; addresses may be given as text."""
    return [*((key, _bytes(value)) for key, value in options.items()), "end"]


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return bytes(map(int, value.split(".")))
    assert isinstance(value, bytes)
    return value


def _numbered(more: dict[str, Any]) -> dict[int, Any]:
    return {int(key[1:]): value for key, value in more.items() if key[0] == "o" and key[1:].isdigit()}


def _chaddr(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


Play = Callable[[Scene, bool], None]
CASES: dict[str, Play] = {}


def case(rule: str) -> Callable[[Play], Play]:
    """Enter how a rule is shown: the function plays the fault where its second argument is true, and else the
    nearest thing that is none."""

    def enter(play: Play) -> Play:
        assert rule not in CASES, rule
        CASES[rule] = play
        return play

    return enter
