"""Making a machine what its configuration says, as often as needed, and seeing whether it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from lab.machineconfig import MachineConfig
from lab.refos.guest.model import PlatformError
from lab.refos.guest.platform import Platform

_UNKNOWN = object()
Wanted = Callable[[MachineConfig | None], Any]
Apply = Callable[[Platform, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Aspect:
    """One thing that a configuration says: what it wants, how it is done, which condition it counts for."""

    name: str
    condition: str
    wanted: Wanted
    apply: Apply


def _hostname(config: MachineConfig | None) -> str:
    return (config.hostname if config is not None else None) or ""


def _resolvers(config: MachineConfig | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = config.resolvers if config is not None else None
    return ((), ()) if found is None else (tuple(map(str, found.servers)), found.search)


def _time(config: MachineConfig | None) -> tuple[str, ...] | None:
    if config is None:
        return ()
    return config.time_servers if config.time_enabled else None


async def _set_time(platform: Platform, servers: tuple[str, ...] | None) -> None:
    if servers is not None:
        await platform.network.set_time(servers)


_ASPECTS = (
    _Aspect("hostname", "network", _hostname, lambda p, name: p.network.set_hostname(name)),
    _Aspect("links", "network", lambda c: c.links if c else (), lambda p, v: p.network.set_links(v)),
    _Aspect("resolvers", "network", _resolvers, lambda p, v: p.network.set_resolvers(*v)),
    _Aspect("sysctls", "kernelParams", lambda c: dict(c.sysctls) if c else {}, lambda p, v: p.set_sysctls(v)),
    _Aspect("time", "time", _time, _set_time),
)


class Reconciler:
    """What was applied to one machine so far."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._applied: dict[str, Any] = {}

    async def settle(self, config: MachineConfig | None) -> dict[str, str]:
        """Apply what differs. Return the conditions that are not met, with the reason of each."""
        unmet: dict[str, str] = {}
        for aspect in _ASPECTS:
            wanted = aspect.wanted(config)
            if self._applied.get(aspect.name, _UNKNOWN) == wanted:
                continue
            try:
                await aspect.apply(self._platform, wanted)
            except PlatformError as error:
                unmet.setdefault(aspect.condition, f"{aspect.name}: {error}")
            else:
                self._applied[aspect.name] = wanted
        return unmet

    async def check_network(self) -> dict[str, str]:
        """Look for what can break by itself: that addresses are there, and that somebody else is, too."""
        network = self._platform.network
        if not network.addresses():
            return {"network": "no address"}
        if network.resolvers()[0]:
            fault = await self._resolver_fault()
        else:
            fault = await network.gateway_fault()
        return {"network": fault} if fault else {}

    async def _resolver_fault(self) -> str:
        """Ask for our own name: that it does not exist is an answer too."""
        network = self._platform.network
        _, search = network.resolvers()
        name = ".".join([network.hostname() or "localhost", *search[:1]])
        try:
            await network.resolve(name)
        except PlatformError as error:
            return str(error)
        return ""
