"""The lease table of one subnet: which machine may have which address. Pure: no clock, no disk.

`now` is an argument, in seconds. Any clock will do as long as it is always the same one. The adapter passes
the wall clock (seconds since 1970), because a lease must outlive the host's reboot, where CLOCK_MONOTONIC
starts again from nought.

Leases are keyed on the hardware address, not on option 61: firmware, iPXE and the kernel of one machine send
different client ids one after the other, and each would get an address of its own.

`offer` holds an address in memory for a minute. `bind`, `release` and `decline` only *return* the new lease:
whoever calls them stores it and then calls `apply`. So a lease counts once it is on disk, and a failed write
needs no undoing: the hold lapses by itself.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from pxe.boot.free import FreeAddresses
from pxe.boot.lease_records import HOLD_SECONDS, QUARANTINE_SECONDS, Lease, LeaseState, Records
from pxe.errors import NoAddress, PlanError
from pxe.plan import Machine
from pxe.settings import AddressRange, Subnet

__all__ = ["HOLD_SECONDS", "QUARANTINE_SECONDS", "Lease", "LeaseState", "LeaseTable", "Pool", "Records"]

_MAX_KEPT = 64  # addresses kept for machines that we know, a quarter of a small pool at most
_HASH_TRIES = 4
_RESERVED_AGAIN = 60.0  # seconds until an address that is reserved for a machine is looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Addresses that may be given: those in `ranges` to anybody, any other of the network by reservation."""

    network: IPv4Network
    ranges: tuple[AddressRange, ...] = ()
    excluded: frozenset[IPv4Address] = frozenset()  # our own, the router's and the like
    lease_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for part in self.ranges:
            if not (part.first in self.network and part.last in self.network and part.first <= part.last):
                raise PlanError(
                    f"the DHCP pool {part.first}-{part.last} does not lie in {self.network}: "
                    "set its first and last address to the first and last one to give away there"
                )

    @classmethod
    def of(cls, subnet: Subnet, ours: IPv4Address) -> "Pool":
        """The pool of a subnet in which `ours`, its router and its name servers are not to be given."""
        fixed = {ours, *subnet.dns} | ({subnet.router} if subnet.router else set())
        return cls(
            network=subnet.network,
            ranges=subnet.ranges,
            excluded=frozenset(fixed),
            lease_seconds=subnet.lease_seconds,
        )

    def numbers(self) -> list[range]:
        """The ranges as numbers, in order, each address once."""
        found: list[range] = []
        for part in sorted(self.ranges, key=lambda part: part.first):
            low = max(int(part.first), found[-1].stop if found else 0)
            if low <= int(part.last):
                found.append(range(low, int(part.last) + 1))
        return found


