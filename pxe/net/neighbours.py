"""The host's ARP table: which MAC speaks from an address that no DHCP message told us of.

A machine whose other server's lease was given before we started, or that was given an address by hand at its
prompt, is known by it. What ARP says is no proof: any host on the link can claim any MAC, as it can in DHCP.
So it tells which machine's files are meant, and no more than a DHCP message would. A client behind a router
is never found here: the table has the router's MAC for the router's address alone.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Final, Protocol

_TABLE: Final = Path("/proc/net/arp")
_COMPLETE: Final = 0x2  # ATF_COM, linux/if_arp.h: the MAC is known
_COLUMNS: Final = 6  # address, hardware type, flags, MAC, mask, interface


class Told(Protocol):
    """What DHCP messages told of addresses."""

    def mac_of(self, ip: IPv4Address) -> str | None:
        """The MAC of the machine that has the address."""

    def has_address(self, mac: str) -> bool:
        """Whether the machine is known to have one now."""


class Neighbours:
    """Looks into the table at each question; `links` are our interfaces with the network of each."""

    def __init__(self, links: Mapping[str, IPv4Network], table: Path = _TABLE) -> None:
        self._links, self._table = dict(links), table

    def mac_of(self, ip: IPv4Address) -> str | None:
        """The MAC of a neighbour on one of our interfaces; None where it is none, or not heard of."""
        names = {name for name, network in self._links.items() if ip in network}
        if not names:
            return None
        try:
            lines = self._table.read_text().splitlines()[1:]
        except OSError:  # no /proc: nobody is known so
            return None
        for line in lines:
            words = line.split()
            if len(words) == _COLUMNS and words[0] == str(ip) and words[5] in names:
                return words[3].lower() if int(words[2], 16) & _COMPLETE else None
        return None

    def speaker(self, ip: IPv4Address, dhcp: Told) -> str | None:
        """The machine that speaks from an address that `dhcp` told of no one.

        None where DHCP has that machine at another address: who speaks with its MAC from there is hardly
        itself. Asked once more, because on a busy host the REQUEST that tells of the address is taken in by
        another thread between the two questions.
        """
        mac = self.mac_of(ip)
        if mac is None or not dhcp.has_address(mac):
            return mac
        return dhcp.mac_of(ip)
