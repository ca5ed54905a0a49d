"""One node's API for code that is not asynchronous: the command line, tests."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import Any, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from lab.clients.talos import upgrade as upgrades
from lab.clients.talos.client import NodeClient
from lab.clients.talos.model import (
    Applied,
    ApplyMode,
    MachineStatus,
    NodeEvent,
    NodeVersion,
    Progress,
    Resolvers,
)
from lab.clients.talos.tls import Credentials
from lab.clients.talos.waiting import boot_mark, wait_ready
from lab.machineapi import machine_pb2

P = ParamSpec("P")
T = TypeVar("T")


class Node:
    """A node; a context manager. What it has as a method does what NodeClient's method of that name does.

    For the rest: `node.call(node.client.disks)`, `for line in node.each(node.client.dmesg(follow=True))`.
    """

    client: NodeClient

    def __init__(self, node: str, credentials: Credentials, *, timeout: float = 20.0) -> None:
        self.name = node
        self.credentials = credentials
        self._timeout = timeout
        self._running = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal())
        self.client = self.call(self._open)
        self._stack.callback(self._portal.call, self.client.connection.close)
        self._running = True
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._stack.close()

    def call(self, method: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what is asynchronous and wait for what it returns."""

        async def run() -> T:
            return await method(*args, **kwargs)

        return self._portal.call(run)

    def each(self, stream: AsyncGenerator[T, None], *, until: float | None = None) -> Iterator[T]:
        """Yield what a stream yields, until the time `until` (time.monotonic) at most.

        Leaving the loop, or Ctrl-C, ends the stream.
        """
        try:
            while True:
                step = self._portal.start_task_soon(anext, stream, None)
                try:
                    item = step.result(None if until is None else max(0.0, until - monotonic()))
                except BaseException as exc:
                    late = isinstance(exc, TimeoutError) and not step.done()
                    step.cancel()
                    if late:
                        return
                    raise
                if item is None:
                    return
                yield item
        finally:
            if self._running:  # else its loop, which is over, has ended it
                self._portal.call(stream.aclose)

    async def _open(self) -> NodeClient:
        return NodeClient(self.name, self.credentials, timeout=self._timeout)

    def version(self) -> NodeVersion:
        """What runs on the node."""
        return self.call(self.client.version)

    def apply(
        self,
        config: str,
        mode: ApplyMode = ApplyMode.AUTO,
        *,
        dry_run: bool = False,
        try_seconds: int | None = None,
    ) -> Applied:
        """Give the node a configuration."""
        return self.call(self.client.apply, config, mode, dry_run=dry_run, try_seconds=try_seconds)

    def upgrade(
        self, image: str, *, reboot: bool = True, stage: bool = False, force: bool = False
    ) -> Iterator[Progress]:
        """Upgrade to `image`; nothing happens before the first step is taken."""
        return self.each(upgrades.upgrade(self.client, image, reboot=reboot, stage=stage, force=force))

    def install(self, image: str, disk: str) -> Iterator[Progress]:
        """Install `image` on a disk; nothing happens before the first step is taken."""
        return self.each(upgrades.install(self.client, image, disk))

    def rollback(self) -> None:
        """Make the other slot the first again, and reboot into it."""
        self.call(self.client.rollback)

    def reboot(self, *, power_cycle: bool = False, force: bool = False) -> str:
        """Reboot; returns the actor id."""
        return self.call(self.client.reboot, power_cycle=power_cycle, force=force)

    def shutdown(self, *, force: bool = False) -> str:
        """Switch the node off; returns the actor id."""
        return self.call(self.client.shutdown, force=force)

    def reset(self, *, graceful: bool = True, reboot: bool = False, labels: Sequence[str] = ()) -> str:
        """Wipe the system disk, or partitions by label; returns the actor id."""
        return self.call(self.client.reset, graceful=graceful, reboot=reboot, labels=labels)

    def services(self) -> Sequence[machine_pb2.ServiceInfo]:
        """The node's services."""
        return self.call(self.client.services)

    def statistics(self) -> machine_pb2.SystemStat:
        """The kernel's counters since boot."""
        return self.call(self.client.statistics)

    def mounts(self) -> Sequence[machine_pb2.MountStat]:
        """What is mounted."""
        return self.call(self.client.mounts)

    def listing(self, root: str, *, depth: int = 1) -> Iterator[machine_pb2.FileInfo]:
        """Yield what is below `root`."""
        return self.each(self.client.listing(root, depth=depth))

    def read(self, path: str) -> bytes:
        """A file's content."""
        return b"".join(self.each(self.client.read(path)))

    def events(self, *, tail: int = 0, after: str = "", until: float | None = None) -> Iterator[NodeEvent]:
        """Yield events: the last `tail` first (-1: all), or those after an id; until a time, or for ever."""
        return self.each(self.client.events(tail=tail, after=after), until=until)

    def machine_status(self) -> MachineStatus:
        """Stage and readiness."""
        return self.call(self.client.resources.machine_status)

    def resolvers(self) -> Resolvers:
        """The DNS servers in use."""
        return self.call(self.client.resources.resolvers)

    def machine_config(self, id: str = "v1alpha1") -> str:
        """The node's configuration, the active one or `persistent`."""
        return self.call(self.client.resources.machine_config, id)

    def boot_mark(self) -> str:
        """What differs from boot to boot."""
        return self.call(boot_mark, self.client)

    def wait_ready(self, seconds: float, *, other_than: str = "") -> MachineStatus:
        """Wait until the node is ready, in another boot than that of the mark `other_than`."""
        status = self.call(wait_ready, self.name, self.credentials, seconds=seconds, other_than=other_than)
        if other_than:  # our connection is to the boot before, which may not have had the time to end it
            self.call(self.client.connection.close)
        return status
