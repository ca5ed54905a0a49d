"""Receives what machines say over syslog and netconsole, and hands it on as lines of that machine.

What another program of ours heard of a machine (RELAY) goes the same way, with the address that it names.

Who sent a datagram is told by its address, as for TFTP; UDP proves nothing, so the lines are for reading and
decide nothing. Each sender has a budget; one that keeps sending beyond it is dropped by the kernel for a
second, so that a flood from one machine takes nothing from the others.
"""

import contextlib
import logging
import os
import select
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from pxe.budget import Budget
from pxe.events import Event, LogTrouble
from pxe.net.mute import mute
from pxe.trouble import RULES, Judge
from pxe.wire.logline import LogLine
from pxe.wire.netconsole import Assembler
from pxe.wire.relayed import parse_relayed
from pxe.wire.syslog import MAX_DATAGRAM, parse_syslog

_log = logging.getLogger(__name__)

RELAY: Final = "relay"
LINES: Final = (4000, 500)  # of one sender: at once (a kernel's whole log), and each second
_TROUBLES: Final = (20, 1)  # events of one sender
_WORDS: Final = (20, 1)  # lines of our own log about strangers
_FLOOD: Final = 500  # datagrams dropped within a second that make a flood
_SENDERS: Final = 2048  # addresses of machines that are told apart
_STRANGERS: Final = 512  # addresses without a machine that are remembered
_LOOKUPS: Final = (1000, 200)  # questions who is at an address: each costs more than a line
_ROUND: Final = 256  # datagrams taken before the clock is looked at
_TICK_SECONDS: Final = 1.0
_KNOWN_SECONDS: Final = 5.0  # for which an address is taken to be the same machine's
# U-Boot's word on an undefined variable means nothing here.
_JUDGE: Final = Judge([rule for rule in RULES if rule.name != "uboot-error"])

MacOf = Callable[[IPv4Address], str | None]
Take = Callable[[str, list[LogLine], int], None]


class _Sender:
    """One address: whose it is, what it may still say, and what it has not finished saying."""

    def __init__(self, address: IPv4Address, mac: str, now: float) -> None:
        self.address, self.mac = address, mac
        self.asked = self.heard = now
        self.budget = Budget(*LINES, now)
        self.troubles = Budget(*_TROUBLES, now)
        self.assembler = Assembler()
        self.dropped = 0  # datagrams since the last tick


