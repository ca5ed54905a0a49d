"""The event sink and the kernel log for code that is not asynchronous: records end up in a queue."""

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

from lab.clients.talos.events import milestones
from lab.clients.talos.kernellog import KernelLine, kernel_log
from lab.clients.talos.model import NodeEvent
from lab.clients.talos.sink import event_sink
from lab.errors import InfrastructureError
from lab.model import Milestone

Record = TypeVar("Record")

_MAX_KEPT = 100_000  # records; a node that never stops shall not fill the memory


@dataclass
class Ears:
    """What the lab hears of its nodes: `events` and `kernel` in the order in which they came."""

    host: str
    events_port: int = 0
    kernel_port: int = 0
    events: "queue.Queue[NodeEvent]" = field(default_factory=lambda: queue.Queue(_MAX_KEPT))
    kernel: "queue.Queue[KernelLine]" = field(default_factory=lambda: queue.Queue(_MAX_KEPT))
    lost: int = 0  # records that found the queue full

    def wait_event(self, wanted: Callable[[NodeEvent], bool], seconds: float) -> NodeEvent:
        """Take events until one is wanted; the others are gone. Raises TimeoutError."""
        return _wait(self.events, wanted, seconds)

    def wait_line(self, wanted: Callable[[KernelLine], bool], seconds: float) -> KernelLine:
        """Take kernel messages until one is wanted; the others are gone. Raises TimeoutError."""
        return _wait(self.kernel, wanted, seconds)

    def milestones(self) -> list[Milestone]:
        """Take all events that are there; return those that are milestones."""
        found: list[Milestone] = []
        while not self.events.empty():
            found += milestones(self.events.get_nowait())
        return found

    def _put(self, kept: "queue.Queue[Record]", record: Record) -> None:
        try:
            kept.put_nowait(record)
        except queue.Full:
            self.lost += 1


@contextmanager
def listening(host: str, *, events_port: int = 0, kernel_port: int = 0) -> Iterator[Ears]:
    """Listen for nodes at `host`, on free ports where none are given.

    Raises InfrastructureError where an address cannot be had.
    """
    ears = Ears(host)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        sink = event_sink(lambda event: ears._put(ears.events, event), host, events_port)
        log = kernel_log(lambda line: ears._put(ears.kernel, line), host, kernel_port)
        try:
            ears.events_port = stack.enter_context(portal.wrap_async_context_manager(sink))
            ears.kernel_port = stack.enter_context(portal.wrap_async_context_manager(log))
        except OSError as exc:
            raise InfrastructureError(f"cannot listen for nodes at {host}: {exc}") from exc
        yield ears


def _wait(kept: "queue.Queue[Record]", wanted: Callable[[Record], bool], seconds: float) -> Record:
    deadline = monotonic() + seconds
    while True:
        try:
            found = kept.get(timeout=max(0.0, deadline - monotonic()))
        except queue.Empty:
            raise TimeoutError(f"nothing of the kind was heard of a node within {seconds:g} s") from None
        if wanted(found):
            return found
