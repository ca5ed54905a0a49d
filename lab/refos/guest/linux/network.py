"""Name, addresses, resolvers and time of the real machine."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.machineconfig.model import Link, Route
from lab.refos.guest.linux import dns, links
from lab.refos.guest.linux.command import run
from lab.refos.guest.linux.dhcp import DhcpClient
from lab.refos.guest.model import PlatformError

_RUN = Path("/run")
_LEASES = _RUN / "refos/dhcp"
_DEFAULT_NAME = "refos"


class LinuxNetwork:
    """`changed` is called when a lease changes something."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._clients: dict[str, DhcpClient] = {}
        self._static: set[str] = set()
        self._servers: tuple[str, ...] = ()
        self._search: tuple[str, ...] = ()
        self._name = ""

    # -- name

    async def set_hostname(self, name: str) -> None:
        """Set it; none given: the one that DHCP gave."""
        self._name = name
        self._write_hostname()

    def _write_hostname(self) -> None:
        given = next((c.lease()["hostname"] for c in self._clients.values() if c.lease().get("hostname")), "")
        name = self._name or given or _DEFAULT_NAME
        if name == socket.gethostname():
            return
        try:
            socket.sethostname(name)
            (_RUN / "hostname").write_text(f"{name}\n")
            (_RUN / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
        except OSError as error:
            raise PlatformError(f"{name}: {error.strerror}") from None

    def hostname(self) -> str:
        """Return the kernel's."""
        return socket.gethostname()

    # -- addresses

    async def set_links(self, wanted: Sequence[Link]) -> None:
        """Configure the interfaces named, and take back what is on others that we configured."""
        plans = {links.name_of(link): link for link in wanted}
        if not plans:
            plans = {name: Link(name, dhcp=True) for name in links.names()[:1]}
        if not plans:
            raise PlatformError("this machine has no network interface")
        for name in [*self._clients, *self._static]:
            if name not in plans:
                await self._clear(name)
        await asyncio.gather(*(self._set_link(name, plan) for name, plan in plans.items()))

    async def _clear(self, name: str) -> None:
        client = self._clients.pop(name, None)
        if client is not None:
            await client.stop()
        self._static.discard(name)
        await run(["ip", "addr", "flush", "dev", name, "scope", "global"])

    async def _set_link(self, name: str, plan: Link) -> None:
        if not plan.up:
            await self._clear(name)
            await run(["ip", "link", "set", name, "down"])
            return
        options = ["mtu", str(plan.mtu)] if plan.mtu is not None else []
        await run(["ip", "link", "set", name, "up", *options])
        if plan.addresses or not plan.dhcp:
            await self._clear(name)
            self._static.add(name)
        for address in plan.addresses:
            await run(["ip", "addr", "add", str(address), "dev", name])
        for route in plan.routes:
            await run(_route(name, route))
        if plan.dhcp:
            client = self._clients.get(name)
            if client is None:
                client = self._clients[name] = DhcpClient(name, _LEASES, self._on_lease)
            await client.start()

    def _on_lease(self) -> None:
        self._write_hostname()
        self._write_resolvers()
        self._changed()

    def addresses(self) -> tuple[str, ...]:
        """Return those of all interfaces."""
        return links.addresses()

    # -- resolvers

    async def set_resolvers(self, servers: Sequence[str], search: Sequence[str]) -> None:
        """Write /run/resolv.conf."""
        self._servers, self._search = tuple(servers), tuple(search)
        self._write_resolvers()

    def _write_resolvers(self) -> None:
        servers, search = self.resolvers()
        lines = [f"nameserver {server}" for server in servers]
        if search:
            lines.append(f"search {' '.join(search)}")
        (_RUN / "resolv.conf").write_text("".join(f"{line}\n" for line in lines))

    def resolvers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the configured ones; without those, what DHCP gave."""
        leases = [client.lease() for client in self._clients.values()]
        servers = self._servers or tuple(word for lease in leases for word in lease.get("dns", "").split())
        search = self._search or tuple(word for lease in leases for word in lease.get("search", "").split())
        return servers, search

    async def resolve(self, name: str) -> tuple[str, ...]:
        """Ask them."""
        return await dns.resolve(self.resolvers()[0], name)

    async def gateway_fault(self) -> str:
        """See whether the default gateway answers ARP."""
        return await links.gateway_fault()

    # -- time

    async def set_time(self, servers: Sequence[str]) -> None:
        """Ask the servers; none named: init has set the clock from the real-time clock."""
        if servers:
            from lab.refos.guest.linux.sntp import synchronise

            await synchronise(servers)


def _route(link: str, route: Route) -> list[str]:
    command = ["ip", "route", "replace", str(route.destination)]
    if route.gateway is not None:
        command += ["via", str(route.gateway)]
    command += ["dev", link]
    return command if route.metric is None else [*command, "metric", str(route.metric)]
