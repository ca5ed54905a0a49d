"""A configuration, and an upgrade, through the API: every stage timed, and the right slot really booted."""

import re

import pytest

from lab.upgrades.bench import Bench, Done
from lab.upgrades.faults import Ending, FailureClass
from lab.upgrades.plan import Operation
from lab.upgrades.system import DOWNLOADED, READY, REQUEST, Observation

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(7200)]

OTHER = {"A": "B", "B": "A"}


def test_a_configuration_is_pushed(upgrades: Bench, upgrade_runs: int) -> None:
    with upgrades.recording("config", upgrade_runs) as recorder:
        for _ in range(upgrade_runs):
            before = upgrades.ready().seen
            done = upgrades.run(recorder, Operation.CONFIG)
            assert done.seen is not None, done.refused
            assert not done.refused
            same = upgrades.rig.system.same_config
            assert same(done.seen.config, upgrades.rig.system.config(done.order.number))
            assert not same(done.seen.config, before.config)
            assert (done.seen.slot, done.seen.version) == (before.slot, before.version)


def test_an_upgrade_boots_the_other_slot(upgrades: Bench, upgrade_runs: int, record_property) -> None:
    with upgrades.recording("upgrade", upgrade_runs) as recorder:
        for _ in range(upgrade_runs):
            before = upgrades.ready().seen
            done = upgrades.run(recorder, Operation.UPGRADE)
            check_upgrade(upgrades, before, done)
            record_property("upgrade.seconds", round(done.seconds(REQUEST, READY), 2))


def check_upgrade(upgrades: Bench, before: Observation, done: Done) -> None:
    """By the node's own word, by the console's, and by what the server sent."""
    assert done.seen is not None, f"{done.refused}\n{done.console[-3000:]}"
    version, system = done.order.version, upgrades.rig.system
    assert (done.seen.slot, done.seen.version) == (OTHER[before.slot], version)
    assert f"booting slot {done.seen.slot}" in done.console
    assert re.search(rf"marked good: slot {done.seen.slot} version {version}", done.console)
    bundle = system.bundle(version)
    assert done.served >= bundle.stat().st_size // 2, "most of the update must have come from the server"
    assert system.same_config(done.seen.config, before.config)
    names = [m.name for m in done.timeline.milestones]
    wanted = [REQUEST, DOWNLOADED, *system.stages, *(r.name for r in system.milestones), READY]
    assert [name for name in names if name in wanted] == wanted, names


def test_a_failed_upgrade_leaves_the_old_version(
    upgrades: Bench, failure_class: FailureClass, upgrade_runs: int, record_property
) -> None:
    if failure_class.name not in upgrades.rig.system.faults:
        pytest.skip(f"{upgrades.rig.system.name} cannot be tried with {failure_class.name}")
    with upgrades.recording(failure_class.name, upgrade_runs) as recorder:
        for _ in range(upgrade_runs):
            before = upgrades.ready().seen
            done = upgrades.run(
                recorder, Operation.UPGRADE, fault=failure_class.name, seconds=failure_class.seconds
            )
            check_failure(upgrades, failure_class, before, done)
            if done.seen is not None:
                record_property("recovery.seconds", round(done.seconds(REQUEST, READY), 2))


def check_failure(upgrades: Bench, found: FailureClass, before: Observation, done: Done) -> None:
    """It ended as its class must."""
    booted = f"booting slot {OTHER[before.slot]}" in done.console
    assert booted is (found.ending is not Ending.REFUSED), done.refused or done.console[-3000:]
    assert bool(done.refused) is (found.ending is Ending.REFUSED), done.refused
    if found.ending is Ending.NOT_NOTICED:
        assert done.seen is None, "it was noticed after all: a better ending than this class says"
        assert f"marked good: slot {OTHER[before.slot]}" in done.console, done.console[-3000:]
        return
    assert done.seen is not None, f"the node did not come back\n{done.console[-3000:]}"
    assert (done.seen.slot, done.seen.version) == (before.slot, before.version)
    assert upgrades.rig.system.same_config(done.seen.config, before.config)
    assert done.seen.ready
