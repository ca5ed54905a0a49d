"""The lease table: which machine has which address. Pure: no clock, no disk.

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
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface

from pxe.errors import NoAddress, PlanError
from pxe.plan import Machine

HOLD_SECONDS = 60.0
QUARANTINE_SECONDS = 600.0  # a declined address is in use by someone who did not ask us: let him go first


class LeaseState(StrEnum):
    """What a lease record stands for."""

    BOUND = "bound"  # until `expires`; afterwards it is the memory of who had the address
    RELEASED = "released"
    DECLINED = "declined"  # someone else answers on it: nobody gets it until `expires`


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One address and who has (or had) it. `expires` is in seconds of the table's clock."""

    ip: IPv4Address
    mac: str
    expires: float
    state: LeaseState = LeaseState.BOUND

    def active(self, now: float) -> bool:
        """Whether the address may go to nobody else now."""
        return self.state is not LeaseState.RELEASED and now < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Addresses that may be given: `first` to `last` to anybody, any other of the subnet by reservation."""

    subnet: IPv4Interface  # our own address with its prefix
    first: IPv4Address
    last: IPv4Address
    excluded: frozenset[IPv4Address] = frozenset()  # router and the like; our own is always out
    lease_seconds: float = 3600.0

    def __post_init__(self) -> None:
        network = self.subnet.network
        if not (self.first in network and self.last in network and self.first <= self.last):
            raise PlanError(
                f"the DHCP pool {self.first}-{self.last} does not lie in {network}: "
                "set pool_start and pool_end to the first and last address to give away there"
            )

    def __contains__(self, ip: IPv4Address) -> bool:
        return self.first <= ip <= self.last and self.usable(ip)

    def usable(self, ip: IPv4Address) -> bool:
        """Whether a machine of this subnet can have the address at all."""
        network = self.subnet.network
        if ip not in network or ip == self.subnet.ip or ip in self.excluded:
            return False
        ends = (network.network_address, network.broadcast_address)
        return network.prefixlen >= 31 or ip not in ends

    def __len__(self) -> int:
        return max(0, int(self.last) - int(self.first) + 1)


@dataclass(frozen=True, slots=True)
class _Hold:
    ip: IPv4Address
    until: float


class LeaseTable:
    """Holds and leases of one subnet.

    `reserved_for` (address -> MAC of its DHCP reservation, None where free) is asked anew at every decision,
    so that a change counts at once. Not thread-safe.
    """

    def __init__(
        self,
        pool: Pool,
        reserved_for: Callable[[IPv4Address], str | None],
        leases: Iterable[Lease] = (),
    ) -> None:
        self.pool = pool
        self._reserved_for = reserved_for
        self._by_ip: dict[IPv4Address, Lease] = {}
        self._by_mac: dict[str, Lease] = {}  # never a declined one: that is a record of the address alone
        self._holds: dict[str, _Hold] = {}
        self._held: dict[IPv4Address, str] = {}
        for lease in leases:
            self.apply(lease)

    def leases(self) -> list[Lease]:
        """All records, also those that have run out."""
        return list(self._by_ip.values())

    def lease_of(self, mac: str) -> Lease | None:
        """The machine's latest lease, active or not."""
        return self._by_mac.get(mac)

    def owner(self, ip: IPv4Address) -> str | None:
        """The MAC that has the address, or had it last and may still be using it.

        U-Boot never renews and sits at its prompt for hours; a Raspberry Pi 3 never even sends a REQUEST: so
        a lapsed lease and a lapsed offer count too, as long as nobody else got the address.
        """
        held = self._held.get(ip)
        if held is not None:
            return held
        lease = self._by_ip.get(ip)
        return lease.mac if lease is not None and lease.state is LeaseState.BOUND else None

    def offer(self, machine: Machine, requested: IPv4Address | None, now: float) -> IPv4Address:
        """Choose an address and hold it for the machine for HOLD_SECONDS.

        Its reservation first, then what it was offered or had before, then what it asks for, then any of the
        pool. A reservation that somebody else still uses is passed over, so that the machine boots now.
        Raises NoAddress where the pool is used up.
        """
        held, lease = self._holds.get(machine.mac), self._by_mac.get(machine.mac)
        before = (held.ip if held else None, lease.ip if lease else None)
        for ip in (machine.ip, *before, requested):
            if ip is not None and self._obstacle(ip, machine, now) is None:
                break
        else:
            ip = self._search(machine, now)
        self._hold(machine.mac, ip, now)
        return ip

    def bind(self, machine: Machine, ip: IPv4Address, now: float) -> Lease:
        """Return the lease that gives `ip` to the machine from now on; to be stored, then applied.

        Raises NoAddress where the machine may not have it.
        """
        obstacle = self._obstacle(ip, machine, now)
        if obstacle is not None:
            raise NoAddress(obstacle)
        self._hold(machine.mac, ip, now)  # nobody else may bind it while ours is on its way to the disk
        return Lease(ip=ip, mac=machine.mac, expires=now + self.pool.lease_seconds)

    def renew(self, machine: Machine, ip: IPv4Address, now: float) -> Lease:
        """As `bind`, for an address in use: a machine that got a reservation meanwhile is moved there.

        An address that we do not know as the machine's but that is free is granted: we may have lost our
        records, and the machine is using it anyway.
        """
        reserved = machine.ip
        if reserved not in (None, ip) and self._obstacle(reserved, machine, now) is None:
            raise NoAddress(f"{machine.mac} has a reservation for {reserved} and shall leave {ip}")
        return self.bind(machine, ip, now)

    def release(self, mac: str, ip: IPv4Address, now: float) -> Lease | None:
        """Return the record of the machine's giving `ip` up; None where it does not have it."""
        lease = self._by_mac.get(mac)
        if lease is None or lease.ip != ip or not lease.active(now):
            return None
        return replace(lease, state=LeaseState.RELEASED, expires=now)

    def decline(self, mac: str, ip: IPv4Address, now: float) -> Lease | None:
        """Return the record that keeps `ip` from everybody for QUARANTINE_SECONDS.

        None where it is not the machine's now: else one machine could decline the whole pool away, or what
        is on its way to another.
        """
        held, lease = self._holds.get(mac), self._by_mac.get(mac)
        if ip not in (held.ip if held else None, lease.ip if lease and lease.active(now) else None):
            return None
        return Lease(ip=ip, mac=mac, expires=now + QUARANTINE_SECONDS, state=LeaseState.DECLINED)

    def drop_hold(self, mac: str) -> None:
        """Forget what was offered to the machine: it chose another server."""
        hold = self._holds.pop(mac, None)
        if hold is not None:
            del self._held[hold.ip]

    def apply(self, lease: Lease) -> None:
        """Take over a lease that is on disk."""
        hold = self._holds.get(lease.mac)
        if hold is not None and hold.ip == lease.ip:
            self.drop_hold(lease.mac)
        before = self._by_ip.get(lease.ip)
        if before is not None and self._by_mac.get(before.mac) is before:
            del self._by_mac[before.mac]
        self._by_ip[lease.ip] = lease
        if lease.state is LeaseState.DECLINED:
            return
        former = self._by_mac.get(lease.mac)
        if former is not None:
            del self._by_ip[former.ip]
        self._by_mac[lease.mac] = lease

    def _hold(self, mac: str, ip: IPv4Address, now: float) -> None:
        self.drop_hold(mac)
        lapsed = self._held.get(ip)
        if lapsed is not None:
            self.drop_hold(lapsed)
        self._holds[mac] = _Hold(ip, now + HOLD_SECONDS)
        self._held[ip] = mac

    def _obstacle(self, ip: IPv4Address, machine: Machine, now: float) -> str | None:
        """Why the machine may not have `ip` now; None where it may."""
        if not self.pool.usable(ip):
            return f"{ip} is not an address for machines of {self.pool.subnet.network}"
        reserved = self._reserved_for(ip)
        if reserved is not None and reserved != machine.mac:
            return f"{ip} is reserved for {reserved}"
        if ip not in self.pool and ip != machine.ip:
            return f"{ip} is outside the pool {self.pool.first}-{self.pool.last}"
        lease = self._by_ip.get(ip)
        if lease is not None and lease.active(now):
            if lease.state is LeaseState.DECLINED:
                return f"{ip} was declined by {lease.mac}: another host answers on it"
            if lease.mac != machine.mac:
                return f"{ip} is leased to {lease.mac}"
        held = self._held.get(ip)
        if held is not None and held != machine.mac and now < self._holds[held].until:
            return f"{ip} is being offered to {held}"
        return None

    def _search(self, machine: Machine, now: float) -> IPv4Address:
        """A pool address: one that nobody ever had, else the one whose lease ran out longest ago.

        The search starts at a hash of the MAC, so that a machine mostly gets the same address even from an
        empty table.
        """
        size = len(self.pool)
        start = zlib.crc32(machine.mac.encode())
        oldest: Lease | None = None
        for step in range(size):
            ip = self.pool.first + (start + step) % size
            if self._obstacle(ip, machine, now) is not None:
                continue
            lease = self._by_ip.get(ip)
            if lease is None:
                return ip
            if oldest is None or lease.expires < oldest.expires:
                oldest = lease
        if oldest is None:
            raise NoAddress(
                f"all {size} addresses of the pool {self.pool.first}-{self.pool.last} are in use: "
                "enlarge the pool or shorten the lease time"
            )
        return oldest.ip
