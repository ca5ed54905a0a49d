"""What we answer to whom: RFC 2131's client states and the firmware that bends them, one test each."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from pxe.boot.classify import Client
from pxe.boot.lease_records import HOLD_SECONDS, LeaseState, Records
from pxe.boot.offer import Decision, answer
from pxe.boot.reply import BROADCAST, Destination
from pxe.boot.scope import Scope
from pxe.boot.select import Choice
from pxe.events import DhcpIgnored, DhcpReceived, DhcpSent
from pxe.plan import BootPlan, Machine
from pxe.settings import AddressRange, DhcpSettings, Subnet
from pxe.wire.dhcp4 import BROADCAST_FLAG, DhcpPacket, MessageType, Op, Option, decode, encode

NOWHERE = IPv4Address(0)
US = IPv4Address("10.99.0.1")
OTHER_SERVER = IPv4Address("10.99.0.2")
RELAY = IPv4Address("10.99.0.254")
ELSEWHERE = IPv4Address("192.0.2.9")
POOL = AddressRange(first=IPv4Address("10.99.0.100"), last=IPv4Address("10.99.0.109"))
SUBNET = Subnet(
    network=IPv4Network("10.99.0.0/24"),
    ranges=(POOL,),
    lease_seconds=1000,
    router=RELAY,
    dns=(IPv4Address("10.99.0.3"), IPv4Address("10.99.0.4")),
)
SETTINGS = DhcpSettings(
    interface="eth0",
    address=IPv4Interface("10.99.0.1/24"),
    subnets=(SUBNET,),
)
BOARD = Machine(mac="52:54:00:aa:00:01", ip=IPv4Address("10.99.0.50"), plan="debian")
IDLE = Machine(mac="52:54:00:aa:00:02")
STRANGER = "52:54:00:aa:00:99"
IDLES_IP = IPv4Address("10.99.0.105")
TO_ALL = Destination(BROADCAST, 68)


class Directory:
    """Two machines, one of which boots something."""

    def __init__(self) -> None:
        self.machines = {m.mac: m for m in (BOARD, IDLE)}
        self.name = "boot.scr.uimg"

    def machine(self, mac: str) -> Machine | None:
        return self.machines.get(mac)

    def admit(self, client: Client, now: float) -> Machine | None:
        return self.machine(client.mac)

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        plan = self.machines[mac].plan
        return Choice(plan=BootPlan(name=plan) if plan else None, why="")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return BOARD.mac if ip == BOARD.ip else None

    def bootfile(
        self,
        mac: str,
        client: Client,
        address: IPv4Address | None = None,
        server: IPv4Address | None = None,
    ) -> str:
        return self.name if self.machines[mac].plan else ""


class Server:
    """The pure decision with a table that believes every write succeeds."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.scope = Scope.of(SETTINGS, self.directory.reserved_for, Records())
        self.leases = self.scope.tables[0][1]
        self.now = 0.0

    def __call__(self, packet: DhcpPacket) -> Decision:
        wired = decode(encode(packet))  # what cannot be on the wire proves nothing
        decision = answer(wired, scope=self.scope, directory=self.directory, now=self.now)
        if decision.lease is not None:
            self.leases.apply(decision.lease)
        if decision.reply is not None:
            assert decode(encode(decision.reply)) == decision.reply
        return decision


@pytest.fixture
def server() -> Server:
    return Server()


def sent_by(machine: Machine | str, kind: MessageType, *, giaddr: IPv4Address = NOWHERE, **fields):
    mac = machine if isinstance(machine, str) else machine.mac
    ciaddr = fields.pop("ciaddr", NOWHERE)
    flags = fields.pop("flags", 0)
    options = {Option.MESSAGE_TYPE: bytes([kind])}
    options |= {
        Option[name]: value.packed if isinstance(value, IPv4Address) else value
        for name, value in fields.items()
    }
    chaddr = bytes.fromhex(mac.replace(":", ""))
    return DhcpPacket(
        op=Op.REQUEST, xid=77, flags=flags, chaddr=chaddr, ciaddr=ciaddr, giaddr=giaddr, options=options
    )


def discover(machine, **fields):
    return sent_by(machine, MessageType.DISCOVER, **fields)


def request(machine, **fields):
    return sent_by(machine, MessageType.REQUEST, **fields)


