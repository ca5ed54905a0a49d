"""What a machine config says, as values: links, routes, servers. Made by `lab.machineconfig.views`."""

from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Route:
    """A route: `destination` is 0.0.0.0/0 or ::/0 for the default one; `metric` None for the kernel's."""

    destination: Network
    gateway: Address | None
    metric: int | None = None


@dataclass(frozen=True)
class Link:
    """A network interface: by `name`, or by `hardware_address` (lower case, colons) where name is empty."""

    name: str
    hardware_address: str | None = None
    addresses: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    dhcp: bool = False
    mtu: int | None = None
    up: bool = True


@dataclass(frozen=True)
class Resolvers:
    """DNS servers in the order in which they are asked, and the domains to search."""

    servers: tuple[Address, ...]
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """A host (name or address, without brackets) and a TCP or UDP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class KernelLog:
    """Where the kernel's log goes as JSON lines; `transport` is tcp or udp."""

    name: str
    transport: str
    endpoint: Endpoint


@dataclass(frozen=True)
class Install:
    """Where to install to, from which image, and with which arguments for the kernel."""

    disk: str | None
    image: str | None
    wipe: bool = False
    extra_kernel_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Authority:
    """A certificate authority: PEM texts; `key` is a secret."""

    crt: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Authority(crt=..., key=...)"
