"""Addresses that another DHCP server gave, as its clients' messages tell. Bounded.

So TFTP and HTTP know who asks.
"""

from collections import OrderedDict
from ipaddress import IPv4Address

_CAPACITY = 4096  # the one not heard of for the longest time is forgotten first


class Learned:
    """MAC by address. Guarded by its owner's lock."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._by_ip: OrderedDict[IPv4Address, str] = OrderedDict()
        self._by_mac: dict[str, IPv4Address] = {}

    def note(self, ip: IPv4Address, mac: str) -> None:
        """The machine has `ip` from now on, and no other."""
        self._forget(self._by_mac.get(mac))
        self._forget(ip)
        self._by_ip[ip] = mac
        self._by_mac[mac] = ip
        if len(self._by_ip) > self._capacity:
            self._forget(next(iter(self._by_ip)))

    def mac_of(self, ip: IPv4Address) -> str | None:
        """Who has the address; None where nobody is known to."""
        return self._by_ip.get(ip)

    def knows(self, mac: str) -> bool:
        """Whether an address of the machine is known."""
        return mac in self._by_mac

    def _forget(self, ip: IPv4Address | None) -> None:
        mac = self._by_ip.pop(ip, None) if ip is not None else None
        if mac is not None:
            del self._by_mac[mac]
