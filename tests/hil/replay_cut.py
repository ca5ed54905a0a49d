"""A power cut that was kept: its disk is booted and judged again. `bootlab test upgrades --replay DIR`."""

from pathlib import Path

import pytest

from lab.upgrades.bench import Bench
from lab.upgrades.evidence import replay

pytestmark = [pytest.mark.hil, pytest.mark.timeout(1800)]


def test_a_cut_that_was_kept_is_replayed(upgrades: Bench, pytestconfig: pytest.Config) -> None:
    folder = Path(pytestconfig.getoption("lab_replay"))
    with upgrades.recording("replay") as recorder:
        faults = replay(upgrades.rig, recorder, folder)
    assert not faults, "; ".join(faults)
