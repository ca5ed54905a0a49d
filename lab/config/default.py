"""The site that needs no file: one emulated board in a sandbox."""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from lab.cache import cache_dir
from lab.config.boards import load_board_type
from lab.config.site import Site
from lab.model import DriverConfig, Place
from pxe.plan import Machine
from pxe.settings import ApiSettings, DhcpSettings, HttpSettings, ServiceSettings, TftpSettings

_BOARD = "qemu-virt-arm64"
_MAC = "52:54:00:aa:00:01"  # 52:54:00 is QEMU's
_ADDRESS = IPv4Interface("10.99.0.1/24")


def default_site(results: Path = Path("results")) -> Site:
    """Return the demo's site: place `qemu1`, whose machine has no plan yet.

    Interface, API and state are those of the sandbox that `lab.session` makes for emulated places.
    """
    own = _ADDRESS
    service = ServiceSettings(
        dhcp=DhcpSettings(
            interface="br0",
            address=own,
            pool_start=_nth(own, 100),
            pool_end=_nth(own, 199),
            # Nobody routes or answers names in the sandbox, but where DHCP offers neither, installers stop
            # and ask a person.
            router=own.ip,
            dns=(own.ip,),
        ),
        tftp=TftpSettings(listen=own.ip),
        http=HttpSettings(listen=own.ip),
        api=ApiSettings(),
        state_dir=cache_dir() / "state",
    )
    emulated = DriverConfig(kind="qemu")
    board = load_board_type(_BOARD)
    place = Place(name="qemu1", board_type=board.name, mac=_MAC, power=emulated, console=emulated)
    machine = Machine(mac=place.mac, name=place.name)
    return Site(service=service, machines=(machine,), places=(place,), results=results)


def _nth(own: IPv4Interface, number: int) -> IPv4Address:
    return own.network.network_address + number
