"""What `pxe.server` is given to run: validated values, made by a caller (`lab.config` reads them as YAML)."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSettings:
    """One subnet on one interface. `address` is our own address with its prefix, e.g. 10.99.0.1/24."""

    interface: str
    address: IPv4Interface
    pool_start: IPv4Address
    pool_end: IPv4Address
    lease_seconds: int = 3600
    router: IPv4Address | None = None  # default: none is offered
    dns: tuple[IPv4Address, ...] = ()
    port: int = 67
    client_port: int = 68


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
class ApiSettings:
    """The operator-facing listener: a Unix socket (guarded by its permissions) or a loopback address."""

    socket: Path | None = None
    listen: IPv4Address = field(default=IPv4Address("127.0.0.1"))
    port: int = 8067


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """All of the boot service; a part that is None is switched off."""

    dhcp: DhcpSettings | None = None
    tftp: TftpSettings | None = None
    http: HttpSettings | None = None
    api: ApiSettings = field(default_factory=ApiSettings)
    state_dir: Path  # leases and plans set through the API survive here