def bound(server: Server, machine: Machine, ip: IPv4Address | None = None) -> IPv4Address:
    """Take the machine from DISCOVER to its ACK."""
    wish = {"REQUESTED_IP": ip} if ip else {}
    offer = server(discover(machine, **wish)).reply
    ack = server(request(machine, SERVER_ID=US, REQUESTED_IP=offer.yiaddr)).reply
    assert ack.message_type is MessageType.ACK
    return ack.yiaddr


def reply_type(decision: Decision) -> MessageType | None:
    return decision.reply.message_type if decision.reply else None


# who is answered at all ----------------------------------------------------------------------------


def test_an_unknown_machine_is_ignored_and_the_reason_says_what_to_do(server):
    decision = server(discover(STRANGER))
    assert decision.reply is None
    assert decision.reason.startswith(f"no machine {STRANGER}: add it")
    assert server.leases.leases() == []


def test_a_machine_without_plan_gets_an_address_and_no_bootfile(server):
    reply = server(discover(IDLE)).reply
    assert POOL.first <= reply.yiaddr <= POOL.last
    assert reply.file == b""
    assert Option.BOOTFILE_NAME not in reply.options


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (replace(discover(BOARD), op=Op.REPLY), "another DHCP server on this network"),
        (replace(discover(BOARD), htype=32, hlen=0, chaddr=b""), "hardware type 32 with 0 address bytes"),
        (replace(discover(BOARD), options={}), "option 53 is missing"),
        (sent_by(BOARD, MessageType.OFFER), "a client never sends OFFER"),
        (sent_by(BOARD, MessageType.ACK), "a client never sends ACK"),
        (
            discover(BOARD, giaddr=ELSEWHERE),
            "relayed by 192.0.2.9 for its own network, which is in no subnet of ours",
        ),
        (request(BOARD), "names no address"),
        (sent_by(BOARD, MessageType.DECLINE, SERVER_ID=OTHER_SERVER), "meant for the DHCP server 10.99.0.2"),
        (sent_by(BOARD, MessageType.RELEASE, SERVER_ID=OTHER_SERVER), "meant for the DHCP server 10.99.0.2"),
    ],
)
def test_what_is_not_for_us_is_ignored_with_a_reason(server, packet, why):
    decision = server(packet)
    assert (decision.reply, decision.lease) == (None, None)
    assert why in decision.reason


# SELECTING ------------------------------------------------------------------------------------------


def test_an_offer_is_held_but_stored_only_at_the_request(server):
    offer = server(discover(BOARD))
    assert (reply_type(offer), offer.lease) == (MessageType.OFFER, None)
    ack = server(request(BOARD, SERVER_ID=US, REQUESTED_IP=BOARD.ip))
    assert reply_type(ack) is MessageType.ACK
    assert (ack.lease.ip, ack.lease.mac, ack.lease.expires) == (BOARD.ip, BOARD.mac, 1000)


def test_the_offer_carries_all_that_a_boot_needs(server):
    reply = server(discover(BOARD)).reply
    assert reply.yiaddr == BOARD.ip
    assert reply.siaddr == US  # U-Boot knows no other place
    assert reply.file == b"boot.scr.uimg"
    assert reply.options == {
        Option.MESSAGE_TYPE: bytes([MessageType.OFFER]),
        Option.SERVER_ID: US.packed,
        Option.LEASE_TIME: (1000).to_bytes(4),
        Option.RENEWAL_TIME: (500).to_bytes(4),
        Option.REBINDING_TIME: (875).to_bytes(4),
        Option.SUBNET_MASK: bytes([255, 255, 255, 0]),
        Option.ROUTER: RELAY.packed,
        Option.DNS_SERVER: bytes([10, 99, 0, 3, 10, 99, 0, 4]),
        Option.BOOTFILE_NAME: b"boot.scr.uimg",
        Option.TFTP_SERVER_NAME: b"10.99.0.1",
    }


def test_the_header_answers_the_clients(server):
    sent = replace(discover(BOARD, flags=BROADCAST_FLAG), xid=0xDEADBEEF, secs=9, hops=3)
    reply = server(sent).reply
    assert (reply.op, reply.xid, reply.flags, reply.chaddr) == (
        Op.REPLY,
        0xDEADBEEF,
        BROADCAST_FLAG,
        sent.chaddr,
    )
    assert (reply.secs, reply.hops, reply.ciaddr) == (0, 0, IPv4Address(0))


