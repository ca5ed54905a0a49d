"""The lease table: whatever machines do, no address has two of them."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pxe.boot.leases import HOLD_SECONDS, QUARANTINE_SECONDS, Lease, LeaseState, LeaseTable, Pool, Records
from pxe.errors import NoAddress, PlanError
from pxe.plan import Machine
from pxe.settings import AddressRange

FIRST, LAST = IPv4Address("10.99.0.100"), IPv4Address("10.99.0.103")
POOL = Pool(
    network=IPv4Network("10.99.0.0/24"),
    ranges=(AddressRange(first=FIRST, last=LAST),),
    excluded=frozenset({IPv4Address("10.99.0.1")}),
    lease_seconds=1000,
)
POOL_ADDRESSES = [FIRST + n for n in range(4)]
RESERVED_IN_POOL = Machine(mac="52:54:00:00:00:00", ip=FIRST)
RESERVED_ELSEWHERE = Machine(mac="52:54:00:00:00:01", ip=IPv4Address("10.99.0.50"))
A, B, C, D, E = (Machine(mac=f"52:54:00:00:00:0{n}") for n in "abcde")
EVERYBODY = (RESERVED_IN_POOL, RESERVED_ELSEWHERE, A, B, C, D, E)
RESERVATIONS = {m.ip: m.mac for m in EVERYBODY if m.ip is not None}
NOBODY: dict[IPv4Address, str] = {}


def table(reservations: dict = NOBODY, leases: list[Lease] | None = None) -> LeaseTable:
    return LeaseTable(POOL, reservations.get, Records(leases or []))


def lease(leases: LeaseTable, machine: Machine, now: float, ip: IPv4Address | None = None) -> IPv4Address:
    """Offer, bind and apply, as a client's DISCOVER and REQUEST do."""
    ip = leases.offer(machine, ip, now)
    leases.apply(leases.bind(machine, ip, now))
    return ip


class Clients(RuleBasedStateMachine):
    """Machines that come, go, misbehave and forget, against what each of them may believe to have."""

    machines = st.sampled_from(EVERYBODY)
    addresses = st.sampled_from([*(FIRST + n for n in range(4)), RESERVED_ELSEWHERE.ip, FIRST + 50])

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.disk: dict[IPv4Address, Lease] = {}
        self.offered: dict[str, tuple[IPv4Address, float]] = {}
        self.bound: dict[str, tuple[IPv4Address, float]] = {}
        self.quarantined: dict[IPv4Address, float] = {}
        self.leases = table(RESERVATIONS)

    def taken_by_others(self, ip: IPv4Address, mac: str) -> bool:
        others = [*self.offered.items(), *self.bound.items()]
        return any(m != mac and has == ip and self.now < until for m, (has, until) in others)

    def free_for(self, ip: IPv4Address, machine: Machine) -> bool:
        if self.now < self.quarantined.get(ip, 0.0) or self.taken_by_others(ip, machine.mac):
            return False
        owner = RESERVATIONS.get(ip)
        return owner == machine.mac or (owner is None and FIRST <= ip <= LAST)

    def remembered(self, machine: Machine, had: IPv4Address | None) -> bool:
        """Whether nobody used the machine's former address since, and nothing keeps it from having it."""
        record = self.disk.get(had)
        return record is not None and record.mac == machine.mac and self.free_for(had, machine)

    def store(self, new: Lease) -> None:
        self.leases.apply(new)
        for ip in [ip for ip, old in self.disk.items() if old.mac == new.mac]:
            if new.state is not LeaseState.DECLINED and self.disk[ip].state is not LeaseState.DECLINED:
                del self.disk[ip]
        self.disk[new.ip] = new

    @rule(machine=machines, requested=st.none() | addresses)
    def discover(self, machine, requested):
        had = self.bound.get(machine.mac, (None, 0.0))[0]
        try:
            ip = self.leases.offer(machine, requested, self.now)
        except NoAddress:
            assert not any(self.free_for(FIRST + n, machine) for n in range(4))
            assert machine.ip is None or not self.free_for(machine.ip, machine)
            return
        assert self.free_for(ip, machine)
        if machine.ip is not None and self.free_for(machine.ip, machine):
            assert ip == machine.ip
        elif machine.mac not in self.offered and self.remembered(machine, had):
            assert ip == had
        self.offered[machine.mac] = (ip, self.now + HOLD_SECONDS)

    @rule(machine=machines, ip=addresses, renewing=st.booleans(), disk_full=st.booleans())
    def request(self, machine, ip, renewing, disk_full):
        ask = self.leases.renew if renewing else self.leases.bind
        try:
            new = ask(machine, ip, self.now)
        except NoAddress:
            moved = renewing and machine.ip not in (None, ip)
            assert moved or not self.free_for(ip, machine)
            return
        assert self.free_for(ip, machine)
        self.offered[machine.mac] = (ip, self.now + HOLD_SECONDS)
        if not disk_full:
            self.store(new)
            self.offered.pop(machine.mac)
            self.bound[machine.mac] = (new.ip, new.expires)

    @rule(machine=machines, ip=addresses)
    def release(self, machine, ip):
        new = self.leases.release(machine.mac, ip, self.now)
        has, until = self.bound.get(machine.mac, (None, 0.0))
        mine = has == ip and self.now < until
        assert (new is not None) == mine
        if new is not None:
            self.store(new)
            self.bound.pop(machine.mac)
            if self.offered.get(machine.mac, (None,))[0] == ip:
                self.offered.pop(machine.mac)

    @rule(machine=machines, ip=addresses)
    def decline(self, machine, ip):
        new = self.leases.decline(machine.mac, ip, self.now)
        if new is None:
            return
        assert not self.taken_by_others(ip, machine.mac)
        self.store(new)
        self.quarantined[ip] = self.now + QUARANTINE_SECONDS
        for believed in (self.bound, self.offered):
            if believed.get(machine.mac, (None,))[0] == ip:
                believed.pop(machine.mac)

    @rule(machine=machines)
    def choose_another_server(self, machine):
        self.leases.drop_hold(machine.mac)
        self.offered.pop(machine.mac, None)

    @rule(seconds=st.sampled_from([1.0, HOLD_SECONDS - 1, HOLD_SECONDS, QUARANTINE_SECONDS, 999.0, 1000.0]))
    def wait(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.disk)
    @rule()
    def restart(self):
        self.leases = table(RESERVATIONS, list(self.disk.values()))
        self.offered.clear()

    @invariant()
    def no_address_has_two_machines(self):
        active = [ip for ip, until in self.bound.values() if self.now < until]
        assert len(active) == len(set(active))

    @invariant()
    def reservations_are_for_their_machine(self):
        for mac, (ip, _) in self.bound.items():
            assert RESERVATIONS.get(ip, mac) == mac

    @invariant()
    def memory_is_what_is_on_disk(self):
        assert {known.ip: known for known in self.leases.leases()} == self.disk

    @invariant()
    def everybody_with_an_address_is_known_by_it(self):
        for mac, (ip, until) in self.bound.items():
            if self.now < until:
                assert self.leases.owner(ip) == mac


