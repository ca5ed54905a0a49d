from hypothesis import given
from hypothesis import strategies as st

from lab.upgrades.plan import JITTER_SECONDS, Operation, plan_cut

STAGES = {
    Operation.UPGRADE: ("request", "write", "reboot", "kernel"),
    Operation.ROLLBACK: ("request", "reboot"),
    Operation.CONFIG: ("request", "written"),
}
SECONDS = {Operation.UPGRADE: 40.0, Operation.ROLLBACK: 20.0, Operation.CONFIG: 3.0}
ALL = {(operation, stage) for operation, names in STAGES.items() for stage in names}


def plan(seed, number):
    return plan_cut(seed, number, STAGES, SECONDS)


@given(st.integers(0, 2**32 - 1))
def test_every_stage_of_every_operation_gets_its_turn(seed):
    plans = [plan(seed, number) for number in range(0, 2 * len(ALL), 2)]
    assert {(p.operation, p.stage) for p in plans} == ALL
    assert all(0 <= p.delay <= JITTER_SECONDS for p in plans)


@given(st.integers(0, 2**32 - 1), st.integers(0, 10_000))
def test_a_cut_is_decided_by_seed_and_number(seed, number):
    found = plan(seed, number)
    assert found == plan(seed, number)
    assert (found.operation, found.stage) in ALL
    if number % 2:
        assert found.stage == "request"
        assert 0 <= found.delay <= SECONDS[found.operation]


def test_the_same_in_every_process():
    assert str(plan(7, 3)) == "cut 3 of seed 7: rollback, 5.40 s after request"
    assert plan(7, 3).disk_seed == 3412506939


def test_random_cuts_reach_all_of_the_longest_operation():
    delays = [p.delay for n in range(1, 400, 2) if (p := plan(1, n)).operation is Operation.UPGRADE]
    assert min(delays) < 4
    assert max(delays) > 36
