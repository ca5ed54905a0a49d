import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lab.updates.changes import Changes
from lab.updates.fleetlock.ledger import Ledger
from lab.updates.fleetlock.request import Client, LockError, parse
from lab.updates.record import Told, check_limits
from lab.updates.settings import LockGroup

BODY = json.dumps({"client_params": {"group": "workers", "id": "c988d2509fdf4cdc"}}).encode()


class Locks:
    """Reboot groups, and the answers to their clients as words."""

    def __init__(self, *groups):
        self.changes = Changes()
        self.ledger = Ledger(groups, self.changes)

    def lock(self, node, now=0.0, group="workers"):
        try:
            self.ledger.pre_reboot(Client(node, group), now)
        except LockError as exc:
            return exc.kind
        return "ok"

    def unlock(self, node, now=0.0, group="workers"):
        self.ledger.steady_state(Client(node, group), now)

    def kinds(self):
        return [event.kind for event in self.changes.events]

    def holders(self, group="workers"):
        return set(self.ledger.groups[group].holders)


def workers(**more):
    return LockGroup(name="workers", **more)


def test_a_request_of_zincati():
    assert parse(b"true", BODY) == Client("c988d2509fdf4cdc", "workers")


@pytest.mark.parametrize(
    ("header", "body", "why"),
    [
        (None, BODY, "header"),
        (b"TRUE", BODY, "header"),
        (b"true", b"", "not JSON"),
        (b"true", BODY[:30], "not JSON"),
        (b"true", b"\xff\xfe", "not JSON"),
        (b"true", b"[]", "client_params"),
        (b"true", b'{"client_params": []}', "client_params"),
        (b"true", b"[" * 4000, "not JSON"),
        (b"true", b'{"client_params": {"group": "workers"}}', "id"),
        (b"true", b'{"client_params": {"group": "workers", "id": ""}}', "id"),
        (b"true", b'{"client_params": {"group": "workers", "id": 7}}', "id"),
        (b"true", b'{"client_params": {"group": "workers", "id": "a\\u0000"}}', "id"),
        (b"true", b'{"client_params": {"group": "", "id": "a"}}', "group"),
        (b"true", b'{"client_params": {"group": "a/b", "id": "a"}}', "group"),
        (b"true", b'{"client_params": {"group": "workers\\n", "id": "a"}}', "group"),
    ],
)
def test_requests_that_are_refused(header, body, why):
    with pytest.raises(LockError, match=why) as told:
        parse(header, body)
    assert (told.value.status, told.value.kind) == (400, "invalid_client_identity")


def test_a_body_without_end():
    with pytest.raises(LockError) as told:
        parse(b"true", b" " * 5000)
    assert told.value.status == 413


@given(st.binary(max_size=200))
def test_any_bytes_are_a_client_or_refused(body):
    try:
        found = parse(b"true", body).group
    except LockError as exc:
        found = exc.kind
    assert found


def test_slots_are_counted():
    locks = Locks(workers(slots=2))
    assert [locks.lock(n) for n in "abc"] == ["ok", "ok", "failed_lock_semaphore_full"]
    locks.unlock("a")
    assert locks.lock("c") == "ok"
    assert locks.holders() == {"b", "c"}


def test_locking_is_recursive_and_idempotent():
    locks = Locks(workers())
    assert [locks.lock("a") for _ in range(3)] == ["ok"] * 3
    locks.unlock("a")
    locks.unlock("a")
    assert locks.lock("b") == "ok"
    assert locks.kinds() == ["locked", "unlocked", "locked"]


def test_locks_are_owned():
    locks = Locks(workers())
    locks.lock("a")
    locks.unlock("b")
    assert locks.lock("b") == "failed_lock_semaphore_full"
    assert locks.lock("A") == "failed_lock_semaphore_full"  # told apart by case


def test_groups_do_not_know_of_each_other():
    locks = Locks(workers(), LockGroup(name="control", slots=2))
    assert [locks.lock("a"), locks.lock("a", group="control"), locks.lock("b", group="control")] == ["ok"] * 3
    assert locks.lock("a", group="none") == "unknown_group"
    with pytest.raises(LockError, match="unknown group none"):
        locks.unlock("a", group="none")


def test_without_a_lease_a_lost_node_keeps_its_slot():
    locks = Locks(workers())
    locks.lock("a")
    locks.ledger.expire(1e9)
    assert locks.lock("b", 1e9) == "failed_lock_semaphore_full"


