"""Shadow mode's decisions and its book, without a network."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.classify import Client
from pxe.boot.lease_records import Records
from pxe.boot.offer import answer
from pxe.boot.scope import Scope
from pxe.boot.select import Choice
from pxe.boot.shadow import Difference, answer_shadow, differences, read_answer
from pxe.boot.shadow_book import ShadowBook
from pxe.plan import BootPlan, Machine
from pxe.settings import AddressRange, DhcpMode, DhcpSettings, Subnet
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

MAC = "52:54:00:00:00:0a"
CHADDR = bytes.fromhex(MAC.replace(":", ""))
US, THEM = IPv4Address("10.0.0.5"), IPv4Address("10.0.0.2")
NETWORK = IPv4Network("10.0.0.0/24")
POOL = AddressRange(first=IPv4Address("10.0.0.100"), last=IPv4Address("10.0.0.150"))
SETTINGS = DhcpSettings(
    interface="eth0",
    address=IPv4Interface("10.0.0.5/24"),
    mode=DhcpMode.SHADOW,
    subnets=(Subnet(network=NETWORK, ranges=(POOL,)),),
)
PXE = {Option.VENDOR_CLASS: b"PXEClient:Arch:00007:UNDI:003000", Option.CLIENT_ARCH: b"\0\x07"}


class Directory:
    def __init__(self, ip: str | None = None) -> None:
        self.ip = IPv4Address(ip) if ip else None

    def machine(self, mac: str) -> Machine | None:
        return Machine(mac=mac, ip=self.ip, plan="p") if mac == MAC else None

    def admit(self, client: Client, now: float) -> Machine | None:
        return self.machine(client.mac)

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        return Choice(plan=BootPlan(name="p"), why="its plan")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return MAC if ip == self.ip else None

    def bootfile(self, mac: str, client: Client, address=None, server=None) -> str:
        return "ours.efi"


def message(kind: MessageType, xid: int = 7, **options: bytes) -> DhcpPacket:
    codes = {int(Option[name]): value for name, value in options.items()}
    found = {int(Option.MESSAGE_TYPE): bytes((kind,)), **{int(c): v for c, v in PXE.items()}, **codes}
    return DhcpPacket(op=Op.REQUEST, xid=xid, chaddr=CHADDR, options=found)


def their_reply(kind: MessageType, ip: str = "10.0.0.200", xid: int = 7, **more: bytes) -> DhcpPacket:
    options = {int(Option.MESSAGE_TYPE): bytes((kind,)), int(Option.SERVER_ID): THEM.packed}
    options |= {
        int(Option.LEASE_TIME): (3600).to_bytes(4),
        int(Option.SUBNET_MASK): bytes([255, 255, 255, 0]),
    }
    return DhcpPacket(
        op=Op.REPLY,
        xid=xid,
        chaddr=CHADDR,
        yiaddr=IPv4Address(ip),
        siaddr=THEM,
        file=b"theirs.efi",
        options=options,
    )


def scope(settings: DhcpSettings = SETTINGS, directory: Directory | None = None) -> Scope:
    return Scope.of(settings, (directory or Directory()).reserved_for, Records())


def chosen(ip: str, server: IPv4Address = THEM) -> DhcpPacket:
    return message(MessageType.REQUEST, SERVER_ID=server.packed, REQUESTED_IP=IPv4Address(ip).packed)


@pytest.mark.parametrize("ip", [None, "10.0.0.66"])
def test_what_would_be_sent_is_what_server_mode_sends_byte_for_byte(ip):
    directory = Directory(ip)
    as_server = replace(SETTINGS, mode=DhcpMode.SERVER)
    shadow, server = scope(directory=directory), scope(as_server, directory)
    for packet in (message(MessageType.DISCOVER), None):
        if packet is None:  # the machine chose theirs; a server is asked as if it had been chosen
            offered = server.tables[0][1].records.holds[MAC].ip
            packet, asked = chosen("10.0.0.200"), chosen(str(IPv4Address(offered)), US)
        else:
            asked = packet
        would = answer_shadow(packet, scope=shadow, directory=directory, now=1.0)
        sent = answer(asked, scope=server, directory=directory, now=1.0)
        assert would.would == sent.reply
        assert would.would is not None
        assert (would.reply, would.destination, would.lease) == (None, None, None)
        assert would.quiet


def test_the_shadow_learns_where_the_machine_is_and_gives_nothing_away():
    decision = answer_shadow(chosen("10.0.0.200"), scope=scope(), directory=Directory(), now=1.0)
    assert (decision.message, decision.learned) == ("REQUEST", IPv4Address("10.0.0.200"))
    stranger = replace(message(MessageType.DISCOVER), chaddr=b"\2\0\0\0\0\1")
    decision = answer_shadow(stranger, scope=scope(), directory=Directory(), now=1.0)
    assert (decision.would, decision.learned) == (None, None)
    assert "no machine 02:00:00:00:00:01" in decision.reason


def test_another_servers_reply_at_our_port_is_no_news_here():
    decision = answer_shadow(their_reply(MessageType.OFFER), scope=scope(), directory=Directory(), now=1.0)
    assert (decision.reply, decision.would, decision.other_server) == (None, None, None)


def test_differences_are_told_field_by_field_those_of_the_boot_first():
    ours = answer_shadow(
        message(MessageType.DISCOVER), scope=scope(), directory=Directory("10.0.0.66"), now=1.0
    )
    found = differences(read_answer(ours.would), read_answer(their_reply(MessageType.OFFER)))
    assert found == (
        Difference("address", "10.0.0.66", "10.0.0.200"),
        Difference("next-server", "10.0.0.5", "10.0.0.2"),
        Difference("bootfile", "ours.efi", "theirs.efi"),
        Difference("server name (66)", "10.0.0.5", ""),
    )
    assert differences(read_answer(ours.would), read_answer(ours.would)) == ()


@given(
    st.dictionaries(st.integers(1, 254), st.binary(max_size=300), max_size=20),
    st.binary(max_size=128),
    st.binary(max_size=64),
)
def test_whatever_a_server_sends_can_be_read_and_shown_in_a_terminal(options, file, sname):
    packet = DhcpPacket(op=Op.REPLY, xid=1, chaddr=CHADDR, file=file, sname=sname, options=options)
    found = read_answer(packet)
    for text in (found.bootfile, found.server_name, *found.options.values()):
        assert text.isprintable() or text == ""
        assert len(text) <= 200


class Told:
    """A book and a scope, spoken to as the server does."""

    def __init__(self) -> None:
        self.book, self.scope = ShadowBook(), scope()

    def client(self, packet: DhcpPacket):
        decision = answer_shadow(packet, scope=self.scope, directory=Directory(), now=1.0)
        return self.book.note_ours(packet, decision, 1)

    def server(self, packet: DhcpPacket):
        return self.book.note_theirs(packet, "02:00:00:00:00:02")


@pytest.mark.parametrize("reply_first", [False, True])
def test_message_and_reply_are_joined_in_whatever_order_they_are_taken_in(reply_first):
    told = Told()
    steps = [
        lambda: told.client(message(MessageType.DISCOVER)),
        lambda: told.server(their_reply(MessageType.OFFER)),
    ]
    for step in reversed(steps) if reply_first else steps:
        news = step()
    (exchange,) = news
    assert (exchange.verdict, exchange.message, exchange.firmware) == ("differs", "DISCOVER", "uefi-pxe")
    assert exchange.theirs[0].seen


def test_what_was_told_is_not_told_again_until_it_changes():
    told = Told()
    for xid in (7, 8):
        told.client(message(MessageType.DISCOVER, xid=xid))
        news = told.server(their_reply(MessageType.OFFER, xid=xid))
        assert len(news) == (1 if xid == 7 else 0)
    told.client(message(MessageType.DISCOVER, xid=9))
    assert len(told.server(their_reply(MessageType.OFFER, "10.0.0.201", xid=9))) == 1
    assert len(told.book.exchanges()) == 1


def test_of_an_offer_by_unicast_the_request_tells_server_and_address():
    told = Told()
    told.client(message(MessageType.DISCOVER))
    news = told.client(chosen("10.0.0.200"))
    (theirs,) = news[0].theirs
    assert (news[0].message, theirs.seen, theirs.answer.server) == ("DISCOVER", False, "10.0.0.2")
    assert [d.field for d in news[0].differences(theirs)] == ["address"]
    request = next(e for e in told.book.exchanges() if e.message == "REQUEST")
    assert request.verdict == "unseen"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.sampled_from(list(MessageType))), max_size=60))
def test_the_book_takes_any_order_of_any_messages(steps):
    told = Told()
    for from_client, xid, kind in steps:
        if from_client:
            told.client(message(kind, xid=xid, SERVER_ID=THEM.packed))
        else:
            told.server(their_reply(kind, xid=xid))
    for exchange in told.book.exchanges():
        assert exchange.verdict in ("same", "differs", "silent", "unseen")
        assert len({t.answer.server for t in exchange.theirs}) == len(exchange.theirs)
