"""What no single value of a site file can tell: names that must exist, addresses that must fit together.

Works on the raw values and passes over what is missing or of the wrong shape (pydantic reports that), so that
all faults of a file come out at once.
"""

from ipaddress import IPv4Address
from typing import Any

from lab.config import read
from lab.config.api import check_api
from lab.config.boards import board_type_files
from lab.config.butane import check_butane
from lab.config.dhcp import check_dhcp
from lab.config.images import check_assets
from lab.config.logs import check_logs
from lab.config.plans import check_plan_names
from lab.config.schema import PLACE_NAME
from lab.config.tftp import check_tftp
from lab.config.yamlfile import Document, KeyPath, path_text
from lab.registry import POWER, STREAM
from pxe.errors import PlanError
from pxe.plan import normalise_mac


def crosscheck(document: Document) -> None:
    """Note the faults that need more than one value to see."""
    data = document.data
    _check_places(document, read.section(data, "places"))
    _check_addresses(document)
    _check_unique_macs(document)
    check_plan_names(document, _clients(data))
    check_assets(document)
    check_butane(document)
    _check_folder(document, ("service", "tftp", "root"))
    check_tftp(document)
    check_api(document)
    check_logs(document)


def _check_places(document: Document, places: dict[str, Any]) -> None:
    boards = board_type_files()
    for name, place in places.items():
        where: KeyPath = ("places", name)
        if not PLACE_NAME.fullmatch(name):
            document.fault(where, "a place's name has 1 to 20 of a-z, 0-9 and '-', like qemu1")
        board = read.get(place, "board")
        if isinstance(board, str) and board not in boards:
            document.fault((*where, "board"), f"there is no board type {board!r}; there are {_names(boards)}")
        for role, table in (("power", POWER), ("console", STREAM)):
            for kind in read.section(place, role):
                if kind not in table:
                    document.fault(
                        (*where, role, kind), f"there is no such driver; there are {_names(table)}"
                    )


def _check_addresses(document: Document) -> None:
    own = read.interface(read.get(document.data, "service", "address"))
    networks = check_dhcp(document)
    if own is None:
        return
    taken: dict[IPv4Address, KeyPath] = {own.ip: ("service", "address")}
    for where, client in _clients(document.data):
        reserved = read.address(client.get("ip"))
        if reserved is None:
            continue
        if not any(reserved in network for network in networks):
            document.fault((*where, "ip"), f"{reserved} is outside {own.network}, the network of {own.ip}")
        if reserved in taken:
            document.fault((*where, "ip"), f"{reserved} is taken by {path_text(taken[reserved])}")
        taken.setdefault(reserved, (*where, "ip"))


def _check_unique_macs(document: Document) -> None:
    taken: dict[str, KeyPath] = {}
    for where, client in _clients(document.data):
        try:
            mac = normalise_mac(str(client.get("mac")))
        except PlanError:
            continue
        if mac in taken:
            document.fault(
                (*where, "mac"), f"{mac} is taken by {path_text(taken[mac])}; each machine has its own"
            )
        taken.setdefault(mac, (*where, "mac"))


def _check_folder(document: Document, where: KeyPath) -> None:
    path = read.get(document.data, *where)
    if isinstance(path, str) and not (document.path.absolute().parent / path).is_dir():
        document.fault(where, f"there is no folder {path} (seen from the folder of this file)")


def _clients(data: Any) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Everything that has a MAC: machines and places."""
    found: list[tuple[KeyPath, dict[str, Any]]] = []
    machines = read.get(data, "machines")
    if isinstance(machines, list):
        found += [(("machines", n), m) for n, m in enumerate(machines) if isinstance(m, dict)]
    places = read.section(data, "places")
    return found + [(("places", name), p) for name, p in places.items() if isinstance(p, dict)]


def _names(table: dict[str, Any]) -> str:
    return ", ".join(table) or "none"
