"""One interface as the decision sees it: its settings, and the lease table of each of its subnets."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.boot.lease_records import Records
from pxe.boot.leases import LeaseTable, Pool
from pxe.settings import DhcpSettings, Subnet
from pxe.wire.dhcp4 import DhcpPacket, Option

_NOWHERE = IPv4Address(0)
_LINK_SELECTION = 5  # sub-option of option 82, RFC 3527


@dataclass(frozen=True, slots=True)
class Scope:
    """`tables` holds each subnet with its lease table."""

    settings: DhcpSettings
    tables: tuple[tuple[Subnet, LeaseTable], ...]

    @classmethod
    def of(
        cls, settings: DhcpSettings, reserved_for: Callable[[IPv4Address], str | None], records: Records
    ) -> "Scope":
        """Make the tables of `settings`. Raises PlanError for a pool outside its network."""
        ours = settings.ip
        return cls(
            settings,
            tuple((s, LeaseTable(Pool.of(s, ours), reserved_for, records)) for s in settings.subnets),
        )

    def find(self, packet: DhcpPacket) -> tuple[Subnet, LeaseTable] | None:
        """The subnet that the client is in: as its relay says (by link selection, else by giaddr), else that
        of the address it renews (by unicast, past the relay), else the interface's own.
        """
        place = link_selection(packet) or packet.giaddr
        if place == _NOWHERE:
            renewing = self._around(packet.ciaddr) if packet.ciaddr != _NOWHERE else None
            return renewing or self._around(self.settings.ip)
        return self._around(place)

    def _around(self, ip: IPv4Address) -> tuple[Subnet, LeaseTable] | None:
        number = int(ip)
        for subnet, table in self.tables:
            network = subnet.network
            if number & int(network.netmask) == int(network.network_address):
                return subnet, table
        return None


def link_selection(packet: DhcpPacket) -> IPv4Address | None:
    """The subnet that a relay names in option 82, where it does and is one (giaddr is set)."""
    area = packet.options.get(Option.RELAY_AGENT)
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
