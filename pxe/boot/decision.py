"""What a DHCP message leads to, and its events."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from pxe.boot.classify import Client
from pxe.boot.lease_records import Lease
from pxe.boot.reply import Destination
from pxe.events import DhcpIgnored, DhcpReceived, DhcpSent
from pxe.wire.dhcp4 import DhcpPacket


@dataclass(slots=True, kw_only=True)  # not frozen: see DhcpPacket
class Decision:
    """What a message leads to. Without a reply, `reason` says why, unless the protocol wants none.

    `learned` is an address that the client has, though not from us. `other_server` was seen to answer here.
    `would` is what we do not send, being the shadow of another server; `quiet`: it is no boot of ours, so
    there is no event of it.
    """

    client: Client
    message: str
    xid: int
    reply: DhcpPacket | None = None
    destination: Destination | None = None
    delay_seconds: float = 0.0  # the reply leaves that much later
    lease: Lease | None = None  # to be on disk before the reply leaves
    bootfile: str = ""
    plan: str | None = None
    reason: str = ""
    known: bool = False  # whether it is of a machine that we know
    learned: IPv4Address | None = None
    other_server: IPv4Address | None = None
    elsewhere: bool = False  # another server's business: silence is no failure
    would: DhcpPacket | None = None
    quiet: bool = False

    def received(self, t_ns: int) -> DhcpReceived:
        """The event of the message's arrival at `t_ns`."""
        client = self.client
        return DhcpReceived(
            t_ns=t_ns,
            mac=client.mac,
            message=self.message,
            xid=self.xid,
            firmware=client.firmware.value,
            arch=client.arch.value,
            vendor_class=client.vendor_class,
        )

    def sent(self, t_ns: int) -> DhcpSent:
        """The event of the reply's departure at `t_ns`. Raises ValueError where there is no reply."""
        if self.reply is None or self.reply.message_type is None:
            raise ValueError(f"nothing was sent: {self.reason}")
        return DhcpSent(
            t_ns=t_ns,
            mac=self.client.mac,
            message=self.reply.message_type.name,
            xid=self.xid,
            ip=str(self.reply.yiaddr),
            bootfile=self.bootfile,
            plan=self.plan,
        )

    def ignored(self, t_ns: int, reason: str = "") -> DhcpIgnored:
        """The event of our silence, for the decision's own reason or a later one (such as a full disk)."""
        return DhcpIgnored(
            t_ns=t_ns,
            mac=self.client.mac,
            message=self.message,
            xid=self.xid,
            reason=reason or self.reason,
            elsewhere=self.elsewhere,
        )
