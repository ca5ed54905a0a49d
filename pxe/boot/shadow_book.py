"""What a shadow remembers: for each machine and stage of its boot, our answer beside the other server's.

A machine asks several times in one boot, each time as another client (its ROM, iPXE, the kernel), and gets
other answers: so exchanges are kept by MAC, firmware and message. Pure and bounded: made-up machines push out
the oldest entries. Not thread-safe.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from pxe.boot.decision import Decision
from pxe.boot.shadow import Answer, Difference, differences, read_answer
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Option

_EXCHANGES: Final = 6144  # some 20 MB
_EARLY: Final = 256  # replies that were taken off the wire before the message that they answer
_SERVERS: Final = 8  # that answer one message
_ANSWERED: Final = {"DISCOVER": "OFFER", "REQUEST": "ACK", "INFORM": "ACK"}
_REPLIES: Final = {MessageType.OFFER: "DISCOVER", MessageType.ACK: "REQUEST", MessageType.NAK: "REQUEST"}


@dataclass(frozen=True, slots=True)
class Theirs:
    """Another server's answer. `seen`: it was on the wire here; else the client's REQUEST told of it, which
    names server and address and nothing more. `via` is the MAC of the frame's sender."""

    answer: Answer
    seen: bool
    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One message of a machine, and what both sides say to it. `ours` is None where we would be silent, for
    `reason`. `t_ns` is when the message came."""

    mac: str
    firmware: str
    message: str
    xid: int
    t_ns: int
    ours: Answer | None
    reason: str = ""
    theirs: tuple[Theirs, ...] = ()
    known: bool = False

    @property
    def verdict(self) -> str:
        """same · differs · silent (we would not answer) · unseen (nobody else was seen to answer)."""
        if not self.theirs:
            return "unseen"
        if self.ours is None:
            return "silent"
        return "differs" if any(self.differences(their) for their in self.theirs) else "same"

    def differences(self, theirs: Theirs) -> tuple[Difference, ...]:
        """In which fields the two differ; of an answer that was not seen only the address is compared."""
        if self.ours is None:
            return ()
        found = differences(self.ours, theirs.answer)
        return found if theirs.seen else tuple(d for d in found if d.field == "address")


_Key = tuple[str, str, str]  # MAC, firmware, message


class ShadowBook:
    """The latest exchange of each kind. What returns an Exchange returns it where there is news to tell."""

    def __init__(self) -> None:
        self._exchanges: OrderedDict[_Key, Exchange] = OrderedDict()
        self._by_xid: dict[tuple[str, int, str], _Key] = {}
        self._early: OrderedDict[tuple[str, int, str], tuple[Theirs, ...]] = OrderedDict()
        self._told: dict[_Key, object] = {}

    def exchanges(self) -> list[Exchange]:
        """All, by MAC, the first stages first."""
        return sorted(self._exchanges.values(), key=lambda e: (e.mac, e.t_ns))

    def note_ours(self, packet: DhcpPacket, decision: Decision, t_ns: int) -> list[Exchange]:
        """Take in a client's message and what we would answer."""
        if decision.message not in _ANSWERED:
            return []
        news = self._note_choice(packet)
        exchange = Exchange(
            mac=packet.mac,
            firmware=decision.client.firmware.value,
            message=decision.message,
            xid=packet.xid,
            t_ns=t_ns,
            ours=read_answer(decision.would) if decision.would is not None else None,
            reason=decision.reason,
            theirs=self._early.pop((packet.mac, packet.xid, decision.message), ()),
            known=decision.known,
        )
        key = (exchange.mac, exchange.firmware, exchange.message)
        before = self._exchanges.get(key)
        if before is not None and before.xid == exchange.xid:  # asked again: who answered keeps his place
            exchange = replace(exchange, theirs=_joined(before.theirs, *exchange.theirs))
        self._put(key, exchange)
        return [*news, *self._news(key)]

    def note_theirs(self, packet: DhcpPacket, via: str) -> list[Exchange]:
        """Take in another server's reply."""
        kind = packet.message_type
        message = _REPLIES.get(kind) if kind is not None else None
        if message is None:
            return []
        return self._add((packet.mac, packet.xid, message), Theirs(read_answer(packet), seen=True, via=via))

    def _note_choice(self, packet: DhcpPacket) -> list[Exchange]:
        """The REQUEST names the offer that it takes: all that is known of one that was sent by unicast."""
        server, address = packet.address(Option.SERVER_ID), packet.address(Option.REQUESTED_IP)
        if packet.message_type is not MessageType.REQUEST or server is None or address is None:
            return []
        where = self._by_xid.get((packet.mac, packet.xid, "DISCOVER"))
        offer = self._exchanges[where] if where is not None else None
        if offer is None or any(their.answer.server == str(server) for their in offer.theirs):
            return []
        return self._add((packet.mac, packet.xid, "DISCOVER"), Theirs(_told(server, address), seen=False))

    def _add(self, xid: tuple[str, int, str], theirs: Theirs) -> list[Exchange]:
        key = self._by_xid.get(xid)
        if key is None:
            self._early[xid] = _joined(self._early.get(xid, ()), theirs)
            while len(self._early) > _EARLY:
                self._early.popitem(last=False)
            return []
        exchange = self._exchanges[key]
        self._exchanges[key] = replace(exchange, theirs=_joined(exchange.theirs, theirs))
        return self._news(key)

    def _put(self, key: _Key, exchange: Exchange) -> None:
        before = self._exchanges.pop(key, None)
        if before is not None:
            self._by_xid.pop((before.mac, before.xid, before.message), None)
        self._exchanges[key] = exchange
        self._by_xid[exchange.mac, exchange.xid, exchange.message] = key
        while len(self._exchanges) > _EXCHANGES:
            gone, old = self._exchanges.popitem(last=False)
            self._by_xid.pop((old.mac, old.xid, old.message), None)
            self._told.pop(gone, None)

    def _news(self, key: _Key) -> list[Exchange]:
        """The exchange, unless the last one of its kind told the same."""
        exchange = self._exchanges[key]
        if not exchange.theirs:
            return []
        tells = (exchange.ours, exchange.theirs)
        if self._told.get(key) == tells:
            return []
        self._told[key] = tells
        return [exchange]


def _joined(before: tuple[Theirs, ...], *new: Theirs) -> tuple[Theirs, ...]:
    """One answer of each server, the latest ones."""
    by_server = {theirs.answer.server: theirs for theirs in (*before, *new)}
    return tuple(by_server.values())[-_SERVERS:]


def _told(server: IPv4Address, address: IPv4Address) -> Answer:
    return Answer(message="OFFER", server=str(server), address=str(address), options={})
