"""One node that answers the Talos machine API as lab.systems.interface.OsClient: Talos, and refos."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import cached_property
from pathlib import Path

from lab.clients.talos import talosconfig
from lab.clients.talos.client import NodeClient
from lab.clients.talos.errors import NodeAccessDenied, NodeRefused, NotOffered, printable
from lab.clients.talos.model import NodeVersion
from lab.clients.talos.tls import Credentials, Maintenance, MutualTls
from lab.clients.talos.upgrade import upgrade
from lab.errors import UsageError
from lab.systems.interface import Facts, Health, Step

ACCESS = ("talosconfig", "context", "insecure", "fingerprint", "timeout")
_DIFFERENCE, _NOTHING = "Config diff:", "No changes."
_KERNEL = "/proc/sys/kernel/osrelease"
_BOOTED = ("runtime", "BootedEntries.talos.dev")


class TalosClient:
    """A node at `address` (`:port` where it is not 50000). `access`: `talosconfig` (a file; talosctl's own by
    default) and `context`, or `insecure` with the console's `fingerprint`; `timeout` in seconds.

    Raises UsageError for an option that there is not, ConfigError for a talosconfig that cannot be used.
    """

    def __init__(self, address: str, access: Mapping[str, str], system: str = "talos") -> None:
        self._system, self._address = system, address
        self._timeout = _seconds(access.get("timeout", "20"))
        self._credentials = credentials(access)

    @cached_property
    def _node(self) -> NodeClient:
        """Made in the event loop that uses it, which grpclib takes for its own."""
        return NodeClient(self._address, self._credentials, timeout=self._timeout)

    async def facts(self) -> Facts:
        """Return version, name, slot and kernel; Talos up to 1.12 says none of it in maintenance."""
        found = await self._version()
        return Facts(
            system=self._system,
            version=found.tag if found else "",
            arch=found.arch if found else "",
            hostname=await self._hostname(),
            slot=await self._slot(),
            kernel=await self._kernel(),
        )

    async def health(self) -> Health:
        """Return the machine's stage, and which of its own conditions are not met."""
        status = await self._node.resources.machine_status()
        reasons = tuple(printable(f"{name}: {reason}") for name, reason in status.unmet)
        return Health(status.ready, printable(status.stage), reasons)

    async def configure(self, config: str, *, dry_run: bool = False) -> str:
        """Give it a whole machine configuration (YAML); the node itself says the difference."""
        trial = await self._node.apply(config, dry_run=True)
        if not dry_run:
            await self._node.apply(config)
        said = trial.details.rpartition(_DIFFERENCE)[2].strip()
        return "" if said == _NOTHING else said

    async def upgrade(self, source: str) -> AsyncIterator[Step]:
        """Upgrade to an installer image (Talos) or a bundle's URL (refos), by the API that the node has."""
        async with aclosing(upgrade(self._node, source)) as steps:
            async for step in steps:
                yield Step(step.stage, step.message, step.done, step.total)
        await (
            self.close()
        )  # to the boot that ends now, without always saying so; the next call connects again

    async def rollback(self) -> None:
        """Reboot into the other slot."""
        await self._node.rollback()
        await self.close()

    async def close(self) -> None:
        """Close the connection; may be called twice."""
        await self._node.connection.close()

    async def _version(self) -> NodeVersion | None:
        try:
            return await self._node.version()
        except NotOffered:
            return None

    async def _hostname(self) -> str:
        try:
            return await self._node.hostname()
        except NotOffered:
            return ""

    async def _slot(self) -> str:
        try:
            found = await self._node.resources.all(*_BOOTED)
        except NodeRefused:  # Talos before it had this type
            return ""
        spec = found[0].spec if found else {}
        return printable(str(spec.get("bootedEntry", ""))) if isinstance(spec, dict) else ""

    async def _kernel(self) -> str:
        """Files are for who is admin."""
        try:
            content = b"".join([piece async for piece in self._node.read(_KERNEL)])
        except (NodeAccessDenied, NodeRefused):
            return ""
        return printable(content.decode("ascii", "replace").strip())


def credentials(access: Mapping[str, str]) -> Credentials:
    """What to show to a node. Raises UsageError, ConfigError."""
    unknown = sorted(set(access) - set(ACCESS))
    if unknown:
        raise UsageError(f"{unknown[0]}: no such option; a node of this system has {', '.join(ACCESS)}")
    insecure = access.get("insecure", "") not in ("", "false", "no")
    if access.get("fingerprint") and not insecure:
        raise UsageError("fingerprint is for insecure: a configured node is known by its authority")
    if insecure:
        return Maintenance(access.get("fingerprint", ""))
    path = Path(access["talosconfig"]) if access.get("talosconfig") else talosconfig.default_path()
    context = talosconfig.load(path).context(access.get("context", ""))
    talosconfig.expiry_of(context)
    return MutualTls(context.ca, context.client)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise UsageError(f"timeout {text}: must be a number of seconds, more than 0 and at most 3600")
    return seconds
