"""Leases, holds and conflicts of all subnets: what is so, without any rule about who may have what.

A machine has one lease, whatever subnet it is in: it has moved when it gets another. Keys are whole numbers
(see pxe.boot.free). Not thread-safe.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

HOLD_SECONDS = 60.0
QUARANTINE_SECONDS = 600.0  # an address in use by someone who did not ask us: let him go first
MAX_HOLDS = 65_536  # in all subnets: a flood of DISCOVERs ends here, at some 20 MB
MAX_CONFLICTS = 4096


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


@dataclass(slots=True)  # not frozen, which takes longer to make: there is one for each DISCOVER
class Hold:
    """An address that was offered."""

    ip: int
    until: float


class Records:
    """What is stored (`leases`), what is only offered (`holds`), and who was seen where he should not be."""

    def __init__(self, leases: Iterable[Lease] = ()) -> None:
        self.by_ip: dict[int, Lease] = {}
        self.by_mac: dict[str, Lease] = {}  # never a declined one: that is a record of the address alone
        self.holds: dict[str, Hold] = {}
        self.held: dict[int, str] = {}
        self.storing: dict[int, Lease] = {}  # on their way to the disk
        self._conflicts: dict[int, tuple[str, float]] = {}
        self._listeners: list[Callable[[int], None]] = []
        for lease in leases:
            self.apply(lease)

    def on_free(self, listener: Callable[[int], None]) -> None:
        """Have `listener` called with each address that became free before its time."""
        self._listeners.append(listener)

    def _tell(self, ip: int) -> None:
        for listener in self._listeners:
            listener(ip)

    def owner(self, ip: IPv4Address) -> str | None:
        """The MAC that has the address, or had it last and may still be using it.

        U-Boot never renews and sits at its prompt for hours; a Raspberry Pi 3 never even sends a REQUEST: so
        a lapsed lease and a lapsed offer count too, as long as nobody else got the address.
        """
        held = self.held.get(int(ip))
        if held is not None:
            return held
        lease = self.by_ip.get(int(ip))
        return lease.mac if lease is not None and lease.state is LeaseState.BOUND else None

    def hold(self, mac: str, ip: int, until: float) -> None:
        """Keep `ip` for the machine; what it held before, and who held this before, lets go."""
        hold = self.holds.get(mac)
        if hold is not None and hold.ip == ip:  # bound after it was offered
            hold.until = until
            self.holds[mac] = self.holds.pop(mac)
            return
        self.drop_hold(mac)
        lapsed = self.held.get(ip)
        if lapsed is not None:
            self.drop_hold(lapsed)
        if len(self.holds) >= MAX_HOLDS:
            self.drop_hold(next(iter(self.holds)))
        self.holds[mac] = Hold(ip, until)
        self.held[ip] = mac

    def drop_hold(self, mac: str) -> None:
        """Forget what was offered to the machine."""
        hold = self.holds.pop(mac, None)
        if hold is not None:
            del self.held[hold.ip]
            self._tell(hold.ip)

    def store(self, lease: Lease) -> None:
        """Note that a lease is on its way to the disk: till it is there, nobody else gets its address."""
        self.storing[int(lease.ip)] = lease

    def stored(self, lease: Lease, *, ok: bool) -> None:
        """Take over a lease that is on disk, or (not `ok`) forget one that the disk did not take."""
        self.storing.pop(int(lease.ip), None)
        if ok:
            self.apply(lease)

    def apply(self, lease: Lease) -> None:
        """Take over a lease that is on disk."""
        ip = int(lease.ip)
        hold = self.holds.get(lease.mac)
        if hold is not None and hold.ip == ip:
            del self.holds[lease.mac], self.held[ip]
        before = self.by_ip.get(ip)
        if before is not None and self.by_mac.get(before.mac) is before:
            del self.by_mac[before.mac]
        self.by_ip[ip] = lease
        if lease.state is LeaseState.DECLINED:
            return
        former = self.by_mac.get(lease.mac)
        if former is not None:  # of another address: one of this address was `before`
            del self.by_ip[int(former.ip)]
            self._tell(int(former.ip))
        self.by_mac[lease.mac] = lease
        if lease.state is LeaseState.RELEASED:
            self._tell(ip)

    def note_conflict(self, ip: IPv4Address, mac: str, now: float) -> bool:
        """Note that `mac` answers on an address that it was not given; return whether that is news. It is ""
        where ping found somebody, whose MAC it does not tell.

        Kept in memory alone: after a restart the probe finds it again.
        """
        key = int(ip)
        if self.owner(ip) == mac:
            return False
        news = self.conflict(key, now) is None
        self._conflicts.pop(key, None)
        if len(self._conflicts) >= MAX_CONFLICTS:
            del self._conflicts[next(iter(self._conflicts))]
        self._conflicts[key] = (mac, now + QUARANTINE_SECONDS)
        return news

    def pinged_itself(self, ip: IPv4Address) -> None:
        """Forget that somebody answers ping there: it was the machine that now renews the address."""
        if self._conflicts.get(int(ip), ("?", 0.0))[0] == "":
            del self._conflicts[int(ip)]

    def conflict(self, ip: int, now: float) -> str | None:
        """The MAC that was seen using the address without a lease; None where nobody was of late."""
        found = self._conflicts.get(ip)
        return found[0] if found is not None and now < found[1] else None

    def taken_until(self, ip: int, now: float) -> float:
        """When the address was or will be free for anybody; 0.0 where it never was taken."""
        until = 0.0
        lease = self.by_ip.get(ip)
        if lease is not None:
            until = lease.expires if lease.state is not LeaseState.RELEASED else min(lease.expires, now)
        held = self.held.get(ip)
        if held is not None:
            until = max(until, self.holds[held].until)
        if ip in self.storing:
            until = max(until, now + HOLD_SECONDS)
        seen = self._conflicts.get(ip)
        return max(until, seen[1]) if seen is not None else until
