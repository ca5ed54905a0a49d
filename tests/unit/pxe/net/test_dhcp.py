"""The DHCP adapter on the loopback interface: real sockets, a real disk, every way in which they fail."""

import itertools
import logging
import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pxe.boot.classify import Client
from pxe.boot.leases import Lease, LeaseState
from pxe.boot.select import Choice
from pxe.errors import PlanError, ServiceError
from pxe.events import (
    DhcpIgnored,
    DhcpReceived,
    DhcpSent,
    DhcpSkipped,
    Event,
    OtherServer,
    PacketMalformed,
)
from pxe.net.dhcp import DhcpServer, bind_dhcp
from pxe.plan import Machine, Selector
from pxe.settings import AddressRange, DhcpMode, DhcpPolicy, DhcpSettings, Subnet
from pxe.state import LeaseStore, open_state
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option, decode, encode

POOL = AddressRange(first=IPv4Address("127.0.1.0"), last=IPv4Address("127.0.9.255"))
SUBNET = Subnet(network=IPv4Network("127.0.0.0/8"), ranges=(POOL,))
US = IPv4Address("127.0.0.1")
BOARD = "52:54:00:aa:00:01"
CRASHES = "52:54:00:aa:00:66"
STRANGER = "02:00:00:00:00:01"
SECONDS = 10.0
TOGETHER = 64  # messages that any host's socket buffer holds


class Directory:
    """Every MAC of QEMU's prefix is a machine; one of them is a bug."""

    everybody = False  # whether strangers are let in

    def machine(self, mac: str) -> Machine | None:
        if mac == CRASHES:
            raise ZeroDivisionError("a bug in the directory")
        return Machine(mac=mac, plan="debian") if mac.startswith("52:54:00") else None

    def admit(self, client: Client, now: float) -> Machine | None:
        stranger = Machine(mac=client.mac) if self.everybody else None
        return self.machine(client.mac) or stranger

    def choice(self, mac: str, address: IPv4Address | None = None) -> Choice:
        return Choice(plan=None, why="")

    def reserved_for(self, ip: IPv4Address) -> str | None:
        return None

    def bootfile(
        self,
        mac: str,
        client: Client,
        address: IPv4Address | None = None,
        server: IPv4Address | None = None,
    ) -> str:
        return "boot.scr.uimg"


class Disk(LeaseStore):
    """The real store, which can be told to be full, and remembers what it was asked in one go."""

    full = False

    def save(self, leases: list[Lease]) -> None:
        self.asked.set()
        assert self.gate.wait(SECONDS)
        if self.full and leases:
            raise ServiceError("state.sqlite: the disk is full; free some space on it")
        super().save(leases)
        if leases:
            self.batches.append(len(leases))

    batches: list[int]
    asked: threading.Event
    gate: threading.Event  # closed: the disk is at it


class Service:
    """A server in a thread, and a client's socket."""

    def __init__(self, state: Path, **more) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.client.bind(("", 0))
        self.client.settimeout(SECONDS)
        self.settings = DhcpSettings(
            interface="lo",
            address=IPv4Interface("127.0.0.1/8"),
            subnets=(SUBNET,),
            port=0,
            client_port=self.client.getsockname()[1],
            proxy_port=0,
            **more,
        )
        self.engine = open_state(state)
        self.disk = Disk(self.engine)
        self.disk.batches, self.disk.asked, self.disk.gate = [], threading.Event(), threading.Event()
        self.disk.gate.set()
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.directory = Directory()
        self.sockets = bind_dhcp(self.settings)
        self.sock = self.sockets.server
        self.server = DhcpServer((self.settings,), (self.sockets,), Directory(), self.disk, self.events.put)
        self.thread = threading.Thread(target=self.server.serve)

    def start(self) -> None:
        self.thread.start()

    def send(self, data: bytes) -> None:
        self.client.sendto(data, ("127.0.0.1", self.sock.getsockname()[1]))

    def receive(self) -> DhcpPacket:
        return decode(self.client.recv(2048))

    def event(self, kind: type[Event]) -> Event:
        """The next event of that kind; those before it are dropped."""
        while True:
            event = self.events.get(timeout=SECONDS)
            if isinstance(event, kind):
                return event

    def close(self) -> None:
        self.disk.gate.set()
        self.server.stop()
        if self.thread.ident is not None:
            self.thread.join(SECONDS)
        assert not self.thread.is_alive()
        self.sockets.close()
        self.client.close()
        self.engine.dispose()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.fixture
def running(service: Service) -> Service:
    service.start()
    return service


