"""What `pxe.server` is given to run: validated values, made by a caller (`lab.config` reads them as YAML)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from pxe.plan import Selector, UnknownMachines


class DhcpMode(StrEnum):
    """What we are on an interface."""

    SERVER = "server"  # gives addresses and says what to boot
    PROXY = "proxy"  # another server gives addresses; we say what to boot (PXE 2.1's proxyDHCP)
    SHADOW = "shadow"  # another server does all; we note what we would answer, but to machines taken over


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange:
    """Addresses that anybody may get, `first` and `last` included."""

    first: IPv4Address
    last: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A network whose machines we give addresses: the interface's own, or one behind a relay.

    Without `ranges` only reservations are given. `options` are sent to every machine: code -> value as on
    the wire.
    """

    network: IPv4Network
    ranges: tuple[AddressRange, ...] = ()
    lease_seconds: int = 3600
    router: IPv4Address | None = None  # default: none is offered
    dns: tuple[IPv4Address, ...] = ()
    options: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpPolicy:
    """How clients that `when` selects are answered; None: as all others. `options` as in Subnet.

    Where several policies fit a client, each field is that of the most specific one that sets it.
    """

    name: str
    when: Selector
    ignore: bool | None = None
    delay_seconds: float | None = None
    lease_seconds: int | None = None
    options: Mapping[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSettings:
    """One interface. `address` is our own address on it with its prefix, e.g. 10.99.0.1/24.

    `subnets` holds the interface's own network and those that relays send us messages from; in proxy mode
    it is not used; in shadow mode it is what we would give. With `probe`, pool addresses are probed by ARP
    before they are given (in server mode only). `rapid_commit` answers a DISCOVER that asks for it by an
    ACK (RFC 4039): only where no other server is on the network.
    """

    interface: str
    address: IPv4Interface
    subnets: tuple[Subnet, ...] = ()
    mode: DhcpMode = DhcpMode.SERVER
    policies: tuple[DhcpPolicy, ...] = ()
    rapid_commit: bool = False
    probe: bool = True
    port: int = 67
    client_port: int = 68
    proxy_port: int = 4011
    ip: IPv4Address = field(init=False, repr=False, compare=False)  # of `address`: asked for every packet

    def __post_init__(self) -> None:
        object.__setattr__(self, "ip", self.address.ip)

    @property
    def own(self) -> Subnet | None:
        """The interface's own subnet; None where only relayed machines are served, and in proxy mode."""
        return next((s for s in self.subnets if self.ip in s.network), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSettings:
    """WRQ: clients may write below `folder`, each in a subfolder of its own (MAC, else address).

    `max_bytes` is of one file, `max_files` of one client; `overwrite`: a new file takes an older one's place.
    """

    folder: Path
    max_bytes: int = 64 * 1024 * 1024
    max_files: int = 1000
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TftpSettings:
    """`root` is an optional folder that every client may read beside its plan's files.

    Each transfer has a port of its own: any free one, or one of `port_range` (first and last), or with
    `single_port` that of the requests; the two exclude each other. `rollover_to_1` holds MAC addresses or
    prefixes of clients that count block 65535, 1 (all others: 65535, 0).
    """

    listen: IPv4Address
    port: int = 69
    root: Path | None = None
    upload: UploadSettings | None = None
    single_port: bool = False
    port_range: tuple[int, int] | None = None
    rollover_to_1: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """The machine-facing listener: boot scripts, files, configs."""

    listen: IPv4Address
    port: int = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What machines may tell of themselves: UDP ports of syslog and netconsole; None: not received.

    `relay` is a Unix socket for programs of ours on this host that hear machines in other ways.
    """

    listen: IPv4Address
    syslog: int | None = 514
    netconsole: int | None = 6666
    relay: Path | None = None


OWN_CERT = "api-cert.pem"  # in the state folder, where the service made one for itself


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """Certificate (its chain after it) and key of the operator-facing listener, PEM files; None: our own."""

    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The operator-facing listener: a Unix socket (guarded by its permissions), an address, or both.

    With a `socket`, the address is used only where `tcp` says so. Another address than loopback needs `tls`
    and a token.
    """

    socket: Path | None = None
    listen: IPv4Address = field(default=IPv4Address("127.0.0.1"))
    port: int = 8067
    tcp: bool = False
    tls: TlsSettings | None = None

    @property
    def on_tcp(self) -> bool:
        """Whether it listens on the address."""
        return self.tcp or self.socket is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """All of the boot service; a part that is None or empty is switched off.

    `loaders` replaces the first programs that we give to firmware, by kind (see pxe.boot.loaders).
    """

    dhcp: tuple[DhcpSettings, ...] = ()  # one for each interface
    tftp: TftpSettings | None = None
    http: HttpSettings | None = None
    logs: LogSettings | None = None
    api: ApiSettings = field(default_factory=ApiSettings)
    unknown: UnknownMachines = UnknownMachines.IGNORE
    discovery: str | None = None  # the plan of unknown machines that no rule selects, where they boot
    loaders: Mapping[str, Path] = field(default_factory=dict)
    state_dir: Path  # leases and plans set through the API survive here