def test_a_lease_frees_the_slot_but_lost_nodes_stop_the_group():
    locks = Locks(workers(slots=2, lease_seconds=100))
    locks.lock("a", 0)
    locks.lock("b", 50)
    assert locks.lock("c", 100) == "failed_lock_nodes_lost"
    assert locks.holders() == {"b"}
    locks.unlock("a", 120)  # it came back
    assert locks.lock("c", 121) == "ok"
    assert locks.kinds() == ["locked", "locked", "expired", "returned", "locked"]


def test_as_many_lost_nodes_as_are_tolerated():
    locks = Locks(workers(lease_seconds=10, tolerate_lost=1))
    locks.lock("a", 0)
    assert locks.lock("b", 10) == "ok"
    assert locks.lock("c", 20) == "failed_lock_nodes_lost"


def test_a_lost_node_may_lock_again():
    locks = Locks(workers(lease_seconds=10))
    locks.lock("a", 0)
    assert locks.lock("a", 20) == "ok"
    assert locks.kinds() == ["locked", "expired", "locked", "returned"]


def test_asking_again_renews_the_lease():
    locks = Locks(workers(slots=2, lease_seconds=100))
    locks.lock("a", 0)
    locks.lock("b", 1)
    locks.lock("a", 90)
    locks.ledger.expire(101)
    assert locks.holders() == {"a"}


def test_an_operator_takes_a_slot_and_calls_a_node_found():
    locks = Locks(workers(lease_seconds=100))
    locks.lock("a", 0)
    assert locks.ledger.free("workers", "a", "dead disk", 5)
    assert not locks.ledger.free("workers", "a", "again", 6)
    locks.lock("b", 10)
    locks.ledger.expire(110)
    assert locks.ledger.free("workers", "b", "scrapped", 111)
    assert locks.lock("c", 112) == "ok"
    assert locks.changes.events[1].detail["reason"] == "dead disk"


def test_pause_and_health():
    locks = Locks(workers(slots=3))
    locks.lock("a")
    group = locks.ledger.groups["workers"]
    group.paused = "holiday"
    assert locks.lock("b") == "failed_lock_paused"
    assert locks.lock("a") == "ok"  # what it has it keeps
    group.paused, group.unhealthy = "", "503"
    assert locks.lock("b") == "failed_lock_unhealthy"
    group.unhealthy = ""
    assert locks.lock("b") == "ok"


NODES = st.sampled_from("abcdefg")


class Semaphore(RuleBasedStateMachine):
    @initialize(slots=st.integers(1, 3), lease=st.sampled_from((None, 30.0)), lost=st.integers(0, 2))
    def begin(self, slots, lease, lost):
        self.settings = workers(slots=slots, lease_seconds=lease, tolerate_lost=lost)
        self.locks, self.now, self.past = Locks(self.settings), 0.0, []
        self.rows = {}
        self.locks.changes.tell(0.0, "fleetlock/workers", "", "limits", slots=slots)

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds):
        self.now += seconds
        self.locks.ledger.expire(self.now)

    @rule(node=NODES)
    def lock(self, node):
        held = node in self.locks.holders()
        before = len(self.locks.holders())
        answer = self.locks.lock(node, self.now)
        assert not held or answer == "ok" or self.settings.lease_seconds is not None
        if not held and answer == "ok":
            assert before <= self.settings.slots

    @rule(node=NODES)
    def unlock(self, node):
        self.locks.unlock(node, self.now)
        assert node not in self.locks.holders()

    @rule()
    def restart(self):
        taken = self.locks.changes.take()
        self.past += taken.events
        self.rows |= taken.rows
        self.locks = Locks(self.settings)
        stored = {
            table: [row for (name, _), row in self.rows.items() if name == table and row is not None]
            for table in ("locks", "lost_nodes")
        }
        self.locks.ledger.load(stored["locks"], stored["lost_nodes"])

    @invariant()
    def never_more_than_slots(self):
        if not hasattr(self, "locks"):
            return
        assert len(self.locks.holders()) <= self.settings.slots
        events = [*self.past, *self.locks.changes.events]
        told = (Told(n, e.at, e.group, e.node, e.kind, e.detail) for n, e in enumerate(events))
        kept = check_limits(told)["fleetlock/workers"]
        assert not kept.broken
        assert kept.holders == self.locks.holders()


Semaphore.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSemaphore = Semaphore.TestCase


def test_a_group_is_not_well_before_it_was_asked():
    locks = Locks(workers(health_url="http://lb/ready"))
    assert locks.lock("a") == "failed_lock_unhealthy"