def test_a_client_that_asks_for_broadcasts_gets_them(server):
    assert server(discover(BOARD, flags=BROADCAST_FLAG)).destination == TO_ALL


def test_any_other_client_without_an_address_gets_a_frame_of_its_own(server):
    sent = discover(BOARD)
    assert server(sent).destination == Destination(BOARD.ip, 68, sent.chaddr)


def test_client_id_and_uuid_come_back(server):
    reply = server(discover(BOARD, CLIENT_ID=b"\x01abcdef", CLIENT_UUID=b"\0" * 17)).reply
    assert reply.options[Option.CLIENT_ID] == b"\x01abcdef"
    assert reply.options[Option.CLIENT_UUID] == b"\0" * 17


def test_a_new_client_id_of_the_same_machine_gets_the_same_address(server):
    """ROM, iPXE and kernel of one machine introduce themselves differently."""
    ip = bound(server, IDLE)
    assert server(discover(IDLE, CLIENT_ID=b"\xffDUID")).reply.yiaddr == ip


def test_a_request_after_our_restart_is_granted_though_the_offer_is_forgotten(server):
    ack = server(request(IDLE, SERVER_ID=US, REQUESTED_IP=IDLES_IP))
    assert (reply_type(ack), ack.reply.yiaddr) == (MessageType.ACK, IDLES_IP)


def test_a_request_to_another_server_frees_what_we_offered(server):
    ip = server(discover(IDLE)).reply.yiaddr
    decision = server(request(IDLE, SERVER_ID=OTHER_SERVER, REQUESTED_IP=ELSEWHERE))
    assert decision.reply is None
    assert "another DHCP server, 10.99.0.2" in decision.reason
    assert server.leases.owner(ip) is None


def test_a_request_for_somebody_elses_address_is_refused(server):
    decision = server(request(IDLE, SERVER_ID=US, REQUESTED_IP=BOARD.ip))
    assert reply_type(decision) is MessageType.NAK
    assert decision.reply.options[Option.MESSAGE] == f"{BOARD.ip} is reserved for {BOARD.mac}".encode()


def test_an_exhausted_pool_is_silence_with_a_reason(server):
    machines = [Machine(mac=f"52:54:00:bb:00:{n:02x}") for n in range(11)]
    server.directory.machines = {m.mac: m for m in machines}
    for machine in machines[:10]:
        bound(server, machine)
    decision = server(discover(machines[10]))
    assert decision.reply is None
    assert "enlarge the pool" in decision.reason


# INIT-REBOOT, RENEWING, REBINDING -------------------------------------------------------------------


def test_init_reboot_gets_the_remembered_address(server):
    ip = bound(server, IDLE)
    assert reply_type(server(request(IDLE, REQUESTED_IP=ip))) is MessageType.ACK


def test_init_reboot_with_the_reservation_needs_no_record(server):
    assert reply_type(server(request(BOARD, REQUESTED_IP=BOARD.ip))) is MessageType.ACK


def test_init_reboot_of_which_we_know_nothing_is_left_to_others(server):
    decision = server(request(IDLE, REQUESTED_IP=IDLES_IP))
    assert decision.reply is None
    assert "no record" in decision.reason


def test_init_reboot_from_another_network_is_refused(server):
    decision = server(request(IDLE, REQUESTED_IP=ELSEWHERE))
    assert (reply_type(decision), decision.destination) == (MessageType.NAK, TO_ALL)


def test_init_reboot_with_the_wrong_address_is_refused(server):
    ip = bound(server, IDLE)
    wrong = IPv4Address("10.99.0.100") if ip != IPv4Address("10.99.0.100") else IPv4Address("10.99.0.101")
    assert reply_type(server(request(IDLE, REQUESTED_IP=wrong))) is MessageType.NAK


def test_a_renewal_goes_straight_to_the_client_and_moves_the_expiry(server):
    ip = bound(server, IDLE)
    server.now = 600
    decision = server(request(IDLE, ciaddr=ip))
    assert reply_type(decision) is MessageType.ACK
    assert decision.destination == Destination(ip, 68)
    assert (decision.reply.ciaddr, decision.reply.yiaddr) == (ip, ip)
    assert decision.lease.expires == 1600


def test_a_renewal_that_we_have_no_record_of_is_granted_where_the_address_is_free(server):
    assert reply_type(server(request(IDLE, ciaddr=IDLES_IP))) is MessageType.ACK


