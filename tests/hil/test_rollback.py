"""Back to the version before, through the API."""

import pytest

from lab.upgrades.bench import Bench
from lab.upgrades.plan import Operation
from lab.upgrades.system import READY, REQUEST

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(7200)]

OTHER = {"A": "B", "B": "A"}


def test_a_rollback_boots_the_version_before(upgrades: Bench, upgrade_runs: int, record_property) -> None:
    if OTHER[upgrades.ready().seen.slot] not in upgrades.ready().slots:
        with upgrades.recording("upgrade") as recorder:
            upgrades.run(recorder, Operation.UPGRADE)
    with upgrades.recording("rollback", upgrade_runs) as recorder:
        for _ in range(upgrade_runs):
            known = upgrades.ready()
            before, other, version = known.seen, OTHER[known.seen.slot], known.slots[OTHER[known.seen.slot]]
            done = upgrades.run(recorder, Operation.ROLLBACK)
            assert done.seen is not None, f"{done.refused}\n{done.console[-3000:]}"
            assert done.seen.slot == other
            assert done.seen.version == version != before.version
            assert f"marked good: slot {other} version {done.seen.version}" in done.console
            assert upgrades.rig.system.same_config(done.seen.config, before.config)
            assert done.served == 0, "nothing is fetched to go back"
            record_property("rollback.seconds", round(done.seconds(REQUEST, READY), 2))
