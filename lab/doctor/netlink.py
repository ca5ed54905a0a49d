"""The interfaces of this network namespace as the kernel tells them: one look, plain values."""

from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

from pyroute2 import IPRoute

_IFF_UP = 1
_INET = 2  # AF_INET
_FORWARDING = 3  # BR_STATE_FORWARDING


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """One interface. `kind` is veth, bridge, vlan ..., "" for a card. `stp` is of a bridge; `delay` its
    forward delay in seconds; `port_state` of a port of one: disabled, listening, learning, forwarding or
    blocking, as a number from 0."""

    name: str
    up: bool
    carrier: bool
    mtu: int
    kind: str = ""
    master: str = ""
    addresses: tuple[IPv4Interface, ...] = ()
    stp: bool = False
    delay: float = 0.0
    port_state: int | None = None

    @property
    def is_held_up(self) -> bool:
        """Whether the bridge does not let frames of this port through yet, or at all."""
        return self.port_state is not None and self.port_state != _FORWARDING


def read_links() -> dict[str, LinkState]:
    """Return all interfaces by name. Raises OSError where netlink does not answer."""
    with IPRoute() as ip:
        raw = list(ip.get_links())
        addresses: dict[int, list[IPv4Interface]] = {}
        for entry in ip.get_addr(family=_INET):
            text = f"{entry.get_attr('IFA_LOCAL')}/{entry['prefixlen']}"
            addresses.setdefault(entry["index"], []).append(IPv4Interface(text))
    names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in raw}
    return {
        names[link["index"]]: _state(link, names, tuple(addresses.get(link["index"], ()))) for link in raw
    }


def _state(link: Any, names: dict[int, str], addresses: tuple[IPv4Interface, ...]) -> LinkState:
    info = link.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") or "") if info is not None else ""
    data = info.get_attr("IFLA_INFO_DATA") if kind == "bridge" else None
    port = None
    if info is not None and info.get_attr("IFLA_INFO_SLAVE_KIND") == "bridge":
        port = info.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_STATE")
    return LinkState(
        name=names[link["index"]],
        up=bool(link["flags"] & _IFF_UP),
        carrier=bool(link.get_attr("IFLA_CARRIER")),
        mtu=int(link.get_attr("IFLA_MTU") or 0),
        kind=kind,
        master=names.get(link.get_attr("IFLA_MASTER") or 0, ""),
        addresses=addresses,
        stp=bool(data.get_attr("IFLA_BR_STP_STATE")) if data is not None else False,
        delay=(data.get_attr("IFLA_BR_FORWARD_DELAY") or 0) / 100 if data is not None else 0.0,
        port_state=port,
    )