TestClients = Clients.TestCase


def test_a_machine_gets_its_address_again_after_the_lease_ran_out():
    leases = table()
    first = lease(leases, A, 0)
    lease(leases, B, 1)
    assert leases.offer(A, None, 5000) == first


def test_the_same_machine_lands_on_the_same_address_from_an_empty_table():
    assert table().offer(A, None, 0) == table().offer(A, None, 0)


def test_the_address_longest_out_of_use_is_given_first():
    leases = table()
    for at, machine in enumerate((A, B, C, D)):
        lease(leases, machine, at, FIRST + at)
    assert leases.offer(E, None, 5000) == FIRST


def test_a_requested_address_is_given_where_it_is_free():
    assert table().offer(A, FIRST + 2, 0) == FIRST + 2


@pytest.mark.parametrize("wish", ["10.99.0.1", "10.99.0.0", "10.99.0.255", "10.99.0.99", "192.0.2.1"])
def test_a_wish_for_no_pool_address_is_passed_over(wish):
    assert table().offer(A, IPv4Address(wish), 0) in POOL_ADDRESSES


def test_an_exhausted_pool_says_what_to_do():
    leases = table()
    for machine in (A, B, C, D):
        lease(leases, machine, 0)
    with pytest.raises(NoAddress, match=r"all 4 addresses .* enlarge the pool or shorten the lease time"):
        leases.offer(E, None, 1)


def test_a_held_address_is_offered_to_nobody_else_for_a_minute():
    leases = table()
    held = {leases.offer(machine, None, 0) for machine in (A, B, C, D)}
    assert len(held) == 4
    with pytest.raises(NoAddress):
        leases.offer(E, None, HOLD_SECONDS - 0.1)
    assert leases.offer(E, None, HOLD_SECONDS) in held


def test_a_new_reservation_moves_the_machine_at_its_renewal():
    reservations = dict(RESERVATIONS)
    leases = table(reservations)
    ip = lease(leases, A, 0)
    moved = Machine(mac=A.mac, ip=IPv4Address("10.99.0.77"))
    reservations[moved.ip] = moved.mac
    with pytest.raises(NoAddress, match=r"has a reservation for 10\.99\.0\.77"):
        leases.renew(moved, ip, 10)
    assert lease(leases, moved, 11) == moved.ip


