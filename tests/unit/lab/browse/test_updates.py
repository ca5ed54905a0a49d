"""The update servers as the page has them."""

import contextlib

from lab.browse.updates import updates
from lab.testing.updaters.scene import BEGIN, write_file
from lab.updates.config import read_settings
from lab.updates.fleetlock.request import Client
from lab.updates.state import State
from lab.updates.store import Store


def test_a_lab_without_update_servers():
    assert updates(None) == {"served": False, "problem": "", "groups": [], "locks": [], "events": []}


def test_servers_that_have_not_run_yet_and_a_file_with_a_fault(tmp_path):
    file = write_file(tmp_path)
    assert "there is no such state" in updates(file)["problem"]
    file.write_text("listen: nowhere")
    assert "updates.yaml:1: listen:" in updates(file)["problem"]


def test_a_group_that_waits_for_lost_nodes_says_so(tmp_path):
    file = write_file(tmp_path)
    file.write_text(file.read_text().replace("slots: 3", "slots: 3, lease_seconds: 10"))
    settings = read_settings(file)
    with contextlib.closing(Store(settings.state)) as store:
        state = State(settings, {}, store)
        store.describe(state.announce(BEGIN))
        state.load(BEGIN)
        state.fleetlock.pre_reboot(Client("node1", "default"), BEGIN)
        state.tick(BEGIN + 10)
        store.save([state.changes.take()])
    told = updates(file)
    assert told["groups"][-1]["paused"] == "1 never came back, 0 tolerated"
    assert told["locks"][0]["state"] == "lost"


def test_groups_slots_and_events(tmp_path):
    file = write_file(tmp_path)
    settings = read_settings(file)
    with contextlib.closing(Store(settings.state)) as store:
        state = State(settings, {}, store)
        state.load(BEGIN)
        store.describe(state.announce(BEGIN))
        state.fleetlock.pre_reboot(Client("node1", "default"), BEGIN + 1)
        state.pause("omaha/flatcar/stable", "bug 7", BEGIN + 2)
        store.save([state.changes.take()])
    told = updates(file)
    assert (told["served"], told["problem"]) == (True, "")
    omaha, graph, locks = told["groups"]
    assert (omaha["paused"], omaha["taken"], omaha["limit"], omaha["version"]) == ("bug 7", 0, 5, "4700.1.0")
    assert graph["limit"] is None
    assert (locks["taken"], locks["limit"], locks["lost"]) == (1, 3, 0)
    assert told["locks"] == [
        {"group": "fleetlock/default", "node": "node1", "state": "locked", "since": BEGIN + 1}
    ]
    assert [event["kind"] for event in told["events"]] == ["paused", "locked", "limits", "limits", "limits"]
    assert told["events"][0]["detail"] == "reason=bug 7"
