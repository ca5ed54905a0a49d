"""What DHCP saw of each machine: so that TFTP and HTTP choose its plan with the same facts. Bounded."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from pxe.boot.classify import Client
from pxe.plan import Arch, Firmware

CAPACITY = 4096  # machines; the one not heard of for the longest time is forgotten first


@dataclass(slots=True, kw_only=True)
class Sighting:
    """A machine as DHCP saw it. `first` and `last` in seconds since 1970; `count` counts messages."""

    client: Client
    first: float
    last: float
    count: int = 1


class Sightings:
    """The newest Client of each MAC. One thread writes, any thread reads."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[str, Sighting] = OrderedDict()  # in the order of `last`

    def see(self, client: Client, now: float) -> None:
        """Note that `client` was heard of at `now`, seconds since 1970."""
        known = self._seen.get(client.mac)
        if known is None:
            self._seen[client.mac] = Sighting(client=client, first=now, last=now)
            if len(self._seen) > self._capacity:
                self.forget(next(iter(self._seen)))
            return
        newest = client if client == known.client else joined(known.client, client)
        self._seen[client.mac] = Sighting(client=newest, first=known.first, last=now, count=known.count + 1)
        self._seen.move_to_end(client.mac)

    def client(self, mac: str) -> Client | None:
        """The newest Client of that MAC; None where it was not heard of."""
        known = self._seen.get(mac)
        return known.client if known is not None else None

    def all(self) -> list[Sighting]:
        """All of them, the one heard of last at the end."""
        return list(self._seen.values())

    def forget(self, mac: str) -> None:
        """Drop what was seen of that MAC."""
        self._seen.pop(mac, None)


def joined(before: Client, now: Client) -> Client:
    """Return the newest client, with what an earlier stage of the same machine told and this one does not.

    A running kernel (an installer that asks DHCP again and then fetches its preseed) says nothing of the
    firmware that booted it: it must not lose the plan that a rule for that firmware gave to it.
    """
    if now.firmware in (Firmware.OS, Firmware.UNKNOWN) and before.firmware is not Firmware.UNKNOWN:
        return replace(before, uuid=now.uuid or before.uuid, serial=now.serial or before.serial)
    return replace(
        now,
        arch=now.arch if now.arch is not Arch.UNKNOWN else before.arch,
        uuid=now.uuid or before.uuid,
        serial=now.serial or before.serial,
    )