def message(kind: MessageType, mac: str = BOARD, **options: bytes) -> DhcpPacket:
    chosen = {Option[name]: value for name, value in options.items()}
    return DhcpPacket(
        op=Op.REQUEST,
        xid=7,
        chaddr=bytes.fromhex(mac.replace(":", "")),
        options={Option.MESSAGE_TYPE: bytes([kind]), **chosen},
    )


def request(ip: IPv4Address, mac: str = BOARD) -> bytes:
    return encode(message(MessageType.REQUEST, mac, SERVER_ID=US.packed, REQUESTED_IP=ip.packed))


DISCOVER = encode(message(MessageType.DISCOVER))


def test_discover_to_ack_over_real_sockets(running):
    running.send(DISCOVER)
    offer = running.receive()
    assert (offer.message_type, offer.file) == (MessageType.OFFER, b"boot.scr.uimg")
    running.send(request(offer.yiaddr))
    assert running.receive().message_type is MessageType.ACK
    assert running.server.mac_of(offer.yiaddr) == BOARD
    assert [(known.ip, known.mac) for known in running.server.leases()] == [(offer.yiaddr, BOARD)]
    assert running.disk.load() == running.server.leases()


def test_every_packet_has_its_event_in_the_order_of_the_wire(running):
    running.send(DISCOVER)
    running.send(request(running.receive().yiaddr))
    running.receive()
    events = [running.event(Event) for _ in range(4)]
    assert [type(event) for event in events] == [DhcpReceived, DhcpSent, DhcpReceived, DhcpSent]
    assert [event.message for event in events] == ["DISCOVER", "OFFER", "REQUEST", "ACK"]
    assert [event.t_ns for event in events] == sorted(event.t_ns for event in events)
    assert {event.mac for event in events} == {BOARD}


def test_an_offer_alone_tells_whose_address_it_is(running):
    running.send(DISCOVER)
    assert running.server.mac_of(running.receive().yiaddr) == BOARD
    assert running.server.mac_of(IPv4Address("127.0.9.9")) is None


def test_requests_that_wait_together_are_stored_together(service):
    macs = [f"52:54:00:bb:00:{n:02x}" for n in range(TOGETHER)]
    for n, mac in enumerate(macs):
        service.send(request(POOL.first + n, mac))
    service.start()
    for _ in macs:
        assert service.receive().message_type is MessageType.ACK
    assert service.disk.batches == [TOGETHER]


def test_messages_of_one_client_in_a_batch_are_handled_one_after_the_other(service):
    ip = POOL.first
    service.send(request(ip))
    service.send(encode(replace(message(MessageType.RELEASE), ciaddr=ip)))
    service.send(DISCOVER)
    service.start()
    assert [service.receive().message_type for _ in range(2)] == [MessageType.ACK, MessageType.OFFER]
    assert [known.state for known in service.disk.load()] == [LeaseState.RELEASED]
    assert service.disk.batches == [1, 1]


OTHER = "52:54:00:aa:00:02"


def test_no_ack_leaves_before_its_lease_is_on_disk_and_nobody_else_waits(running):
    running.disk.gate.clear()
    running.send(request(POOL.first))
    assert running.disk.asked.wait(SECONDS)
    for xid in range(100, 120):  # an ACK that was on its way would come before these
        running.send(encode(replace(message(MessageType.DISCOVER, OTHER), xid=xid)))
        offer = running.receive()
        assert (offer.message_type, offer.xid, offer.mac) == (MessageType.OFFER, xid, OTHER)
    assert running.disk.load() == running.server.leases() == []
    running.send(request(POOL.first + 1, OTHER))  # gathers meanwhile, and is not stored with the first
    running.disk.gate.set()
    granted = [running.receive() for _ in range(2)]
    assert [(ack.message_type, ack.mac) for ack in granted] == [
        (MessageType.ACK, BOARD),
        (MessageType.ACK, OTHER),
    ]
    assert running.disk.batches == [1, 1]
    assert {known.mac: known.ip for known in running.disk.load()} == {a.mac: a.yiaddr for a in granted}


def test_what_a_client_sends_while_its_lease_is_stored_waits_its_turn(running):
    running.disk.gate.clear()
    running.send(request(POOL.first))
    assert running.disk.asked.wait(SECONDS)
    running.send(encode(replace(message(MessageType.RELEASE), ciaddr=POOL.first)))
    running.send(DISCOVER)
    for xid in range(200, 240):  # more than anybody sends in earnest: the oldest are forgotten
        running.send(encode(replace(message(MessageType.DISCOVER), xid=xid)))
    running.send(encode(message(MessageType.DISCOVER, OTHER)))
    assert running.receive().mac == OTHER
    running.disk.gate.set()
    assert running.receive().message_type is MessageType.ACK
    late = [running.receive() for _ in range(16)]
    assert [(offer.message_type, offer.xid) for offer in late] == [
        (MessageType.OFFER, xid) for xid in range(224, 240)
    ]


