from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lab.upgrades.plan import ONCE_IN, WRITES, Operation, plan_cut

STAGES = {
    Operation.UPGRADE: ("request", "write", "reboot", "kernel"),
    Operation.ROLLBACK: ("request", "reboot"),
    Operation.CONFIG: ("request", "written"),
    Operation.INSTALL: ("request", "partition", "reboot"),
}
SECONDS = {
    Operation.UPGRADE: 40.0,
    Operation.ROLLBACK: 20.0,
    Operation.CONFIG: 3.0,
    Operation.INSTALL: 50.0,
}
ALL = {(operation, stage) for operation, names in STAGES.items() for stage in names}
SEEDS = st.integers(0, 2**32 - 1)


def plan(seed, number, stages=STAGES):
    return plan_cut(seed, number, stages, SECONDS)


@given(SEEDS)
def test_every_stage_of_every_operation_is_cut_in_a_write(seed):
    plans = [plan(seed, number) for number in range(35)]
    assert {(p.operation, p.stage) for p in plans if p.write} == ALL


@given(SEEDS, st.integers(0, 10_000))
def test_a_cut_is_decided_by_seed_and_number(seed, number):
    found = plan(seed, number)
    assert found == plan(seed, number)
    assert (found.operation, found.stage) in ALL
    if number % ONCE_IN == ONCE_IN - 1:
        assert (found.stage, found.write) == ("request", 0)
        assert 0 <= found.delay <= SECONDS[found.operation]
    else:
        assert found.delay == 0
        assert 1 <= found.write < WRITES


@given(SEEDS)
def test_three_cuts_are_in_three_operations_and_in_writes(seed):
    plans = [plan(seed, number) for number in range(3)]
    assert {p.operation for p in plans} == {Operation.CONFIG, Operation.ROLLBACK, Operation.UPGRADE}
    assert all(p.write for p in plans)


def test_the_same_in_every_process():
    assert str(plan(7, 3)) == "cut 3 of seed 7: rollback, write 8 after request"
    assert str(plan(7, 4)) == "cut 4 of seed 7: upgrade, 1.56 s after request"
    assert plan(7, 3).disk_seed == 1795801374


def test_random_cuts_reach_all_of_the_longest_operation():
    delays = [
        p.delay for n in range(2000) if not (p := plan(1, n)).write and p.operation is Operation.UPGRADE
    ]
    assert min(delays) < 4
    assert max(delays) > 36


def test_first_writes_come_more_often_than_late_ones():
    writes = Counter(p.write for n in range(2000) if (p := plan(1, n)).write)
    assert writes[1] > 3 * sum(writes[n] for n in range(50, WRITES)) / 5
    assert max(writes) > 40


def test_what_cannot_be_installed_is_not():
    without = STAGES | {Operation.INSTALL: ()}
    found = {plan(3, number, without).operation for number in range(40)}
    assert found == set(Operation) - {Operation.INSTALL}
