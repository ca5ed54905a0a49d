"""The site that needs no file: one emulated board that boots Debian's installer in a sandbox."""

from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from lab.cache import cache_dir
from lab.config.boards import load_board_type
from lab.config.site import Site
from lab.images import debian_installer
from lab.model import DriverConfig, Place
from pxe.plan import BootPlan, Machine
from pxe.settings import ApiSettings, DhcpSettings, HttpSettings, ServiceSettings, TftpSettings

_BOARD = "qemu-virt-arm64"
_MAC = "52:54:00:aa:00:01"  # 52:54:00 is QEMU's


def default_site(
    *,
    interface: str = "br0",
    address: str = "10.99.0.1/24",
    api_socket: Path | None = None,
    state_dir: Path | None = None,
    results: Path = Path("results"),
    plan: BootPlan | None = None,
) -> Site:
    """Return the demo's site: place `qemu1`, and `plan` (by default Debian's installer) for it.

    `interface` and `address` are those of a Sandbox. `api_socket` is where the boot service's API listens:
    give a path in the sandbox's runtime folder, since its loopback cannot be reached from outside.

    Raises InfrastructureError, naming the package, where the installer is not at hand.
    """
    board = load_board_type(_BOARD)
    if plan is None:
        plan = debian_installer(board.console_args).plan
    own = IPv4Interface(address)
    service = ServiceSettings(
        dhcp=DhcpSettings(
            interface=interface,
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
        api=ApiSettings(socket=api_socket),
        state_dir=state_dir or cache_dir() / "state",
    )
    emulated = DriverConfig(kind="qemu")
    place = Place(name="qemu1", board_type=board.name, mac=_MAC, power=emulated, console=emulated)
    machine = Machine(mac=place.mac, name=place.name, plan=plan.name)
    return Site(service=service, plans=(plan,), machines=(machine,), places=(place,), results=results)


def _nth(own: IPv4Interface, number: int) -> IPv4Address:
    return own.network.network_address + number