def test_a_stop_waits_for_the_disk_and_sends_the_ack(running):
    running.disk.gate.clear()
    running.send(request(POOL.first))
    assert running.disk.asked.wait(SECONDS)
    running.server.stop()
    running.disk.gate.set()
    assert running.receive().message_type is MessageType.ACK
    running.thread.join(SECONDS)
    assert [known.mac for known in running.disk.load()] == [BOARD]


def test_a_store_that_breaks_ends_the_loop_for_the_master_to_start_another(service):
    def broken(_leases: object) -> None:
        raise ZeroDivisionError("a bug in the store")

    service.disk.save = broken
    service.server = DhcpServer(
        (service.settings,), (service.sockets,), Directory(), service.disk, service.events.put
    )
    service.send(request(POOL.first))
    with pytest.raises(ZeroDivisionError):
        service.server.serve()


def test_a_full_disk_costs_the_ack_and_nothing_else(running, caplog):
    running.disk.full = True
    running.send(DISCOVER)
    ip = running.receive().yiaddr
    running.send(request(ip))
    ignored = running.event(DhcpIgnored)
    assert ignored.reason == (
        "the lease could not be stored: state.sqlite: the disk is full; free some space on it"
    )
    assert running.server.leases() == []
    assert [r.levelno for r in caplog.records if "not stored" in r.message] == [logging.ERROR]
    running.disk.full = False
    running.send(encode(replace(decode(request(ip)), xid=8)))
    ack = running.receive()
    assert (ack.message_type, ack.xid) == (MessageType.ACK, 8)  # the first answer since the OFFER


def test_a_fault_of_ours_costs_one_answer(running, caplog):
    running.send(encode(message(MessageType.DISCOVER, CRASHES)))
    running.send(DISCOVER)
    assert running.receive().mac == BOARD
    assert "a bug in the directory" in running.event(DhcpIgnored).reason
    assert "ZeroDivisionError" in caplog.text


def test_an_answer_that_cannot_be_sent_is_said(running):
    running.send(encode(replace(message(MessageType.DISCOVER), giaddr=IPv4Address("127.0.0.9"))))
    ignored = running.event(DhcpIgnored)  # the relay's port is ours, which is 0 in this test
    assert ignored.reason.startswith("the answer could not be sent to 127.0.0.9:0: ")


def test_malformed_packets_become_events_with_their_peer(running, caplog):
    running.send(b"nonsense")
    event = running.event(PacketMalformed)
    port = running.client.getsockname()[1]
    assert (event.protocol, event.peer) == ("dhcp", f"127.0.0.1:{port}")
    assert "8 bytes are too few" in event.reason
    assert f"malformed DHCP message from 127.0.0.1:{port}" in caplog.text


def test_strangers_are_told_apart_in_the_events(running):
    running.send(encode(message(MessageType.DISCOVER, STRANGER)))
    assert running.event(DhcpIgnored).reason.startswith(f"no machine {STRANGER}")


def test_leases_survive_a_restart(tmp_path):
    first = Service(tmp_path)
    first.start()
    first.send(DISCOVER)
    ip = first.receive().yiaddr
    first.send(request(ip))
    first.receive()
    first.close()
    second = Service(tmp_path)
    try:
        second.start()
        assert second.server.mac_of(ip) == BOARD
        second.send(encode(message(MessageType.REQUEST, REQUESTED_IP=ip.packed)))  # INIT-REBOOT
        assert second.receive().message_type is MessageType.ACK
    finally:
        second.close()


def test_stop_before_serve_and_twice_is_fine(service):
    service.server.stop()
    service.server.stop()
    service.start()
    service.thread.join(SECONDS)
    assert not service.thread.is_alive()


def test_nothing_at_the_port_stops_the_server(running, caplog):
    caplog.set_level(logging.CRITICAL)
    tried = itertools.count(1)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=600), st.integers(0, 599), st.binary(min_size=1, max_size=8))
    def send_noise_and_then_boot(noise, at, patch):
        running.send(noise)
        running.send((DISCOVER[:at] + patch + DISCOVER[at + len(patch) :])[:600])
        xid = next(tried)
        running.send(encode(replace(message(MessageType.DISCOVER), xid=xid)))
        while running.receive().xid != xid:  # the mutated one may have been worth an answer too
            pass

    send_noise_and_then_boot()


# what the socket needs ------------------------------------------------------------------------------


def test_an_interface_that_is_not_there_is_named_with_those_that_are(service):
    with pytest.raises(ServiceError, match=r"nosuch0.* no such interface; this host has .*lo"):
        bind_dhcp(replace(service.settings, interface="nosuch0"))