class LogReceiver:
    """Serves sockets by source (`syslog`, `netconsole`), and owns them.

    `mac_of` says which machine is at an address, `take(mac, lines, t_ns)` gets its lines, `emit` an event for
    a line that means trouble.
    """

    def __init__(
        self, sockets: dict[str, socket.socket], mac_of: MacOf, take: Take, emit: Callable[[Event], None]
    ) -> None:
        self._by_fd = {sock.fileno(): (source, sock) for source, sock in sockets.items()}
        self._udp = [sock for source, sock in sockets.items() if source != RELAY]
        self._mac_of, self._take, self._emit = mac_of, take, emit
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._muted = False
        self._strangers: OrderedDict[str, float] = OrderedDict()  # when we asked
        self._lookups = Budget(*_LOOKUPS, time.monotonic())
        self._words = Budget(*_WORDS, time.monotonic())
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def stop(self) -> None:
        """Make `serve` return; from any thread, any number of times."""
        self._stopping = True
        with contextlib.suppress(OSError):  # closed: serve has returned already
            os.eventfd_write(self._wake, 1)

    def serve(self) -> None:
        """Receive until `stop`, then close the sockets."""
        poll = select.poll()
        for fd in (*self._by_fd, self._wake):
            poll.register(fd, select.POLLIN)
        ticked = time.monotonic()
        try:
            while not self._stopping:
                for fd, _ in poll.poll(_TICK_SECONDS * 1000):
                    if fd != self._wake:
                        self._drain(*self._by_fd[fd])
                if time.monotonic() - ticked >= _TICK_SECONDS:
                    ticked = time.monotonic()
                    self._tick(ticked)
        finally:
            for _, sock in self._by_fd.values():
                sock.close()
            os.close(self._wake)

    def _drain(self, source: str, sock: socket.socket) -> None:
        now, t_ns = time.monotonic(), time.monotonic_ns()
        for _ in range(_ROUND):
            try:
                data, peer = sock.recvfrom(MAX_DATAGRAM)
            except OSError:  # nothing left
                return
            if source == RELAY:
                self._on_relayed(data, now, t_ns)
            else:
                self._on_datagram(source, data, peer[0], now, t_ns)

    def _on_relayed(self, data: bytes, now: float, t_ns: int) -> None:
        """Whoever relays has seen to it that no machine says too much; the budget is for all it says."""
        found = parse_relayed(data)
        if found is None:
            return
        try:
            sender = self._sender(str(IPv4Address(found[0])), now)
        except ValueError:
            return
        if sender is not None and sender.budget.spend(now):
            sender.heard = now
            self._hand_on(sender, [found[1]], now, t_ns)

    def _sender(self, ip: str, now: float) -> _Sender | None:
        sender = self._senders.get(ip)
        if sender is None or now - sender.asked >= _KNOWN_SECONDS:
            sender = self._who(ip, sender, now)
        return sender

    def _on_datagram(self, source: str, data: bytes, ip: str, now: float, t_ns: int) -> None:
        sender = self._sender(ip, now)
        if sender is None:
            return
        if not sender.budget.spend(now):
            sender.dropped += 1
            if sender.dropped == _FLOOD:
                self._mute()
            return
        sender.heard = now
        found = parse_syslog(data) if source == "syslog" else sender.assembler.feed(data)
        allowed = found[:1] + [line for line in found[1:] if sender.budget.spend(now)]
        self._hand_on(sender, allowed, now, t_ns)

    def _who(self, ip: str, sender: _Sender | None, now: float) -> _Sender | None:
        """Ask which machine is at an address; None: none, or too many are made up to ask."""
        if now - self._strangers.get(ip, -_KNOWN_SECONDS) < _KNOWN_SECONDS or not self._lookups.spend(now):
            return sender
        address = IPv4Address(ip)
        mac = self._mac_of(address)
        if mac is None:
            self._senders.pop(ip, None)
            self._strange(ip, now)
            return None
        self._strangers.pop(ip, None)
        if sender is None or sender.mac != mac:
            sender = self._senders[ip] = _Sender(address, mac, now)
        sender.asked = now
        self._senders.move_to_end(ip)
        if len(self._senders) > _SENDERS:
            self._senders.popitem(last=False)
        return sender

    def _hand_on(self, sender: _Sender, found: list[LogLine], now: float, t_ns: int) -> None:
        if not found:
            return
        self._take(sender.mac, found, t_ns)
        for line in found:
            rule = _JUDGE.rule_of(line.text.encode())
            if rule is not None and sender.troubles.spend(now):
                self._emit(
                    LogTrouble(
                        t_ns=t_ns,
                        mac=sender.mac,
                        rule=rule.name,
                        line=line.text,
                        source=line.source,
                        fatal=rule.fatal,
                    )
                )

    def _tick(self, now: float) -> None:
        """Once a second: say what was left out, finish what is not going to be, hear the muted again."""
        t_ns = time.monotonic_ns()
        for sender in self._senders.values():
            sender.dropped = 0
            if sender.budget.skipped:
                count = sender.budget.take_skipped()
                text = f"{count} or more lines left out: this machine sends over {LINES[1]} a second"
                self._take(sender.mac, [LogLine(source="bootlab", text=text)], t_ns)
            if sender.assembler.waiting and now - sender.heard >= _TICK_SECONDS:
                self._hand_on(sender, sender.assembler.flush(), now, t_ns)
        if self._muted:
            self._muted = False
            for sock in self._udp:
                mute(sock, ())

    def _mute(self) -> None:
        flooding = [s.address for s in self._senders.values() if s.dropped >= _FLOOD]
        self._muted = True
        for sock in self._udp:
            mute(sock, flooding)

    def _strange(self, ip: str, now: float) -> None:
        """Remember it, and say it once of each address."""
        if ip not in self._strangers and self._words.spend(now):
            _log.info(
                "%s sends log lines, and no machine is known at that address; they are not kept: "
                "let it get its address from us, or reserve it (`ip`) in `machines`",
                ip,
            )
        self._strangers[ip] = now
        if len(self._strangers) > _STRANGERS:
            self._strangers.popitem(last=False)
