"""What a node tells of itself unasked, as its settings and its config say: events, and the kernel's log."""

import asyncio
from typing import TYPE_CHECKING

from lab.machineconfig import Endpoint, KernelLog, MachineConfig

if TYPE_CHECKING:
    from lab.refos.guest.node import Node

_FLUSH_SECONDS = 2.0


class Reporting:
    """The receivers that the settings and the active configuration name, each served by a task."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._tasks: dict[Endpoint | KernelLog, asyncio.Task[None]] = {}

    def update(self, config: MachineConfig | None) -> None:
        """Serve what is to be served with this configuration, and nobody else."""
        wanted = self._wanted(config)
        for gone in [receiver for receiver in self._tasks if receiver not in wanted]:
            self._tasks.pop(gone).cancel()
        for receiver in wanted:
            if receiver not in self._tasks:
                work = asyncio.get_running_loop().create_task(self._serve(receiver))
                self._tasks[receiver] = work

    def _wanted(self, config: MachineConfig | None) -> list[Endpoint | KernelLog]:
        """One event sink, that of the configuration first; every receiver of the kernel's log, each once."""
        settings = self._node.settings
        logs = (*settings.kernel_logs, *(config.kernel_logs if config is not None else ()))
        named = {(log.transport, log.endpoint): log for log in reversed(logs)}
        sink = (config.event_sink if config is not None else None) or settings.event_sink
        return [*named.values(), *([sink] if sink is not None else [])]

    async def _serve(self, receiver: Endpoint | KernelLog) -> None:
        # Imported when somebody wants it: imports are the long part of a boot.
        if isinstance(receiver, KernelLog):
            from lab.refos.guest.kernellog import forward

            await forward(self._node.platform.observer, receiver)
        else:
            from lab.refos.guest.eventsink import publish

            await publish(self._node, receiver)

    async def flush(self) -> None:
        """Wait until the event sink has everything, two seconds at most."""
        sinks = [receiver for receiver in self._tasks if isinstance(receiver, Endpoint)]
        if not sinks:
            return
        deadline = self._node.now() + _FLUSH_SECONDS
        while self._node.events_sent < self._node.events.next_number and self._node.now() < deadline:
            self._node.changed.notify()
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Serve nobody any more."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