def test_a_reservation_that_somebody_still_uses_waits():
    reservations = dict(NOBODY)
    leases = table(reservations)
    squatter = lease(leases, A, 0, FIRST)
    owner = Machine(mac=B.mac, ip=squatter)
    reservations[squatter] = owner.mac
    assert lease(leases, owner, 1) != squatter  # it boots now all the same
    with pytest.raises(NoAddress, match=f"reserved for {owner.mac}"):
        leases.renew(A, squatter, 2)
    assert leases.offer(owner, None, 2000) == squatter


def test_a_reservation_outside_the_subnet_is_no_address():
    stray = Machine(mac=A.mac, ip=IPv4Address("192.0.2.7"))
    assert table().offer(stray, None, 0) in POOL_ADDRESSES


def test_a_declined_address_rests():
    leases = table()
    ip = lease(leases, A, 0, FIRST)
    leases.apply(leases.decline(A.mac, ip, 10))
    assert leases.owner(ip) is None
    assert leases.offer(A, ip, 11) != ip
    assert leases.offer(B, ip, 11) != ip
    assert leases.offer(C, ip, 10 + QUARANTINE_SECONDS) == ip


def test_nobody_declines_what_he_was_not_given():
    leases = table()
    ip = lease(leases, A, 0)
    assert leases.decline(B.mac, ip, 1) is None


def test_nobody_declines_what_was_his_once():
    leases = table()
    ip = lease(leases, A, 0)
    assert leases.offer(B, ip, 1000) == ip
    assert leases.decline(A.mac, ip, 1001) is None


def test_the_user_of_an_address_is_known_after_its_lease_ran_out():
    """U-Boot never renews, and its TFTP requests must still be told apart."""
    leases = table()
    ip = lease(leases, A, 0)
    assert leases.owner(ip) == A.mac
    leases.apply(leases.release(A.mac, ip, 10))
    assert leases.owner(ip) is None


def test_a_released_address_is_free_even_if_the_clock_went_back():
    leases = table()
    ip = lease(leases, A, 1000)
    leases.apply(leases.release(A.mac, ip, 1100))
    assert leases.offer(B, ip, 900) == ip


def test_releasing_an_address_keeps_the_offer_of_the_next_one():
    leases = table()
    ip = lease(leases, A, 0)
    moved = Machine(mac=A.mac, ip=IPv4Address("10.99.0.77"))
    leases.offer(moved, None, 1)
    leases.apply(leases.release(A.mac, ip, 2))
    assert leases.owner(moved.ip) == A.mac


def test_an_offer_alone_tells_who_has_an_address():
    """A Raspberry Pi 3 loads its files without ever sending a REQUEST."""
    leases = table()
    assert leases.owner(leases.offer(A, None, 0)) == A.mac


def test_a_lease_is_nobodys_until_it_is_applied():
    leases = table()
    leases.bind(A, FIRST, 0)
    assert leases.leases() == []
    with pytest.raises(NoAddress, match="being offered"):
        leases.bind(B, FIRST, 1)
    assert leases.bind(B, FIRST, HOLD_SECONDS).mac == B.mac


@pytest.mark.parametrize(
    "ends", [("10.98.0.1", "10.99.0.9"), ("10.99.0.9", "10.100.0.1"), ("10.99.0.9", "10.99.0.8")]
)
def test_a_pool_outside_the_subnet_is_the_operators_fault(ends):
    first, last = map(IPv4Address, ends)
    with pytest.raises(PlanError, match="set its first and last address"):
        Pool(network=POOL.network, ranges=(AddressRange(first=first, last=last),))


def test_our_own_the_routers_and_the_broadcast_address_are_never_given():
    pool = Pool(
        network=IPv4Network("10.99.0.0/30"),
        ranges=(AddressRange(first=IPv4Address("10.99.0.0"), last=IPv4Address("10.99.0.3")),),
        excluded=frozenset({IPv4Address("10.99.0.1"), IPv4Address("10.99.0.2")}),
    )
    with pytest.raises(NoAddress):
        LeaseTable(pool, NOBODY.get).offer(A, None, 0)


def test_an_address_on_its_way_to_the_disk_is_nobody_elses_however_long_the_disk_takes():
    leases = table()
    ip = leases.offer(A, None, 0)
    new = leases.bind(A, ip, 0)
    leases.records.store(new)
    later = 100 * HOLD_SECONDS  # the hold has lapsed long ago
    with pytest.raises(NoAddress, match=f"is being given to {A.mac}"):
        leases.bind(B, ip, later)
    others = {leases.offer(machine, ip, later) for machine in (B, C, D)}
    assert others == set(POOL_ADDRESSES) - {ip}
    leases.records.stored(new, ok=False)  # the disk is full
    assert leases.bind(B, ip, later + 2 * HOLD_SECONDS).mac == B.mac
    leases.records.store(new)
    leases.records.stored(new, ok=True)
    assert leases.lease_of(A.mac) == new
