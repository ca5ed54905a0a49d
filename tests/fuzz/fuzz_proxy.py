"""proxyDHCP on 67 and 4011, beside a server that gives the addresses."""

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from fuzz_targets import BOARD, Dhcp, catalogue, check_relayed, check_size, datagrams

from pxe.boot.decision import Decision
from pxe.boot.proxy import answer_binl, answer_proxy
from pxe.errors import WireError
from pxe.settings import DhcpMode
from pxe.wire import dhcp4
from pxe.wire.dhcp4 import MessageType, Op, Option

SENDERS = ((IPv4Address("10.99.0.60"), 4011), (IPv4Address("10.99.0.61"), 68))


class Proxy:
    """The same datagrams at both ports."""

    settings = replace(Dhcp.settings, mode=DhcpMode.PROXY, subnets=())

    def __init__(self, folder: Path) -> None:
        self.catalogue = catalogue(folder)
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.now = 1e9

    def __call__(self, data: bytes) -> None:
        """One input."""
        for datagram in datagrams(data):
            self.now += 1
            try:
                packet = dhcp4.decode(datagram)
            except WireError:
                continue
            given = {"settings": self.settings, "directory": self.catalogue, "now": self.now}
            decision = answer_proxy(packet, **given)
            if self._reply(packet, decision) is not None:
                assert packet.message_type is MessageType.DISCOVER
                check_relayed(packet, decision, self.settings)
            for sender in SENDERS:
                decision = answer_binl(packet, sender, **given)
                if self._reply(packet, decision) is not None:
                    assert (decision.destination.ip, decision.destination.port) == sender, "to a third party"
                    assert packet.ciaddr in (IPv4Address(0), sender[0])

    def _reply(self, packet: dhcp4.DhcpPacket, decision: Decision) -> dhcp4.DhcpPacket | None:
        reply = decision.reply
        if reply is None:
            assert decision.lease is None
            return None
        assert decision.lease is None, "a proxy gives no address"
        wire = dhcp4.encode(reply)
        assert dhcp4.decode(wire) == reply
        assert packet.op == Op.REQUEST, "answered a server"
        assert packet.mac == BOARD, "answered a machine that it does not know"
        assert (reply.op, reply.xid, reply.chaddr) == (Op.REPLY, packet.xid, packet.chaddr)
        assert int(reply.yiaddr) == 0, "a proxy gives no address"
        assert Option.LEASE_TIME not in reply.options
        assert reply.message_type in (MessageType.OFFER, MessageType.ACK)
        check_size(packet, wire)
        return reply
