"""The receivers together: sockets, what becomes of each record, and the words in the log."""

import asyncio
import dataclasses
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.clients.talos.events import summary
from lab.clients.talos.kernellog import KernelLine, kernel_log, kernel_log_datagrams
from lab.clients.talos.model import NodeEvent
from lab.clients.talos.sink import PlainServer, event_sink
from lab.errors import InfrastructureError
from lab.receivers.notebook import Budgets, Notebook
from lab.receivers.relay import Relay, relaying
from lab.receivers.siderolink import Join, Provision, public_key

_log = logging.getLogger(__name__)
_INFO, _ERROR = 6, 3  # severities of RFC 5424
RECORDS = (4000, 500)  # of one address: at once (all since its boot), and each second
_WORDS = (20, 1)  # of one address in our log
_SAID = ("MachineStatusEvent", "ConfigLoadErrorEvent", "ConfigValidationErrorEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Ports, None: not received. `address` is listened on, `server` is ours as nodes see it.

    `lines` is the boot service's socket for lines, None: it takes none.
    """

    address: str
    server: str
    folder: Path
    events: int | None = None
    kernel_log: int | None = None
    siderolink: int | None = None
    token: str = ""
    lines: Path | None = None


class Hearing:
    """What becomes of what is heard: to the disk, to the boot service, and what matters most to the log."""

    def __init__(self, notebook: Notebook, relay: Relay | None) -> None:
        self._notebook, self._relay = notebook, relay
        self._records, self._words = Budgets(*RECORDS), Budgets(*_WORDS)

    def event(self, event: NodeEvent) -> None:
        """Take an event of a node."""
        bad = bool(event.fault or event.fields.get("error"))
        text = f"{event.kind} {summary(event)}".strip()
        if self._keep("events", event):
            self._hand_on(event.node, "event", text, _ERROR if bad else _INFO)
            if event.kind in _SAID or event.fault:
                self._say(event.node, text)

    def kernel(self, line: KernelLine) -> None:
        """Take a line of a node's kernel."""
        if self._keep("kernel", line):
            severity = line.priority & 7 if line.priority is not None else None
            text = f"{line.message}  ({line.fault})" if line.fault else line.message
            self._hand_on(line.node, "kmsg", text, severity, line.sequence)
            if line.fault:
                self._say(line.node, f"kernel log: {line.fault}")

    def join(self, join: Join) -> None:
        """Take an attempt to join."""
        if join.refused:
            text = f"SideroLink: {join.node_uuid or 'a node'} is refused: {join.refused}"
        else:
            text = f"SideroLink: {join.node_uuid} may join as {join.address}; no tunnel is made"
        if self._keep("joins", join):
            self._hand_on(join.node, "event", text, _ERROR if join.refused else _INFO)
            self._say(join.node, text)

    def _keep(self, kind: str, record: NodeEvent | KernelLine | Join) -> bool:
        """Write it down, unless its node says too much."""
        left_out = self._records.spend(record.node)
        if left_out is None:
            return False
        if left_out:
            self._notebook.write(kind, {"node": record.node, "left_out": left_out})
            self._say(record.node, f"says more than is kept: {left_out} records left out")
        self._notebook.write(kind, _as_dict(record))
        return True

    def _say(self, node: str, text: str) -> None:
        if self._words.spend(node) is not None:
            _log.info("%s: %s", node, text)

    def _hand_on(
        self, node: str, source: str, text: str, severity: int | None, number: int | None = None
    ) -> None:
        if self._relay is not None and text:
            self._relay.hand_on(node, source, text, severity=severity, number=number)


def _as_dict(record: NodeEvent | KernelLine | Join) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(record).items() if value not in ("", None)}


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Receive until SIGTERM or SIGINT; calls `ready` with one line once all is bound.

    Raises InfrastructureError where an address cannot be had.
    """
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with receiving(settings) as said:
        ready(said)
        await over.wait()


@asynccontextmanager
async def receiving(settings: Settings) -> AsyncIterator[str]:
    """Receive while the context is open; yields what is bound, as a sentence."""
    said = []
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(relaying(settings.lines))
        hearing = Hearing(Notebook(settings.folder), relay)
        if settings.events is not None:
            listener = _bound(stack, settings.address, settings.events, socket.SOCK_STREAM, "events")
            await stack.enter_async_context(event_sink(hearing.event, listener))
            said.append(f"events on {settings.address}:{listener.getsockname()[1]}")
        if settings.kernel_log is not None:
            tcp = _bound(stack, settings.address, settings.kernel_log, socket.SOCK_STREAM, "kernel logs")
            port = tcp.getsockname()[1]
            udp = _bound(stack, settings.address, port, socket.SOCK_DGRAM, "kernel logs")
            await stack.enter_async_context(kernel_log(hearing.kernel, tcp))
            await stack.enter_async_context(kernel_log_datagrams(hearing.kernel, udp))
            said.append(f"kernel logs on {settings.address}:{port} (TCP, UDP)")
        if settings.siderolink is not None:
            listener = _bound(stack, settings.address, settings.siderolink, socket.SOCK_STREAM, "SideroLink")
            key = public_key(settings.folder / "siderolink.key")
            await stack.enter_async_context(
                _provision(Provision(settings.token, settings.server, key, hearing.join), listener)
            )
            said.append(
                f"SideroLink's join on {settings.address}:{listener.getsockname()[1]} (tokens, no tunnel)"
            )
        yield f"{', '.join(said)}; written to {settings.folder}"


@asynccontextmanager
async def _provision(service: Provision, listener: socket.socket) -> AsyncIterator[None]:
    server = PlainServer(service)
    await server.start(sock=listener)
    try:
        yield
    finally:
        await server.end()


def _bound(
    stack: AsyncExitStack, address: str, port: int, kind: socket.SocketKind, what: str
) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = stack.enter_context(socket.socket(family, kind | socket.SOCK_NONBLOCK))
    try:
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if kind is socket.SOCK_STREAM:
            sock.listen()
    except OSError as exc:
        raise InfrastructureError(f"cannot listen for {what} on {address}:{port}: {exc.strerror}") from exc
    return sock