def test_a_rebinding_client_from_another_network_is_refused_by_broadcast(server):
    decision = server(request(IDLE, ciaddr=ELSEWHERE))
    assert (reply_type(decision), decision.destination) == (MessageType.NAK, TO_ALL)


def test_a_renewal_of_an_address_that_went_to_another_machine_is_refused(server):
    ip = bound(server, IDLE)
    server.now = 2000
    server.directory.machines[STRANGER] = Machine(mac=STRANGER)
    assert bound(server, Machine(mac=STRANGER), ip) == ip
    decision = server(request(IDLE, ciaddr=ip))
    assert reply_type(decision) is MessageType.NAK
    assert decision.lease is None


def test_a_renewal_moves_a_machine_to_its_new_reservation(server):
    ip = bound(server, IDLE)
    server.directory.machines[IDLE.mac] = replace(IDLE, ip=IPv4Address("10.99.0.60"))
    decision = server(request(IDLE, ciaddr=ip))
    assert reply_type(decision) is MessageType.NAK
    assert b"has a reservation for 10.99.0.60" in decision.reply.options[Option.MESSAGE]


def test_a_refusal_names_no_address_but_its_reason(server):
    reply = server(request(IDLE, ciaddr=ELSEWHERE)).reply
    assert (reply.ciaddr, reply.yiaddr, reply.siaddr) == (IPv4Address(0),) * 3
    assert set(reply.options) == {Option.MESSAGE_TYPE, Option.SERVER_ID, Option.MESSAGE}


# RELEASE, DECLINE, INFORM ---------------------------------------------------------------------------


def test_a_release_is_stored_and_not_answered(server):
    ip = bound(server, IDLE)
    decision = server(sent_by(IDLE, MessageType.RELEASE, ciaddr=ip, SERVER_ID=US))
    assert (decision.reply, decision.reason, decision.lease.state) == (None, "", LeaseState.RELEASED)


def test_nobody_releases_the_address_of_another(server):
    ip = bound(server, IDLE)
    decision = server(sent_by(BOARD, MessageType.RELEASE, ciaddr=ip))
    assert decision.lease is None
    assert "not leased to it" in decision.reason


def test_a_declined_address_is_quarantined_and_another_one_offered(server):
    ip = bound(server, IDLE)
    decision = server(sent_by(IDLE, MessageType.DECLINE, REQUESTED_IP=ip, SERVER_ID=US))
    assert (decision.reply, decision.lease.state) == (None, LeaseState.DECLINED)
    assert server(discover(IDLE, REQUESTED_IP=ip)).reply.yiaddr != ip


def test_declining_what_was_not_given_changes_nothing(server):
    decision = server(sent_by(IDLE, MessageType.DECLINE, REQUESTED_IP=IDLES_IP))
    assert decision.lease is None
    assert f"declines {IDLES_IP}, which we did not give" in decision.reason


def test_inform_gives_the_settings_without_address_or_lease(server):
    decision = server(sent_by(BOARD, MessageType.INFORM, ciaddr=IPv4Address("10.99.0.77")))
    reply = decision.reply
    assert reply.message_type is MessageType.ACK
    assert (reply.yiaddr, decision.lease) == (IPv4Address(0), None)
    assert not {Option.LEASE_TIME, Option.RENEWAL_TIME, Option.REBINDING_TIME} & set(reply.options)
    assert reply.options[Option.BOOTFILE_NAME] == b"boot.scr.uimg"
    assert decision.destination == Destination(IPv4Address("10.99.0.77"), 68)


def test_inform_from_elsewhere_is_ignored(server):
    assert server(sent_by(BOARD, MessageType.INFORM, ciaddr=ELSEWHERE)).reply is None


# relays ---------------------------------------------------------------------------------------------


def test_a_relay_in_our_subnet_gets_the_answer_at_the_servers_port_with_its_option_last(server):
    decision = server(discover(BOARD, giaddr=RELAY, RELAY_AGENT=b"\x01\x04port"))
    assert decision.destination == Destination(RELAY, 67)
    assert decision.reply.giaddr == RELAY
    assert list(decode(encode(decision.reply)).options)[-1] == Option.RELAY_AGENT
    assert decision.reply.options[Option.RELAY_AGENT] == b"\x01\x04port"


