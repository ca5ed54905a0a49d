"""A configuration, and an upgrade, through the API: every stage timed, and the right slot really booted."""

import re

import pytest

from lab.upgrades.bench import Bench
from lab.upgrades.faults import Ending, FailureClass
from lab.upgrades.plan import Operation
from lab.upgrades.system import READY, REQUEST

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(1800)]

OTHER = {"A": "B", "B": "A"}


def test_a_configuration_is_pushed(upgrades: Bench) -> None:
    before = upgrades.ready().seen
    with upgrades.recording("config") as recorder:
        done = upgrades.run(recorder, Operation.CONFIG)
    assert done.seen is not None, done.refused
    assert not done.refused
    same = upgrades.rig.system.same_config
    assert same(done.seen.config, upgrades.rig.system.config(done.order.number))
    assert not same(done.seen.config, before.config)
    assert (done.seen.slot, done.seen.version) == (before.slot, before.version)


def test_an_upgrade_boots_the_other_slot(upgrades: Bench, record_property) -> None:
    before = upgrades.ready().seen
    with upgrades.recording("upgrade") as recorder:
        done = upgrades.run(recorder, Operation.UPGRADE)
    assert done.seen is not None, f"{done.refused}\n{done.console[-3000:]}"
    # by the node's own word, by the console's, and by what the server sent
    version = done.order.version
    assert (done.seen.slot, done.seen.version) == (OTHER[before.slot], version)
    assert f"booting slot {done.seen.slot}" in done.console
    assert re.search(rf"marked good: slot {done.seen.slot} version {version}", done.console)
    bundle = upgrades.rig.system.bundle(version)
    assert done.served >= bundle.stat().st_size // 2, "most of the update must have come from the server"
    assert upgrades.rig.system.same_config(done.seen.config, before.config)
    names = [m.name for m in done.timeline.milestones]
    wanted = [REQUEST, *upgrades.rig.system.stages, *(r.name for r in upgrades.rig.system.milestones), READY]
    assert [name for name in names if name in wanted] == wanted, names
    record_property("upgrade.seconds", round(done.seconds(REQUEST, READY), 2))


def test_a_failed_upgrade_leaves_the_old_version(
    upgrades: Bench, failure_class: FailureClass, record_property
) -> None:
    found = failure_class
    if found.name not in upgrades.rig.system.faults:
        pytest.skip(f"{upgrades.rig.system.name} cannot be tried with {found.name}")
    before = upgrades.ready().seen
    with upgrades.recording(found.name) as recorder:
        done = upgrades.run(recorder, Operation.UPGRADE, fault=found.name, seconds=found.seconds)
    booted = f"booting slot {OTHER[before.slot]}" in done.console
    assert booted is (found.ending is not Ending.REFUSED), done.refused or done.console[-3000:]
    assert bool(done.refused) is (found.ending is Ending.REFUSED), done.refused
    if found.ending is Ending.NOT_NOTICED:
        assert done.seen is None, "it was noticed after all: a better ending than this class says"
        return
    assert done.seen is not None, f"the node did not come back\n{done.console[-3000:]}"
    assert (done.seen.slot, done.seen.version) == (before.slot, before.version)
    assert upgrades.rig.system.same_config(done.seen.config, before.config)
    assert done.seen.ready
    record_property("recovery.seconds", round(done.seconds(REQUEST, READY), 2))
