"""The shape of the DHCP part of a site file, for pydantic."""

from typing import Annotated, Any, Literal

from pydantic import Field

from lab.config.words import Address, ArchName, FirmwareName, Interface, Network, Part

_Seconds = Annotated[int, Field(ge=10, le=31_536_000)]
_OPTIONS: dict[str, Any] = Field(
    default={},
    description="more DHCP options, by name or by number",
    examples=["{ntp-servers: [10.99.0.1], 150: {ip: 10.99.0.1}}"],
)


class PoolFile(Part):
    """Addresses given to machines without a reservation."""

    start: Address = Field(description="first address of the pool", examples=["10.99.0.100"])
    end: Address = Field(description="last address of the pool", examples=["10.99.0.199"])


class SelectorFile(Part):
    """Which machines are meant: all that is given must match."""

    mac: str = Field(default="", description="a MAC, or how it begins", examples=["b8:27:eb"])
    uuid: str = Field(default="", description="the UUID of its SMBIOS")
    serial: str = Field(default="", description="its serial number")
    arch: ArchName | None = Field(
        default=None, description="what its firmware says; a BIOS always says x86", examples=["arm64"]
    )
    firmware: FirmwareName | None = Field(
        default=None, description="what asks, at this stage of the boot", examples=["uefi-pxe"]
    )
    tags: list[str] = Field(default=[], description="tags that it must have, all of them")
    network: Network | None = Field(
        default=None, description="the network of its address", examples=["10.99.0.0/24"]
    )


class PolicyFile(Part):
    """How some clients are answered; of several that fit, the most specific one decides."""

    name: str = Field(description="its name, for logs", examples=["pis"])
    when: SelectorFile = Field(description="which clients", examples=["{firmware: raspberry-pi}"])
    ignore: bool | None = Field(default=None, description="true: no answer")
    delay_seconds: float | None = Field(
        default=None, ge=0, le=30, strict=False, description="answer that much later"
    )
    lease_seconds: _Seconds | None = Field(default=None, description="how long an address is lent to them")
    options: dict[str, Any] = _OPTIONS


class SubnetFile(Part):
    """A network behind a relay."""

    network: Network = Field(description="the network", examples=["10.20.0.0/24"])
    pools: list[PoolFile] = Field(default=[], description="the addresses to give; none: reservations alone")
    lease_seconds: _Seconds = Field(default=3600, description="how long an address is lent")
    router: Address | None = Field(default=None, description="default route to offer; none if left out")
    dns: list[Address] = Field(default=[], description="name servers to offer")
    options: dict[str, Any] = _OPTIONS


class DhcpFile(Part):
    """The DHCP server of an interface."""

    mode: Literal["server", "proxy", "shadow"] = Field(
        default="server",
        description="server; or proxy: another server gives addresses, we say what to boot; or shadow: "
        "nothing is answered, but what would be is compared with the other server's answers",
    )
    pool: PoolFile | None = Field(
        default=None, description="the addresses to give", examples=["{start: 10.99.0.100, end: 10.99.0.199}"]
    )
    pools: list[PoolFile] = Field(default=[], description="further ranges of addresses to give")
    lease_seconds: _Seconds = Field(default=3600, description="how long an address is lent")
    router: Address | None = Field(default=None, description="default route to offer; none if left out")
    dns: list[Address] = Field(default=[], description="name servers to offer")
    options: dict[str, Any] = _OPTIONS
    subnets: list[SubnetFile] = Field(default=[], description="networks behind relays")
    policies: list[PolicyFile] = Field(default=[], description="how some clients are answered")
    rapid_commit: bool = Field(
        default=False,
        description="grant an address at once where asked to (RFC 4039)",
    )
    probe: bool = Field(default=True, description="look by ARP who uses addresses of the pool")


class InterfaceFile(Part):
    """A further interface of the boot service."""

    interface: str = Field(min_length=1, max_length=15, description="its name", examples=["eth2"])
    address: Interface = Field(description="our own address on it", examples=["10.98.0.1/24"])
    dhcp: DhcpFile = Field(description="the DHCP server there", examples=["{mode: proxy}"])