def test_a_refusal_through_a_relay_is_to_be_broadcast_by_it(server):
    decision = server(request(IDLE, giaddr=RELAY, REQUESTED_IP=ELSEWHERE))
    assert decision.destination == Destination(RELAY, 67)
    assert decision.reply.flags & BROADCAST_FLAG


# what single firmware must find ---------------------------------------------------------------------


def test_ipxe_is_told_not_to_wait_for_a_proxy(server):
    assert server(discover(BOARD, USER_CLASS=b"iPXE")).reply.options[Option.IPXE] == bytes([176, 1, 1])


def test_a_raspberry_pi_finds_its_menu(server):
    pi = discover(BOARD, CLIENT_ARCH=b"\0\0", CLIENT_UUID=b"\x00RPi4" + bytes(12))
    options = server(pi).reply.options
    assert options[Option.VENDOR_CLASS] == b"PXEClient"
    menu = options[Option.VENDOR_SPECIFIC]
    assert menu.hex() == "0601030a04005058450914000011" + b"Raspberry Pi Boot".hex() + "ff"


def test_uefi_http_finds_its_class(server):
    server.directory.name = "http://10.99.0.1/boot.efi"
    reply = server(discover(BOARD, VENDOR_CLASS=b"HTTPClient:Arch:00019:UNDI:003000")).reply
    assert reply.options[Option.VENDOR_CLASS] == b"HTTPClient"
    assert reply.options[Option.BOOTFILE_NAME] == b"http://10.99.0.1/boot.efi"


def test_uefi_pxe_gets_no_option_60_which_would_send_it_to_port_4011(server):
    sent = discover(BOARD, VENDOR_CLASS=b"PXEClient:Arch:00011:UNDI:003000", CLIENT_ARCH=b"\0\x0b")
    assert Option.VENDOR_CLASS not in server(sent).reply.options


def test_a_name_too_long_for_the_header_goes_into_the_option_alone(server):
    server.directory.name = "x" * 128
    reply = server(discover(BOARD)).reply
    assert (reply.file, reply.options[Option.BOOTFILE_NAME]) == (b"", b"x" * 128)


@pytest.mark.parametrize("asked", [b"", b"\0\x01", (576).to_bytes(2), b"\xff\x00", b"\x01" * 9])
def test_no_reply_outgrows_what_the_client_takes(server, asked):
    """EDK2 asks for 65280 bytes; a hostile one for one byte, with a huge client id to be echoed."""
    sent = discover(BOARD, MAX_MESSAGE_SIZE=asked, CLIENT_ID=bytes(1000), CLIENT_UUID=bytes(600))
    size = len(encode(server(sent).reply))
    assert size <= max(576, min(int.from_bytes(asked), 1472)) - 28


# the events' contents -------------------------------------------------------------------------------


def test_events_say_who_asked_what_and_what_was_answered(server):
    sent = discover(BOARD, VENDOR_CLASS=b"U-Boot.armv8", CLIENT_ARCH=b"\0\x16")
    decision = server(sent)
    assert decision.received(5) == DhcpReceived(
        t_ns=5,
        mac=BOARD.mac,
        message="DISCOVER",
        xid=77,
        firmware="u-boot",
        arch="arm64",
        vendor_class="U-Boot.armv8",
    )
    assert decision.sent(6) == DhcpSent(
        t_ns=6,
        mac=BOARD.mac,
        message="OFFER",
        xid=77,
        ip="10.99.0.50",
        bootfile="boot.scr.uimg",
        plan="debian",
    )


def test_silence_has_its_event_too(server):
    decision = server(discover(STRANGER))
    event = decision.ignored(7)
    assert event == DhcpIgnored(t_ns=7, mac=STRANGER, message="DISCOVER", xid=77, reason=decision.reason)
    with pytest.raises(ValueError, match="nothing was sent"):
        decision.sent(8)


def test_bootp_is_named_in_its_event(server):
    assert server(replace(discover(BOARD), options={})).received(1).message == "BOOTP"


def test_a_hold_lapses(server):
    server.directory.machines[STRANGER] = Machine(mac=STRANGER)
    ip = server(discover(IDLE)).reply.yiaddr
    assert server(discover(STRANGER, REQUESTED_IP=ip)).reply.yiaddr != ip
    server.now = HOLD_SECONDS
    assert server(request(STRANGER, SERVER_ID=US, REQUESTED_IP=ip)).reply.yiaddr == ip
