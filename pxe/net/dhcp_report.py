"""What the DHCP server tells: events and log lines, as many as anybody can read.

A rack makes some thousand messages when it is switched on, a flood that many each second. Beyond a budget
they are counted, and the count is told once a second: the events of a machine that boots must not be driven
out of the ring by those of a machine that was made up. Machines that we know have a budget of their own.
"""

import logging
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.decision import Decision
from pxe.budget import Budget
from pxe.events import DhcpSkipped, Event, OtherServer, PacketMalformed

_log = logging.getLogger("pxe.net.dhcp")

_KNOWN: Final = (8000, 1000)  # events at once, and each second from then on
_STRANGERS: Final = (500, 50)
_LINES: Final = (500, 100)
_SERVERS: Final = 64  # other DHCP servers that are told apart
_SERVER_SECONDS: Final = 60.0  # between two events of one of them


class Reporter:
    """Hands events to `emit` and lines to the log. To be used from one thread."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        now = time.monotonic()
        self._emit = emit
        self._known, self._strangers = Budget(*_KNOWN, now), Budget(*_STRANGERS, now)
        self._lines = Budget(*_LINES, now)
        self._servers: dict[IPv4Address, float] = {}
        self._told = now

    def received(self, decision: Decision, t_ns: int) -> None:
        """A client's message came."""
        if self._may(decision, t_ns):
            self._emit(decision.received(t_ns))
        if decision.other_server is not None:
            self._other_server(decision.other_server, decision.client.mac, t_ns)

    def sent(self, decision: Decision, t_ns: int) -> None:
        """Our answer left."""
        if not self._may(decision, t_ns):
            return
        event = decision.sent(t_ns)
        self._emit(event)
        if self._lines.spend(t_ns / 1e9):
            client = decision.client
            _log.info(
                "%s %s to %s (%s), file %r",
                event.message,
                event.ip,
                client.mac,
                client.firmware,
                event.bootfile,
            )

    def ignored(self, decision: Decision, t_ns: int, reason: str = "", level: int = logging.INFO) -> None:
        """No answer leaves, for the decision's own reason or a later one."""
        if not self._may(decision, t_ns):
            return
        event = decision.ignored(t_ns, reason)
        self._emit(event)
        if self._lines.spend(t_ns / 1e9):
            _log.log(level, "%s from %s ignored: %s", event.message, event.mac, event.reason)

    def malformed(self, peer: str, reason: str, t_ns: int) -> None:
        """Bytes came that are no message."""
        if not self._strangers.spend(t_ns / 1e9):
            return
        if self._lines.spend(t_ns / 1e9):
            _log.warning("malformed DHCP message from %s: %s", peer, reason)
        self._emit(PacketMalformed(t_ns=t_ns, protocol="dhcp", peer=peer, reason=reason))

    def due(self, dropped: int) -> float | None:
        """When `tell_skipped` has something to say, in seconds of CLOCK_MONOTONIC; None: it has not."""
        return self._told + 1.0 if self._known.skipped or self._strangers.skipped or dropped else None

    def tell_skipped(self, dropped: Callable[[], int]) -> None:
        """Say how much was left out, at most once a second; `dropped` counts messages not even looked at."""
        now = time.monotonic()
        if now - self._told < 1.0:
            return
        self._told = now
        strangers = self._strangers.skipped + dropped()
        count = self._known.skipped + strangers
        if count == 0:
            return
        self._known.skipped = self._strangers.skipped = self._lines.skipped = 0
        self._emit(DhcpSkipped(t_ns=time.monotonic_ns(), count=count, strangers=strangers))

    def _may(self, decision: Decision, t_ns: int) -> bool:
        return (self._known if decision.known else self._strangers).spend(t_ns / 1e9)

    def _other_server(self, server: IPv4Address, mac: str, t_ns: int) -> None:
        last = self._servers.get(server)
        if last is not None and t_ns / 1e9 - last < _SERVER_SECONDS:
            return
        if last is None and len(self._servers) >= _SERVERS:
            del self._servers[min(self._servers, key=lambda ip: self._servers[ip])]
        self._servers[server] = t_ns / 1e9
        self._emit(OtherServer(t_ns=t_ns, mac=mac, server=str(server)))