class LeaseTable:
    """Holds and leases of one subnet; those of others are in the same `records`.

    `reserved_for` (address -> MAC of its DHCP reservation, None where free) is asked anew at every decision,
    so that a change counts at once. Not thread-safe.
    """

    def __init__(
        self,
        pool: Pool,
        reserved_for: Callable[[IPv4Address], str | None],
        records: Records | None = None,
    ) -> None:
        self.pool = pool
        self.records = records if records is not None else Records()
        self._reserved_for = reserved_for
        ends = (pool.network.network_address, pool.network.broadcast_address)
        self._never = {int(ip) for ip in (*pool.excluded, *(ends if pool.network.prefixlen < 31 else ()))}
        self._low, self._high = int(pool.network.network_address), int(pool.network.broadcast_address)
        self._ranges = pool.numbers()
        self._size = sum(len(part) for part in self._ranges)
        everybody, kept = _split(self._ranges, min(_MAX_KEPT, self._size // 4))
        self._kept = kept
        self._free = FreeAddresses(everybody, self._taken_until)
        self._free_for_known = FreeAddresses(kept, self._taken_until)
        self.records.on_free(self._free.release)
        self.records.on_free(self._free_for_known.release)

    def leases(self) -> list[Lease]:
        """All records, also those that have run out."""
        return list(self.records.by_ip.values())

    def lease_of(self, mac: str) -> Lease | None:
        """The machine's latest lease, active or not."""
        return self.records.by_mac.get(mac)

    def owner(self, ip: IPv4Address) -> str | None:
        """As `Records.owner`."""
        return self.records.owner(ip)

    def may_give(self, ip: IPv4Address) -> bool:
        """Whether the address is one of the pool, or reserved."""
        number = int(ip)
        if not self._usable(number):
            return False
        return self._in_pool(number) or self._reserved_for(ip) is not None

    def is_anybodys(self, ip: IPv4Address) -> bool:
        """Whether the address is one of the pool, and reserved for nobody."""
        return self._usable(int(ip)) and self._in_pool(int(ip)) and self._reserved_for(ip) is None

    def is_reserved_for(self, ip: IPv4Address, mac: str) -> bool:
        """Whether the address is kept for that machine: it may have it by hand as well."""
        return self._reserved_for(ip) == mac

    def offer(
        self, machine: Machine, requested: IPv4Address | None, now: float, *, known: bool = True
    ) -> IPv4Address:
        """Choose an address and hold it for the machine for HOLD_SECONDS.

        Its reservation first, then what it was offered or had before, then what it asks for, then any of the
        pool. A reservation that somebody else still uses is passed over, so that the machine boots now.
        Some addresses are kept for machines that are `known`: whoever floods us with made-up ones cannot
        keep ours from booting. Raises NoAddress where the pool is used up.
        """
        held, lease = self.records.holds.get(machine.mac), self.records.by_mac.get(machine.mac)
        if requested is not None and not known and self._is_kept(int(requested)):
            requested = None
        before = (IPv4Address(held.ip) if held else None, lease.ip if lease else None)
        for ip in (machine.ip, *before, requested):
            if ip is not None and self._obstacle(ip, machine, now) is None:
                break
        else:
            ip = IPv4Address(self._search(machine.mac, now, known=known))
        self.records.hold(machine.mac, int(ip), now + HOLD_SECONDS)
        return ip

    def bind(self, machine: Machine, ip: IPv4Address, now: float, seconds: float | None = None) -> Lease:
        """Return the lease that gives `ip` to the machine from now on; to be stored, then applied.

        Raises NoAddress where the machine may not have it.
        """
        obstacle = self._obstacle(ip, machine, now)
        if obstacle is not None:
            raise NoAddress(obstacle)
        # Nobody else may bind it while ours is on its way to the disk.
        self.records.hold(machine.mac, int(ip), now + HOLD_SECONDS)
        return Lease(ip=ip, mac=machine.mac, expires=now + (seconds or self.pool.lease_seconds))

    def renew(self, machine: Machine, ip: IPv4Address, now: float, seconds: float | None = None) -> Lease:
        """As `bind`, for an address in use: a machine that got a reservation meanwhile is moved there.

        An address that we do not know as the machine's but that is free is granted: we may have lost our
        records, and the machine is using it anyway.
        """
        reserved = machine.ip
        if reserved not in (None, ip) and self._obstacle(reserved, machine, now) is None:
            raise NoAddress(f"{machine.mac} has a reservation for {reserved} and shall leave {ip}")
        self.records.pinged_itself(ip)
        return self.bind(machine, ip, now, seconds)

    def release(self, mac: str, ip: IPv4Address, now: float) -> Lease | None:
        """Return the record of the machine's giving `ip` up; None where it does not have it."""
        lease = self.records.by_mac.get(mac)
        if lease is None or lease.ip != ip or not lease.active(now):
            return None
        return replace(lease, state=LeaseState.RELEASED, expires=now)

    def decline(self, mac: str, ip: IPv4Address, now: float) -> Lease | None:
        """Return the record that keeps `ip` from everybody for QUARANTINE_SECONDS.

        None where it is not the machine's now: else one machine could decline the whole pool away, or what
        is on its way to another.
        """
        held, lease = self.records.holds.get(mac), self.records.by_mac.get(mac)
        mine = (held.ip if held else None, int(lease.ip) if lease and lease.active(now) else None)
        if int(ip) not in mine:
            return None
        return Lease(ip=ip, mac=mac, expires=now + QUARANTINE_SECONDS, state=LeaseState.DECLINED)

    def drop_hold(self, mac: str) -> None:
        """Forget what was offered to the machine: it chose another server."""
        self.records.drop_hold(mac)

    def apply(self, lease: Lease) -> None:
        """Take over a lease that is on disk."""
        self.records.apply(lease)

    def _usable(self, ip: int) -> bool:
        """Whether a machine of this subnet can have the address at all."""
        return self._low <= ip <= self._high and ip not in self._never

    def _in_pool(self, ip: int) -> bool:
        return any([ip in part for part in self._ranges])  # a generator would take twice as long

    def _is_kept(self, ip: int) -> bool:
        return any([ip in part for part in self._kept])

    def _taken_until(self, ip: int, now: float) -> float:
        if ip in self._never or self._reserved_for(IPv4Address(ip)) is not None:
            return now + _RESERVED_AGAIN
        return self.records.taken_until(ip, now)

    def _obstacle(self, ip: IPv4Address, machine: Machine, now: float) -> str | None:
        """Why the machine may not have `ip` now; None where it may."""
        number, records = int(ip), self.records
        if not self._usable(number):
            return f"{ip} is not an address for machines of {self.pool.network}"
        reserved = self._reserved_for(ip)
        if reserved is not None and reserved != machine.mac:
            return f"{ip} is reserved for {reserved}"
        if not self._in_pool(number) and ip != machine.ip:
            return f"{ip} is outside the pool {self._pool_text()}"
        lease = records.by_ip.get(number)
        if lease is not None and lease.active(now):
            if lease.state is LeaseState.DECLINED:
                return f"{ip} was declined by {lease.mac}: another host answers on it"
            if lease.mac != machine.mac:
                return f"{ip} is leased to {lease.mac}"
        storing = records.storing.get(number)
        if storing is not None and storing.mac != machine.mac:
            return f"{ip} is being given to {storing.mac}"
        held = records.held.get(number)
        if held is not None and held != machine.mac and now < records.holds[held].until:
            return f"{ip} is being offered to {held}"
        squatter = records.conflict(number, now)
        if squatter is not None and squatter != machine.mac:
            who = f"{squatter}, which answers ARP" if squatter else "a host that answers ping"
            return f"{ip} is in use by {who} on it"
        return None

    def _search(self, mac: str, now: float, *, known: bool) -> int:
        """A pool address: one that nobody ever had, else the one whose lease ran out longest ago.

        First a few after a hash of the MAC, so that a machine mostly gets the same one from an empty table.
        """
        start = zlib.crc32(mac.encode())
        for step in range(_HASH_TRIES if self._size else 0):
            ip = _nth(self._ranges, (start + step) % self._size)
            if self._taken_until(ip, now) == 0.0 and (known or not self._is_kept(ip)):
                return ip
        found = self._free.next(now)
        if found is None and known:
            found = self._free_for_known.next(now)
        if found is None:
            raise NoAddress(
                f"all {self._size} addresses of the pool {self._pool_text()} are in use: "
                "enlarge the pool or shorten the lease time"
            )
        return found

    def _pool_text(self) -> str:
        return ", ".join(f"{part.first}-{part.last}" for part in self.pool.ranges) or "(none)"


def _nth(ranges: Iterable[range], number: int) -> int:
    for part in ranges:
        if number < len(part):
            return part[number]
        number -= len(part)
    raise IndexError(number)


def _split(ranges: list[range], kept: int) -> tuple[list[range], list[range]]:
    """Cut the last `kept` addresses off."""
    everybody, rest = list(ranges), []
    while kept and everybody:
        last = everybody.pop()
        cut = min(kept, len(last))
        rest.append(last[len(last) - cut :])
        if cut < len(last):
            everybody.append(last[: len(last) - cut])
        kept -= cut
    return everybody, rest
