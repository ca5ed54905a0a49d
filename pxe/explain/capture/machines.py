"""Who is who in a capture: transfers and connections go to the machine whose address it is."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from pxe.explain.capture.sorter import Sorter
from pxe.explain.evidence import Arp, Connection, Dhcp, Evidence, HttpExchange, Network, Transfer, Unreachable
from pxe.wire.dhcp4 import MessageType

_NETBOOT_AGENTS = ("ipxe", "uefihttpboot", "u-boot", "grub")
_OWNED = TypeVar("_OWNED", Transfer, HttpExchange, Connection)


def evidence(sorter: Sorter, seconds: float) -> dict[str, Evidence]:
    """Return the evidence of each machine that tries to boot, by MAC (or by address), oldest first."""
    owner = _Owner(sorter.dhcp)
    transfers, exchanges = owner.sort(sorter.tftp.done), owner.sort(sorter.http.done)
    broken = owner.sort(sorter.http.faults)
    malformed = defaultdict(list)
    for mac, fault in sorter.malformed:
        malformed[mac].append(fault)
    over_http = [who for who, its in exchanges.items() if any(map(_netboots, its))]
    files = frozenset(t.name for _, t in sorter.tftp.done if t.block)
    network = Network(servers=sorter.servers, files=files, seconds=seconds)
    arps, errors = _by_address(sorter)
    found = {}
    for who in dict.fromkeys([*sorter.dhcp, *transfers, *over_http, *malformed]):
        dhcp = sorter.dhcp.get(who, [])
        mine, asked, failed = transfers.get(who, []), exchanges.get(who, []), broken.get(who, [])
        its = (
            _offered(dhcp) | {t.client for t in mine} | {x.client for x in asked} | {c.client for c in failed}
        )
        found[who] = Evidence(
            mac=who,
            dhcp=tuple(dhcp),
            malformed=tuple(malformed.get(who, ())),
            transfers=tuple(sorted(mine, key=lambda t: t.t_ns)),
            http=tuple(asked),
            connections=tuple(failed),
            arp=tuple(sorted((a for ip in its for a in arps[ip] if a.mac != who), key=lambda a: a.t_ns)),
            unreachable=tuple(sorted({u for ip in its for u in errors[ip]}, key=lambda u: u.t_ns)),
            network=network,
        )
    return found


def _by_address(sorter: Sorter) -> tuple[dict[str, list[Arp]], dict[str, list[Unreachable]]]:
    """Who claims an address; what did not reach it, or what it sent in vain. A rack has thousands of both."""
    arps: dict[str, list[Arp]] = defaultdict(list)
    errors: dict[str, list[Unreachable]] = defaultdict(list)
    for arp in sorter.arp.values():
        arps[arp.ip].append(arp)
    for error in sorter.unreachable:
        errors[error.source].append(error)
        errors[error.destination].append(error)
    return arps, errors


class _Owner:
    """Tells a machine by the MAC of its frames where that MAC asked DHCP; else by the address that DHCP gave;
    else by its frames, or its address where those tell none (a capture of IP, a machine behind a router)."""

    def __init__(self, dhcp: dict[str, list[Dhcp]]) -> None:
        self._macs = set(dhcp)
        self._given = {ip: mac for mac, messages in dhcp.items() for ip in _offered(messages)}

    def sort(self, items: Iterable[tuple[bytes, _OWNED]]) -> dict[str, list[_OWNED]]:
        """The items of each machine."""
        found: dict[str, list[_OWNED]] = {}
        for mac, item in items:
            found.setdefault(self._who(mac.hex(":"), item.client), []).append(item)
        return found

    def _who(self, mac: str, ip: str) -> str:
        return mac if mac in self._macs else self._given.get(ip, mac or ip)


def _offered(dhcp: Iterable[Dhcp]) -> set[str]:
    return {
        str(m.packet.yiaddr)
        for m in dhcp
        if m.from_server and m.kind is not MessageType.NAK and int(m.packet.yiaddr)
    }


def _netboots(exchange: HttpExchange) -> bool:
    """Whether a firmware or boot loader asks: a capture may be full of browsers."""
    return exchange.request.get("user-agent", "").lower().startswith(_NETBOOT_AGENTS)
