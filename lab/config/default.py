"""The site that needs no file: one emulated board in a sandbox."""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from lab.cache import cache_dir
from lab.config.boards import load_board_type
from lab.config.site import Site
from lab.model import DriverConfig, Place
from pxe.plan import Machine
from pxe.settings import (
    AddressRange,
    ApiSettings,
    DhcpSettings,
    HttpSettings,
    ServiceSettings,
    Subnet,
    TftpSettings,
)

_BOARD = "qemu-virt-arm64"
_MAC = "52:54:00:aa:00:01"  # 52:54:00 is QEMU's
_ADDRESS = IPv4Interface("10.99.0.1/24")


def default_site(results: Path = Path("results"), board_type: str = _BOARD) -> Site:
    """Return the demo's site: place `qemu1`, whose machine has no plan yet. `board_type`: an emulated one.

    Interface, API and state are those of the sandbox that `lab.session` makes for emulated places.
    """
    own = _ADDRESS
    service = ServiceSettings(
        dhcp=(DhcpSettings(interface="br0", address=own, subnets=(_subnet(own),)),),
        tftp=TftpSettings(listen=own.ip),
        http=HttpSettings(listen=own.ip),
        api=ApiSettings(),
        state_dir=cache_dir() / "state",
    )
    emulated = DriverConfig(kind="qemu")
    board = load_board_type(board_type)
    place = Place(name="qemu1", board_type=board.name, mac=_MAC, power=emulated, console=emulated)
    machine = Machine(mac=place.mac, name=place.name)
    return Site(service=service, machines=(machine,), places=(place,), results=results)


def _subnet(own: IPv4Interface) -> Subnet:
    """Nobody routes or answers names in the sandbox, but where DHCP offers neither, installers stop and ask a
    person."""
    pool = AddressRange(first=_nth(own, 100), last=_nth(own, 199))
    return Subnet(network=own.network, ranges=(pool,), router=own.ip, dns=(own.ip,))


def _nth(own: IPv4Interface, number: int) -> IPv4Address:
    return own.network.network_address + number
