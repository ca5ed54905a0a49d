"""Wait for a node: until it has booted again, until it is ready."""

import asyncio
from contextlib import aclosing

from lab.clients.talos.client import NodeClient
from lab.clients.talos.errors import NodeAccessDenied, NodeError, NodeRefused
from lab.clients.talos.model import MachineStatus
from lab.clients.talos.resources import KINDS, status_of
from lab.clients.talos.tls import Credentials

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PAUSE_SECONDS = 0.5


async def boot_mark(client: NodeClient) -> str:
    """What differs from boot to boot: the kernel's boot id, or its boot time for who may not read files."""
    try:
        return b"".join([piece async for piece in client.read(_BOOT_ID)]).decode("ascii", "replace").strip()
    except (NodeAccessDenied, NodeRefused):
        return f"boot time {(await client.statistics()).boot_time}"


async def wait_ready(
    node: str, credentials: Credentials, *, seconds: float, other_than: str = ""
) -> MachineStatus:
    """Wait until the node says that it is ready, in another boot than that of the mark `other_than`.

    Raises NodeError with the last thing that was seen where it takes longer than `seconds`, NodeAccessDenied
    at once where it refuses our certificate.
    """
    seen = ["nothing was heard of it"]
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    async with NodeClient(node, credentials, timeout=min(seconds, 10.0)) as client:
                        status = await _ready(client, other_than, seen)
                    if status is not None:
                        return status
                except NodeError as exc:
                    seen.append(str(exc).removeprefix(f"node {node}: "))
                del seen[:-1]
                await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise NodeError(node, f"is not ready after {seconds:g} s: {seen[-1]}") from None


async def _ready(client: NodeClient, other_than: str, seen: list[str]) -> MachineStatus | None:
    """The status of a node once it is ready; None where it ends the watch before."""
    same = other_than != "" and await boot_mark(client) == other_than
    changes = client.resources.watch(*KINDS["machinestatus"], "machine")
    async with aclosing(changes):
        async for change in changes:
            if change.resource is None:
                continue
            status = status_of(change.resource)
            unmet = "; ".join(f"{name}: {reason}" for name, reason in status.unmet)
            seen.append("it has not rebooted" if same else f"stage {status.stage} {unmet}".rstrip())
            if status.ready and not same:
                return status
    return None
