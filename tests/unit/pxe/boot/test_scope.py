"""Which subnet a client is in, and what a relayed client gets."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from pxe.boot.classify import Client
from pxe.boot.lease_records import Records
from pxe.boot.offer import answer
from pxe.boot.reply import Destination
from pxe.boot.scope import Scope
from pxe.boot.select import Choice
from pxe.plan import Firmware, Machine, Selector
from pxe.settings import AddressRange, DhcpPolicy, DhcpSettings, Subnet
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode, encode

MAC = "52:54:00:00:00:0a"
NOWHERE = IPv4Address(0)
US = IPv4Address("10.0.0.1")
OWN = Subnet(
    network=IPv4Network("10.0.0.0/24"),
    ranges=(AddressRange(first=IPv4Address("10.0.0.100"), last=IPv4Address("10.0.0.150")),),
)
FAR = Subnet(
    network=IPv4Network("10.20.0.0/16"),
    ranges=(
        AddressRange(first=IPv4Address("10.20.1.0"), last=IPv4Address("10.20.1.9")),
        AddressRange(first=IPv4Address("10.20.2.0"), last=IPv4Address("10.20.2.9")),
    ),
    router=IPv4Address("10.20.0.1"),
    options={42: b"\x0a\x14\x00\x02"},
)
SETTINGS = DhcpSettings(interface="eth0", address=IPv4Interface("10.0.0.1/24"), subnets=(OWN, FAR))
RELAY = IPv4Address("10.20.0.1")
ELSEWHERE = IPv4Address("192.0.2.1")


class Directory:
    """Knows machines of one prefix; lets everybody in."""

    def machine(self, mac: str) -> Machine | None:
        return Machine(mac=mac) if mac.startswith("52:54:00") else None

    def admit(self, client: Client, now: float) -> Machine:
        return Machine(mac=client.mac)

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        return Choice(plan=None, why="")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return None

    def bootfile(self, mac: str, client: Client, address=None, server=None) -> str:
        return ""


class Server:
    def __init__(self, settings: DhcpSettings = SETTINGS) -> None:
        self.records = Records()
        self.scope = Scope.of(settings, Directory().reserved_for, self.records)

    def __call__(self, packet: DhcpPacket, now: float = 0.0):
        decision = answer(decode(encode(packet)), scope=self.scope, directory=Directory(), now=now)
        if decision.lease is not None:
            self.records.apply(decision.lease)
        return decision


def message(kind: MessageType, mac: str = MAC, *, giaddr=NOWHERE, ciaddr=NOWHERE, **options):
    given = {Option[name]: value for name, value in options.items()}
    return DhcpPacket(
        op=Op.REQUEST,
        xid=1,
        giaddr=giaddr,
        ciaddr=ciaddr,
        hops=1 if giaddr != NOWHERE else 0,
        chaddr=bytes.fromhex(mac.replace(":", "")),
        options={Option.MESSAGE_TYPE: bytes((kind,)), **given},
    )


def test_a_relayed_client_gets_an_address_of_its_own_network_through_its_relay():
    decision = Server()(message(MessageType.DISCOVER, giaddr=RELAY))
    reply = decision.reply
    assert reply.yiaddr in FAR.network
    assert reply.options[Option.SUBNET_MASK] == bytes([255, 255, 0, 0])
    assert reply.options[Option.ROUTER] == RELAY.packed
    assert reply.options[42] == FAR.options[42]
    assert reply.options[Option.SERVER_ID] == US.packed
    assert decision.destination == Destination(RELAY, 67)
    assert reply.hops == 0


def test_link_selection_beats_giaddr_and_comes_back_last_and_byte_for_byte():
    area = b"\x01\x02ab\x05\x04" + FAR.network.network_address.packed + b"\x97\x00"
    sent = message(MessageType.DISCOVER, giaddr=IPv4Address("10.0.0.9"), RELAY_AGENT=area, CLIENT_ID=b"\1abc")
    decision = Server()(sent)
    assert decision.reply.yiaddr in FAR.network
    assert decision.destination == Destination(IPv4Address("10.0.0.9"), 67)
    wire = encode(decision.reply)
    assert wire.rstrip(b"\0").endswith(bytes([82, len(area)]) + area + b"\xff")


@pytest.mark.parametrize("area", [b"\x05", b"\x05\x04\x0a", b"\x05\x03\x0a\x14\x00", b"\x01\xff", b""])
def test_a_mangled_option_82_selects_nothing(area):
    decision = Server()(message(MessageType.DISCOVER, giaddr=RELAY, RELAY_AGENT=area))
    assert decision.reply.yiaddr in FAR.network


def test_a_client_without_a_relay_cannot_select_a_link():
    area = b"\x05\x04" + FAR.network.network_address.packed
    assert Server()(message(MessageType.DISCOVER, RELAY_AGENT=area)).reply.yiaddr in OWN.network


def test_a_relay_of_no_subnet_of_ours_is_named():
    decision = Server()(message(MessageType.DISCOVER, giaddr=ELSEWHERE))
    assert decision.reply is None
    assert "relayed by 192.0.2.1 for its own network, which is in no subnet" in decision.reason


def test_a_relayed_client_renews_past_its_relay():
    server = Server()
    ip = server(message(MessageType.DISCOVER, giaddr=RELAY)).reply.yiaddr
    server(message(MessageType.REQUEST, giaddr=RELAY, SERVER_ID=US.packed, REQUESTED_IP=ip.packed))
    decision = server(message(MessageType.REQUEST, ciaddr=ip), 10.0)
    assert decision.reply.message_type is MessageType.ACK
    assert decision.destination == Destination(ip, 68)
    assert decision.reply.options[Option.ROUTER] == RELAY.packed


def test_a_machine_that_moved_is_told_so_and_has_one_lease():
    server = Server()
    ip = server(message(MessageType.DISCOVER)).reply.yiaddr
    server(message(MessageType.REQUEST, SERVER_ID=US.packed, REQUESTED_IP=ip.packed))
    nak = server(message(MessageType.REQUEST, giaddr=RELAY, REQUESTED_IP=ip.packed))
    assert nak.reply.message_type is MessageType.NAK
    far = server(message(MessageType.DISCOVER, giaddr=RELAY)).reply.yiaddr
    server(message(MessageType.REQUEST, giaddr=RELAY, SERVER_ID=US.packed, REQUESTED_IP=far.packed))
    assert [lease.ip for lease in server.records.by_ip.values()] == [far]


def test_both_ranges_of_a_pool_are_given_out_and_no_address_twice():
    server = Server()
    given = set()
    for number in range(20):
        mac = f"52:54:00:00:01:{number:02x}"
        given.add(server(message(MessageType.DISCOVER, mac, giaddr=RELAY)).reply.yiaddr)
    assert len(given) == 20
    assert server(message(MessageType.DISCOVER, "52:54:00:00:02:00", giaddr=RELAY)).reply is None


def test_strangers_cannot_take_the_last_addresses():
    server = Server()
    answered = [
        server(message(MessageType.DISCOVER, f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}", giaddr=RELAY)).reply
        for n in range(1000)
    ]
    assert sum(reply is not None for reply in answered) == 15  # of 20
    assert len(server.records.holds) == 15
    assert server(message(MessageType.DISCOVER, giaddr=RELAY)).reply is not None


def test_rapid_commit_only_where_it_is_on_and_asked_for():
    on = Server(replace(SETTINGS, rapid_commit=True))
    quick = on(message(MessageType.DISCOVER, RAPID_COMMIT=b""))
    assert (quick.reply.message_type, quick.reply.options[Option.RAPID_COMMIT]) == (MessageType.ACK, b"")
    assert quick.lease.ip == quick.reply.yiaddr
    assert on(message(MessageType.DISCOVER)).reply.message_type is MessageType.OFFER
    assert Server()(message(MessageType.DISCOVER, RAPID_COMMIT=b"")).reply.message_type is MessageType.OFFER


def policy(**fields) -> DhcpPolicy:
    return DhcpPolicy(name="p", when=Selector(firmware=Firmware.UBOOT), **fields)


UBOOT = {"VENDOR_CLASS": b"U-Boot.armv8"}


def test_a_policy_gives_its_clients_a_short_lease_a_delay_and_options():
    given = policy(lease_seconds=30, delay_seconds=2.5, options={66: b"elsewhere"})
    server = Server(replace(SETTINGS, policies=(given,)))
    ip = server(message(MessageType.DISCOVER, **UBOOT)).reply.yiaddr
    sent = message(MessageType.REQUEST, SERVER_ID=US.packed, REQUESTED_IP=ip.packed, **UBOOT)
    decision = server(sent)
    assert decision.reply.options[Option.LEASE_TIME] == (30).to_bytes(4)
    assert decision.reply.options[66] == b"elsewhere"
    assert (decision.delay_seconds, decision.lease.expires) == (2.5, 30.0)
    other = server(message(MessageType.DISCOVER, "52:54:00:00:00:0b"))
    assert (other.delay_seconds, other.reply.options[Option.LEASE_TIME]) == (0.0, (3600).to_bytes(4))


def test_the_more_specific_policy_wins_field_by_field():
    one = DhcpPolicy(
        name="one", when=Selector(firmware=Firmware.UBOOT, mac=MAC), ignore=False, delay_seconds=1
    )
    server = Server(replace(SETTINGS, policies=(one, policy(ignore=True, lease_seconds=30))))
    decision = server(message(MessageType.DISCOVER, **UBOOT))
    assert (decision.delay_seconds, decision.reply.options[Option.LEASE_TIME]) == (1, (30).to_bytes(4))
    ignored = server(message(MessageType.DISCOVER, "52:54:00:00:00:0c", **UBOOT))
    assert (ignored.reply, ignored.reason) == (None, "the policy 'p' says to ignore it")


def test_an_address_that_somebody_squats_on_is_refused_to_others_and_then_another_is_offered():
    server = Server()
    ip = server(message(MessageType.DISCOVER)).reply.yiaddr
    assert server.records.note_conflict(ip, "02:00:00:00:00:99", 1.0)
    assert not server.records.note_conflict(ip, "02:00:00:00:00:99", 2.0)  # no news
    nak = server(message(MessageType.REQUEST, SERVER_ID=US.packed, REQUESTED_IP=ip.packed), 3.0)
    assert nak.reply.message_type is MessageType.NAK
    assert b"answers ARP on it" in nak.reply.options[Option.MESSAGE]
    assert server(message(MessageType.DISCOVER), 4.0).reply.yiaddr != ip


def test_the_machine_that_has_an_address_is_no_conflict():
    server = Server()
    ip = server(message(MessageType.DISCOVER)).reply.yiaddr
    assert not server.records.note_conflict(ip, MAC, 1.0)


def test_another_server_is_told_of():
    chosen = message(MessageType.REQUEST, SERVER_ID=ELSEWHERE.packed, REQUESTED_IP=ELSEWHERE.packed)
    assert Server()(chosen).other_server == ELSEWHERE
    reply = replace(message(MessageType.OFFER, SERVER_ID=ELSEWHERE.packed), op=Op.REPLY)
    assert Server()(reply).other_server == ELSEWHERE
