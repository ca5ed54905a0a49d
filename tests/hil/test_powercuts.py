"""The power goes in the middle: the node boots a good slot, its configuration and its disk are whole.

A handful here; `bootlab test upgrades --cuts 100` is the long suite.
"""

from collections.abc import Iterator

import pytest

from lab.pytest_plugin.state import lab_state
from lab.upgrades.bench import Bench
from lab.upgrades.cuts import Campaign
from lab.upgrades.summary import summary

pytestmark = [pytest.mark.hil, pytest.mark.xdist_group("upgrades"), pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def campaign(upgrades: Bench, pytestconfig: pytest.Config) -> Iterator[Campaign]:
    cuts = 1 if pytestconfig.getoption("lab_cut") is not None else pytestconfig.getoption("lab_cuts")
    with upgrades.recording("power cuts", cuts) as recorder:
        made = upgrades.campaign(recorder)
        yield made
        upgrades.known = made.known
        lab_state(pytestconfig).notes.extend(summary(made.results))


def test_a_node_survives_a_power_cut(
    campaign: Campaign, cut_number: int, pytestconfig: pytest.Config, record_property
) -> None:
    result = campaign.cut(cut_number)
    terminal = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    if terminal is not None and pytestconfig.get_verbosity() > 0:
        with capture.global_and_fixture_disabled():
            terminal.write_line(f"  {result}")
    record_property("cut", str(result))
    assert not result.faults, str(result)


def test_the_cuts_met_writes_that_were_not_flushed(campaign: Campaign) -> None:
    chosen = [result for result in campaign.results if result.write]
    assert all(result.unflushed for result in chosen if not result.faults), summary(campaign.results)
