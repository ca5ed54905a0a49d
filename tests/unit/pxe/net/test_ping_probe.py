"""Which addresses behind relays are pinged, and which answers count. The network is a list of packets."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from scapy.layers.inet import ICMP, IP

from pxe.boot.lease_records import HOLD_SECONDS, Records
from pxe.boot.leases import Lease, LeaseState, LeaseTable, Pool
from pxe.errors import NoAddress
from pxe.net.dhcp_probe import PingProber
from pxe.plan import Machine
from pxe.settings import AddressRange

FIRST = IPv4Address("10.20.0.10")
POOL = Pool(
    network=IPv4Network("10.20.0.0/24"),
    ranges=(AddressRange(first=FIRST, last=FIRST + 3),),
    lease_seconds=100,
)
A, B = Machine(mac="52:54:00:00:00:0a"), Machine(mac="52:54:00:00:00:0b")
RESERVED = FIRST + 3


class Wire:
    """Answers what is asked about the addresses in `up`; or not, if the answer is to come late."""

    def __init__(self, *up: IPv4Address) -> None:
        self.up, self.asked, self.answers = set(up), [], []

    def fileno(self) -> int:
        return 7

    def sendto(self, data: bytes, to: tuple[str, int]) -> None:
        ip = IPv4Address(to[0])
        self.asked.append(ip)
        if ip in self.up:
            asked = ICMP(data)
            reply = ICMP(type="echo-reply", id=asked.id, seq=asked.seq) / bytes(asked.payload)
            self.answers.append(bytes(IP(src=str(ip), dst="10.0.0.1") / reply))

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        if not self.answers:
            raise BlockingIOError
        return self.answers.pop(0)[:size], ("", 0)


class Far:
    def __init__(self, *up: IPv4Address) -> None:
        self.wire, self.records = Wire(*up), Records()
        self.table = LeaseTable(POOL, {RESERVED: A.mac}.get, self.records)
        self.prober = PingProber(self.wire, [self.table])

    def conflicts(self, now: float = 1.0) -> list[str]:
        found = self.prober.hear(now)
        assert {event.mac for event in found} <= {None}
        return [event.ip for event in found]


def test_who_answers_before_the_request_keeps_his_address():
    far = Far(FIRST)
    far.records.hold(A.mac, int(FIRST), HOLD_SECONDS)
    far.prober.ask(FIRST)
    assert far.conflicts() == [str(FIRST)]
    with pytest.raises(NoAddress, match="a host that answers ping on it"):
        far.table.bind(A, FIRST, 2.0)
    assert far.table.offer(A, FIRST, 2.0) != FIRST
    far.prober.ask(FIRST)
    assert far.conflicts() == []  # no news


def test_an_answer_that_comes_once_the_address_is_granted_may_be_the_clients_own():
    for on_disk in (False, True):
        far = Far(FIRST)
        far.records.hold(A.mac, int(FIRST), HOLD_SECONDS)
        far.prober.ask(FIRST)
        lease = far.table.bind(A, FIRST, 1.0)
        far.records.store(lease)
        if on_disk:
            far.records.stored(lease, ok=True)
        assert far.conflicts() == []
        assert far.table.bind(A, FIRST, 2.0)


@pytest.mark.parametrize(
    ("state", "offered_to", "asks"),
    [
        (LeaseState.BOUND, A, False),  # its own, and it may still be using it
        (LeaseState.BOUND, B, True),  # RFC 2131's case: an address that is used again
        (LeaseState.BOUND, None, False),
        (LeaseState.RELEASED, None, True),
        (LeaseState.RELEASED, B, True),
    ],
)
def test_who_had_an_address_last_may_answer_there(state, offered_to, asks):
    far = Far()
    far.records.apply(Lease(ip=FIRST, mac=A.mac, expires=1.0, state=state))
    if offered_to is not None:
        far.records.hold(offered_to.mac, int(FIRST), 100.0)
    far.prober.ask(FIRST)
    assert (FIRST in far.wire.asked) is asks


def test_a_reserved_address_is_not_pinged_its_machine_may_well_answer():
    far = Far(RESERVED)
    far.prober.ask(RESERVED)
    far.prober.ask(IPv4Address("10.20.0.200"))  # nor what is not ours to give
    assert far.wire.asked == []


def test_who_renews_what_answers_ping_is_who_answers():
    """Our records are lost, or were another server's: machines that run must keep what they have."""
    far = Far(FIRST)
    far.prober.ask(FIRST)
    assert far.conflicts() == [str(FIRST)]
    assert far.table.renew(A, FIRST, 2.0).ip == FIRST


def test_the_round_goes_through_the_pool():
    far = Far(FIRST + 1)
    for step in range(20):
        far.prober.probe(far.prober.due() + step * 10.0, 1.0)
    assert set(far.wire.asked) == {FIRST, FIRST + 1, FIRST + 2}
    assert far.conflicts() == [str(FIRST + 1)]


def test_answers_that_nobody_asked_for_mean_nothing():
    far = Far()
    far.prober.ask(FIRST)
    forged = IP(src=str(FIRST + 1), dst="10.0.0.1") / ICMP(type="echo-reply", id=1) / bytes(12)
    far.wire.answers += [b"", bytes(forged), bytes(28), bytes(IP(src=str(FIRST)) / ICMP(type=0))]
    assert far.conflicts() == []
