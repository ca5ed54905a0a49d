"""What happened on the wire, as typed values: the boot service's only output besides its replies.

Every event carries `t_ns`, CLOCK_MONOTONIC in nanoseconds, taken where the packet was received or sent: one
clock for all processes of a host, so that `lab` can join these with console and power. `mac` is None
where the client could not be told. In JSON an event is an object with `kind` and its fields.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    kind: ClassVar[str] = "event"
    t_ns: int
    mac: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpReceived(Event):
    """A client's DHCP message. `message` is DISCOVER, REQUEST, DECLINE, RELEASE or INFORM."""

    kind: ClassVar[str] = "dhcp-received"
    message: str
    xid: int
    firmware: str = "unknown"
    arch: str = "unknown"
    vendor_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSent(Event):
    """Our answer: OFFER, ACK or NAK."""

    kind: ClassVar[str] = "dhcp-sent"
    message: str
    xid: int
    ip: str
    bootfile: str = ""
    plan: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpIgnored(Event):
    """A client's message that we left without answer, and why (a sentence for people).

    `elsewhere`: all is well as long as the other DHCP server, whose proxy we are, answers it.
    """

    kind: ClassVar[str] = "dhcp-ignored"
    message: str
    xid: int
    reason: str
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSkipped(Event):
    """DHCP events that were left out because there were too many: `strangers` of them of unknown machines."""

    kind: ClassVar[str] = "dhcp-skipped"
    count: int
    strangers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherServer(Event):
    """Another DHCP server answers where we do; at most once a minute for each."""

    kind: ClassVar[str] = "other-server"
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCompared(Event):
    """In shadow mode: how our answer to a machine differs from that of `server`; once for each difference.

    `verdict`: same, differs, or silent (we would not answer). `differences`: field -> ours, theirs.
    """

    kind: ClassVar[str] = "shadow-compared"
    firmware: str
    message: str
    xid: int
    verdict: str
    server: str
    differences: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowTaken(Event):
    """In shadow mode: a machine was taken over, or (`taken` False) released."""

    kind: ClassVar[str] = "shadow-taken"
    taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressConflict(Event):
    """`mac` answers ARP on an address of ours that it was not given; nobody gets it for a while. None: behind
    a relay somebody answers ping on it."""

    kind: ClassVar[str] = "address-conflict"
    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted(Event):
    """The first packet of a transfer. `protocol` is tftp or http; `peer` is `address:port`."""

    kind: ClassVar[str] = "transfer-started"
    transfer: str  # unique within the life of the service
    protocol: str
    peer: str
    name: str
    size: int
    options: dict[str, int] = field(default_factory=dict)  # as granted: blksize, windowsize, tsize, timeout
    upload: bool = False  # the client sends: `size` is what it announced, 0 where it did not


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEnded(Event):
    """The end of a transfer, however it came.

    `outcome`: complete · unacknowledged (all sent, last ACK never came) · aborted (the client said so; EDK2
    and iPXE do after a size probe) · stalled (we gave up waiting) · error. `sent` counts payload bytes
    acknowledged (TFTP) or handed to the kernel (HTTP); `repeated` counts DATA blocks sent again, and `late`
    those of them that the client answered twice, so that neither copy was lost. Of an upload, `sent` and
    `repeated` count what the client sent, and `detail` says where it was stored.
    """

    kind: ClassVar[str] = "transfer-ended"
    transfer: str
    protocol: str
    peer: str
    name: str
    size: int
    sent: int
    duration_ns: int
    repeated: int = 0
    late: int = 0
    outcome: str
    detail: str = ""
    upload: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRefused(Event):
    """A request for bytes that we did not serve: no such file, outside the root, upload switched off."""

    kind: ClassVar[str] = "transfer-refused"
    protocol: str
    peer: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDelivered(Event):
    """A machine has the whole of a config. `sha256` is of the bytes sent; `config_kind` is a ConfigKind."""

    kind: ClassVar[str] = "config-delivered"
    plan: str
    name: str
    config_kind: str
    sha256: str
    size: int
    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRefused(Event):
    """A request for a config that we did not serve. `name` is without the token; `unsaid` counts refusals
    before this one that got no event, because there were too many."""

    kind: ClassVar[str] = "config-refused"
    name: str
    peer: str
    reason: str
    unsaid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTrouble(Event):
    """A line of a machine's log that means trouble (a panic, an oops). `rule` is of pxe.trouble, `source` is
    syslog or netconsole, `fatal` that the machine does not go on; a flood of them is cut short."""

    kind: ClassVar[str] = "log-trouble"
    rule: str
    line: str
    source: str
    fatal: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketMalformed(Event):
    """Bytes that no parser took."""

    kind: ClassVar[str] = "packet-malformed"
    protocol: str
    peer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChanged(Event):
    """A machine got another plan (or none)."""

    kind: ClassVar[str] = "plan-changed"
    plan: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsLost(Event):
    """Events that nobody can read any more: the ring was overrun, or the service restarted. `first` and
    `last` are the sequence numbers that are missing, both included."""

    kind: ClassVar[str] = "events-lost"
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingMade(Event):
    """Why a machine does not boot, as pxe.explain sees it: `rule` names the heading in
    docs/why-did-it-not-boot.md, `severity` is fatal or warning, `evidence` are lines that show it.
    `again`: the same was said of an earlier boot of the machine a short while ago."""

    kind: ClassVar[str] = "finding"
    rule: str
    sentence: str
    cure: str
    severity: str
    evidence: list[str] = field(default_factory=list)
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReady(Event):
    """All sockets are bound and served."""

    kind: ClassVar[str] = "service-ready"
    listeners: dict[str, str] = field(default_factory=dict)


_KINDS: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        DhcpReceived,
        DhcpSent,
        DhcpIgnored,
        DhcpSkipped,
        OtherServer,
        ShadowCompared,
        ShadowTaken,
        AddressConflict,
        TransferStarted,
        TransferEnded,
        TransferRefused,
        ConfigDelivered,
        ConfigRefused,
        LogTrouble,
        PacketMalformed,
        PlanChanged,
        EventsLost,
        FindingMade,
        ServiceReady,
    )
}


def kinds() -> dict[str, type[Event]]:
    """All classes of events, by their `kind`."""
    return dict(_KINDS)


def to_json(event: Event) -> dict[str, Any]:
    """Return the event as a JSON-ready object: its fields plus `kind`. Its lists are the event's own."""
    # not asdict: it copies deeply, which costs more than all the rest where events come by the thousand
    return {"kind": event.kind, **{f.name: getattr(event, f.name) for f in dataclasses.fields(event)}}


def from_json(obj: dict[str, Any]) -> Event:
    """Return the event that `to_json` made; further keys (such as `seq`) are ignored.

    Raises ValueError for an unknown kind or missing fields.
    """
    cls = _KINDS.get(str(obj.get("kind")))
    if cls is None:
        raise ValueError(f"unknown event kind {obj.get('kind')!r}")
    names = {f.name for f in dataclasses.fields(cls)}
    try:
        return cls(**{k: v for k, v in obj.items() if k in names})
    except TypeError as exc:
        raise ValueError(f"event {cls.kind}: {exc}") from exc
