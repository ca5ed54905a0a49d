"""The event sink and the kernel log for code that is not asynchronous: records end up in a queue."""

import queue
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic

from anyio.from_thread import start_blocking_portal

from lab.clients.talos.events import milestones
from lab.clients.talos.kernellog import KernelLine, kernel_log
from lab.clients.talos.model import NodeEvent
from lab.clients.talos.sink import event_sink
from lab.errors import InfrastructureError
from lab.model import Milestone
from lab.sandbox import Sandbox
from lab.sandbox.listener import listen_inside

Record = NodeEvent | KernelLine

_MAX_KEPT = 100_000  # records; a node that never stops shall not fill the memory


class Ears:
    """What the lab hears of its nodes, in the order in which it came. Each record is taken once.

    `lost` counts records that found the queue full.
    """

    def __init__(self) -> None:
        self.events_port = 0
        self.kernel_port = 0
        self.lost = 0
        self._kept: queue.Queue[Record] = queue.Queue(_MAX_KEPT)

    def hear(self, record: Record) -> None:
        """Keep a record; called by the listeners."""
        try:
            self._kept.put_nowait(record)
        except queue.Full:
            self.lost += 1

    def records(self, until: float | None = None) -> Iterator[Record]:
        """Yield what was heard and what comes, until a time (time.monotonic), or for ever."""
        while True:
            wait = None if until is None else max(0.0, until - monotonic())
            try:
                yield self._kept.get(timeout=wait)
            except queue.Empty:
                return

    def wait(self, wanted: Callable[[Record], bool], seconds: float) -> Record:
        """Take records until one is wanted; those before it are gone. Raises TimeoutError."""
        for record in self.records(monotonic() + seconds):
            if wanted(record):
                return record
        raise TimeoutError(f"nothing of the kind was heard of a node within {seconds:g} s")

    def milestones(self) -> list[Milestone]:
        """Take all records that are there; return the milestones among them."""
        return [
            m for record in self.records(0.0) if isinstance(record, NodeEvent) for m in milestones(record)
        ]


@contextmanager
def listening(
    host: str, *, events_port: int = 0, kernel_port: int = 0, sandbox: Sandbox | None = None
) -> Iterator[Ears]:
    """Listen for nodes at `host`, on free ports where none are given; in a sandbox's network if there is one.

    Raises InfrastructureError where an address cannot be had.
    """
    ears = Ears()
    with ExitStack() as stack:
        events, kernel = (
            stack.enter_context(_socket(host, port, sandbox)) for port in (events_port, kernel_port)
        )
        ears.events_port, ears.kernel_port = events.getsockname()[1], kernel.getsockname()[1]
        portal = stack.enter_context(start_blocking_portal())
        stack.enter_context(portal.wrap_async_context_manager(event_sink(ears.hear, events)))
        stack.enter_context(portal.wrap_async_context_manager(kernel_log(ears.hear, kernel)))
        yield ears


def _socket(host: str, port: int, sandbox: Sandbox | None) -> socket.socket:
    if sandbox is not None:
        return listen_inside(sandbox, host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        raise InfrastructureError(f"cannot listen for nodes at {host}: {exc.strerror or exc}") from exc