def test_an_interface_name_that_no_kernel_takes_is_a_service_error(service):
    with pytest.raises(ServiceError, match="cannot serve DHCP"):
        bind_dhcp(replace(service.settings, interface="x" * 99))


def test_a_port_in_use_is_named_with_the_way_to_find_by_whom(service):
    port = service.sock.getsockname()[1]
    with pytest.raises(ServiceError, match=rf"port {port}: another program has the port; `ss "):
        bind_dhcp(replace(service.settings, port=port))


def test_an_address_that_is_not_ours_is_named_with_the_way_to_get_it(service):
    stray = IPv4Interface("192.0.2.1/24")
    with pytest.raises(ServiceError, match=r"`ip address add 192\.0\.2\.1/24 dev lo` gives it one"):
        bind_dhcp(replace(service.settings, address=stray))


def test_a_pool_outside_the_subnet_is_the_operators_fault(service):
    pool = AddressRange(first=POOL.first, last=IPv4Address("192.0.2.1"))
    wrong = replace(service.settings, subnets=(replace(SUBNET, ranges=(pool,)),))
    with pytest.raises(PlanError, match="set its first and last address"):
        DhcpServer((wrong,), (service.sockets,), Directory(), service.disk, service.events.put)


# floods, delays, proxies ----------------------------------------------------------------------------


def made_up(number: int) -> bytes:
    return encode(
        message(
            MessageType.DISCOVER, f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        )
    )


def test_a_flood_of_strangers_is_counted_and_a_machine_of_ours_is_answered(running, caplog):
    caplog.set_level(logging.CRITICAL)
    for number in range(5000):
        running.send(made_up(number))
        if number % 500 == 0:
            running.send(DISCOVER)
            while running.receive().mac != BOARD:
                pass
    running.event(DhcpSkipped)
    seen = 0
    while True:
        try:
            seen += isinstance(running.events.get(timeout=0.2), DhcpReceived | DhcpIgnored)
        except queue.Empty:
            break
    assert seen < 2000


def test_a_flood_takes_bounded_memory_and_not_all_addresses(running, caplog):
    caplog.set_level(logging.CRITICAL)
    running.directory.everybody = True
    for number in range(6000):
        running.send(made_up(number))
    running.send(DISCOVER)
    while running.receive().mac != BOARD:
        pass
    holds = running.server._records.holds
    assert len(holds) <= int(POOL.last) - int(POOL.first) + 1


def test_a_delayed_answer_holds_up_nobody(tmp_path):
    slow = DhcpPolicy(name="slow", when=Selector(mac=BOARD), delay_seconds=0.3)
    service = Service(tmp_path, policies=(slow,))
    service.start()
    try:
        service.send(DISCOVER)
        service.send(encode(message(MessageType.DISCOVER, "52:54:00:aa:00:02")))
        assert [service.receive().mac for _ in range(2)] == ["52:54:00:aa:00:02", BOARD]
    finally:
        service.close()


def test_a_proxy_learns_the_addresses_that_another_server_gives(tmp_path):
    service = Service(tmp_path, mode=DhcpMode.PROXY)
    service.start()
    try:
        ip = IPv4Address("127.0.5.5")
        theirs = IPv4Address("127.0.0.9").packed
        service.send(encode(message(MessageType.REQUEST, SERVER_ID=theirs, REQUESTED_IP=ip.packed)))
        pxe = {"VENDOR_CLASS": b"PXEClient:Arch:00007", "CLIENT_ARCH": b"\0\7", "CLIENT_UUID": bytes(17)}
        service.send(encode(message(MessageType.DISCOVER, **pxe)))
        offer = service.receive()
        assert (offer.yiaddr, offer.siaddr) == (IPv4Address(0), US)
        assert service.server.mac_of(ip) == BOARD
        assert service.server.leases() == []
        port = service.sockets.binl.getsockname()[1]
        service.client.sendto(encode(message(MessageType.REQUEST, **pxe)), ("127.0.0.1", port))
        assert service.receive().message_type is MessageType.ACK
    finally:
        service.close()


def test_another_server_is_told_of_once(running):
    theirs = IPv4Address("127.0.0.9").packed
    for xid in range(3):
        sent = message(MessageType.REQUEST, SERVER_ID=theirs, REQUESTED_IP=theirs)
        running.send(encode(replace(sent, xid=xid)))
    assert running.event(OtherServer).server == "127.0.0.9"
    running.send(DISCOVER)
    running.receive()
    running.event(DhcpSent)  # nothing of a second one before
    kinds = []
    while not running.events.empty():
        kinds.append(type(running.events.get()))
    assert OtherServer not in kinds
