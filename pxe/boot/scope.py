"""One interface as the decision sees it: its settings, and the lease table of each of its subnets."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from pxe.boot.lease_records import Records
from pxe.boot.leases import LeaseTable, Pool
from pxe.settings import DhcpSettings, Subnet
from pxe.wire.dhcp4 import DhcpPacket, Option

_NOWHERE = IPv4Address(0)
_RELAY_AGENT = int(Option.RELAY_AGENT)
_LINK_SELECTION = 5  # sub-option of option 82, RFC 3527


Place = tuple[Subnet, LeaseTable]


class Scope:
    """`tables` holds each subnet with its lease table."""

    def __init__(self, settings: DhcpSettings, tables: Sequence[Place]) -> None:
        self.settings, self.tables = settings, tuple(tables)
        networks = ((place[0].network, place) for place in self.tables)
        self._places = [(int(net.netmask), int(net.network_address), place) for net, place in networks]
        self._own = self._around(int(settings.ip))

    @classmethod
    def of(
        cls, settings: DhcpSettings, reserved_for: Callable[[IPv4Address], str | None], records: Records
    ) -> "Scope":
        """Make the tables of `settings`. Raises PlanError for a pool outside its network."""
        ours = settings.ip
        return cls(
            settings, [(s, LeaseTable(Pool.of(s, ours), reserved_for, records)) for s in settings.subnets]
        )

    def find(self, packet: DhcpPacket) -> Place | None:
        """The subnet that the client is in: as its relay says (by link selection, else by giaddr), else that
        of the address it renews (by unicast, past the relay), else the interface's own.
        """
        relay = int(packet.giaddr)
        if relay:
            return self._around(int(link_selection(packet) or relay))
        renewing = int(packet.ciaddr)
        return (self._around(renewing) if renewing else None) or self._own

    def _around(self, ip: int) -> Place | None:
        for mask, network, place in self._places:
            if ip & mask == network:
                return place
        return None


def link_selection(packet: DhcpPacket) -> IPv4Address | None:
    """The subnet that a relay names in option 82, where it does and is one (giaddr is set)."""
    area = packet.options.get(_RELAY_AGENT)
    if area is None or packet.giaddr == _NOWHERE:
        return None
    at = 0
    while at + 2 <= len(area):
        code, length = area[at], area[at + 1]
        value = area[at + 2 : at + 2 + length]
        if code == _LINK_SELECTION and length == len(value) == 4:
            return IPv4Address(value)
        at += 2 + length
    return None
