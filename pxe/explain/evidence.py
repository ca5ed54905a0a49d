"""What is known of one machine's boot: packets, events and console lines as plain values.

A capture, the service's own events and the lab's console all end in these records, so that a rule does not
ask where its evidence came from. Times are nanoseconds on whatever clock the evidence has: rules look at
differences only. `frame` counts as Wireshark does, from 1; 0 where no capture tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from pxe.plan import Arch, Firmware
from pxe.wire.dhcp4 import BROADCAST_FLAG, DhcpPacket, MessageType, Op, Option, ip_address


@dataclass(frozen=True, slots=True, kw_only=True)
class Dhcp:
    """One DHCP message. `whole`: the packet is as it was on the wire; else an event told of it, and what is
    absent may have been there. `size` is that of the UDP payload."""

    t_ns: int
    packet: DhcpPacket
    frame: int = 0
    source: str = ""
    sport: int = 0
    destination: str = ""
    dport: int = 0
    source_mac: str = ""
    destination_mac: str = ""
    size: int = 0
    whole: bool = True
    firmware: Firmware = Firmware.UNKNOWN  # of the client that sent it
    arch: Arch = Arch.UNKNOWN

    @property
    def kind(self) -> MessageType | None:
        """Option 53."""
        return self.packet.message_type

    @property
    def from_server(self) -> bool:
        """Whether a server sent it."""
        return self.packet.op == Op.REPLY

    @property
    def server(self) -> str:
        """Who answers: option 54, else where it came from."""
        named = self.packet.address(Option.SERVER_ID)
        return str(named) if named is not None else self.source

    @property
    def wants_broadcast(self) -> bool:
        """Whether the client can hear broadcasts only."""
        return bool(self.packet.flags & BROADCAST_FLAG)

    @property
    def bootfile(self) -> str:
        """Option 67, else the header's file."""
        value = self.packet.options.get(Option.BOOTFILE_NAME, b"").rstrip(b"\0") or self.packet.file
        return value.decode("ascii", "backslashreplace")

    @property
    def next_server(self) -> str:
        """The header's siaddr; "" where it is zero."""
        return str(self.packet.siaddr) if int(self.packet.siaddr) else ""

    @property
    def vendor_class(self) -> str:
        """Option 60."""
        return self.packet.options.get(Option.VENDOR_CLASS, b"").decode("ascii", "backslashreplace")

    def option_address(self, code: Option) -> str:
        """The first address in an option; "" where there is none."""
        value = self.packet.options.get(code, b"")
        return str(ip_address(bytes(value[:4]))) if len(value) >= 4 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A DHCP answer that no client can read."""

    t_ns: int
    frame: int = 0
    source: str = ""
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Transfer:
    """One TFTP transfer, or one file over HTTP as an event tells of it. Made while its packets are read.

    `name` is as asked for. `asked` and `granted` are the options (`granted` None: no OACK). `block` is the
    highest DATA block seen, counted on past 65535; `acked` likewise. `outcome` is complete, unacknowledged,
    aborted, error, refused, stalled, unanswered or open (the evidence ends in the middle of it).
    """

    t_ns: int
    client: str
    server: str
    name: str
    frame: int = 0
    protocol: str = "tftp"
    client_port: int = 0
    server_port: int = 0
    upload: bool = False
    asked: Mapping[str, str] = field(default_factory=dict)
    granted: Mapping[str, str] | None = None
    answered_from: str = ""
    size: int | None = None  # bytes, where anybody said
    block: int = 0
    acked: int = 0
    sent: int = 0  # payload bytes, each block once
    blocks: int = 0  # DATA datagrams, repeated ones included
    repeated: int = 0
    late: int = 0  # of the repeated: the client answered both copies, so the first had arrived
    requests: int = 1  # how often it was asked for from the same port
    fragments_lost: int = 0
    head: bytes = b""  # what the file begins with, as far as the capture kept it
    error: int | None = None
    error_text: str = ""
    error_by_client: bool = False
    error_frame: int = 0
    last_ns: int = 0
    last_frame: int = 0
    outcome: str = "open"

    @property
    def done(self) -> bool:
        """Whether the file arrived."""
        return self.outcome in ("complete", "unacknowledged")


@dataclass(slots=True, kw_only=True)
class HttpExchange:
    """One HTTP request and the head of its answer; header names are lower-case. `status` 0: no answer.
    `head_whole`: all header lines of the answer were recorded."""

    t_ns: int
    client: str
    server: str
    port: int
    method: str
    target: str
    frame: int = 0
    request: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    status: int = 0
    reason: str = ""
    answer: Mapping[str, str] = field(default_factory=dict)
    answer_frame: int = 0
    answer_ns: int = 0
    last_ns: int = 0  # when its last byte came
    head: bytes = b""  # what the body begins with
    head_whole: bool = False
    received: int = 0  # bytes of the answer, head included, that were seen
    stuck_ns: int = 0  # how long after its last byte it was seen to take nothing more
    closed: bool = False  # the server closed the connection after it
    left_at: int | None = None  # the client reset the open connection when so many bytes had been sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A TCP connection that came to nothing: `fault` is refused, unanswered, or tls (a TLS hello to a
    port that speaks plain HTTP)."""

    t_ns: int
    client: str
    server: str
    port: int
    fault: str
    frame: int = 0
    tries: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Arp:
    """An ARP reply, or an announcement: `mac` says that it has `ip`."""

    t_ns: int
    mac: str
    ip: str
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """An ICMP error (type 3) about a UDP or TCP packet that went `source` -> `destination`."""

    t_ns: int
    reporter: str
    code: int
    source: str
    sport: int
    destination: str
    dport: int
    frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A message that our own service left without answer, and why."""

    t_ns: int
    message: str
    reason: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What our own service sees of a boot that does not go on: `since_ns` is when the machine last did
    anything, `after_ns` how long its boot had lasted by then, `step` what it did. `file` is being sent ("":
    none is); of its `size` bytes `sent` were acknowledged."""

    t_ns: int
    since_ns: int
    after_ns: int
    step: str
    file: str = ""
    sent: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the machine's console."""

    t_ns: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What the same evidence shows of the others: DHCP servers and how often each answered, files that exist,
    and what else the service knows."""

    servers: Mapping[str, int] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    seconds: float = 0.0  # how long was looked
    ours: str = ""  # our own DHCP server, where it is ours
    needed: frozenset[str] = frozenset()  # what its plan boots with: once all is fetched, it booted
    held: bool = False  # somebody holds the machine: it shall not boot


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that was seen of one machine; each tuple in the order of time. No slots: what many rules ask of
    each of ten thousand files is found once."""

    mac: str
    dhcp: tuple[Dhcp, ...] = ()
    malformed: tuple[Malformed, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    http: tuple[HttpExchange, ...] = ()
    connections: tuple[Connection, ...] = ()
    arp: tuple[Arp, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    console: tuple[Line, ...] = ()
    silence: Silence | None = None
    network: Network = field(default_factory=Network)

    @cached_property
    def known_askers(self) -> tuple[Dhcp, ...]:
        """The machine's own messages that tell which firmware sent them."""
        return tuple(m for m in self.dhcp if not m.from_server and m.firmware is not Firmware.UNKNOWN)
