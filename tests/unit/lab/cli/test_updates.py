import json

import pytest
from click.testing import CliRunner

from lab.cli.updates import updates
from lab.errors import InfrastructureError, UsageError
from lab.testing.updaters.fleet import make_fleet
from lab.testing.updaters.running import Running
from lab.testing.updaters.scene import BEGIN, write_file
from lab.testing.updaters.steps import Chances
from lab.testing.updaters.virtual import run
from lab.updates.config import read_settings
from lab.updates.payloads import hash_payloads, packages
from lab.updates.router import Router
from lab.updates.state import State
from lab.updates.store import Store, StoreError


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A day of a small fleet, on disk; no server runs."""
    path = write_file(tmp_path_factory.mktemp("updates"))
    path.write_text(path.read_text().replace("slots: 3", "slots: 1, lease_seconds: 1000"))
    settings = read_settings(path)
    fleet = make_fleet(settings, 20, 6, Chances(boot=0.3))
    files = hash_payloads(settings.apps, settings.state, print)
    store = Store(settings.state)
    state = State(settings, packages(settings.apps, files, settings.url), store)
    state.load(BEGIN)
    store.describe(state.announce(BEGIN))
    run(fleet.lives(), Router(state), store, BEGIN, 12 * 3600)
    state.pause("cincinnati/stable", "bug 7", BEGIN + 13 * 3600)
    store.save([state.changes.take()])
    store.close()
    return path


def call(file, *words):
    """As `bootlab` calls it: what a command returns is the exit code."""
    arguments = [words[0], "-c", str(file), *words[1:]]
    done = CliRunner().invoke(updates, arguments, catch_exceptions=False, standalone_mode=False)
    return done.return_value or 0, done.output


def test_status(file):
    code, text = call(file, "status")
    assert code == 0
    lines = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert "0 of 5" in lines["omaha/flatcar/stable"]
    assert "bug 7" in lines["cincinnati/stable"]
    assert "0 of 1" in lines["fleetlock/default"]
    found = {group["group"]: group for group in json.loads(call(file, "status", "--json")[1])}
    assert found["omaha/flatcar/stable"]["max_concurrent"] == 5
    assert sum(found["omaha/flatcar/stable"]["versions"].values()) == 20
    assert found["cincinnati/stable"]["paused"] == "bug 7"


def test_groups_with_their_limits(file):
    text = call(file, "groups")[1]
    assert "slots=1 lease_seconds=1000.0 tolerate_lost=0" in text
    assert "-1" not in text


def test_nodes(file):
    assert len(call(file, "nodes")[1].splitlines()) == 1 + 26
    found = json.loads(call(file, "nodes", "--group", "omaha/flatcar/stable", "--json")[1])
    assert len(found) == 20
    assert {node["version"] for node in found} <= {"4000.0.0", "4700.1.0"}


def test_nobody_holds_a_slot(file):
    assert "nobody holds a slot" in call(file, "locks")[1]


def test_events(file):
    lines = call(file, "events", "--json")[1].splitlines()
    found = [json.loads(line) for line in lines]
    assert [event["seq"] for event in found] == list(range(1, len(found) + 1))
    node = next(event["node"] for event in found if event["kind"] == "rolled_back")
    text = call(file, "events", "--node", node)[1]
    assert "rolled back: the node still runs the version from before the update" in text
    assert call(file, "events", "--since", str(len(found)))[1] == ""


def test_timing(file, tmp_path):
    out = tmp_path / "timing.json"
    text = call(file, "timing", "--out", str(out))[1]
    assert "installed > rolled_back" in text
    assert "locked > unlocked" in text
    document = json.loads(out.read_text())
    assert (document["schema"], document["kind"]) == (1, "updates-timing")
    complete = [u for u in document["updates"] if u["outcome"] == "complete"]
    statistic = next(
        s
        for s in document["statistics"]
        if (s["group"], s["outcome"], s["stage"]) == ("omaha/flatcar/stable", "complete", "total")
    )
    assert statistic["n"] == len(complete) > 5
    assert "granted > downloading" in call(file, "timing", "--node", complete[0]["node"])[1]
    assert json.loads(call(file, "timing", "--json", "--group", "fleetlock/default")[1])["updates"]


def test_check(file):
    code, text = call(file, "check")
    assert (code, text.count("kept")) == (0, 3)
    assert {group["limit"] for group in json.loads(call(file, "check", "--json")[1])} == {5, 1, None}


def test_check_of_a_record_with_one_too_many(tmp_path):
    path = write_file(tmp_path)
    settings = read_settings(path)
    store = Store(settings.state)
    state = State(settings, {}, store)
    state.load(BEGIN)
    state.announce(BEGIN)
    for node in range(6):
        state.changes.tell(BEGIN, "omaha/flatcar/stable", f"n{node}", "granted")
    store.save([state.changes.take()])
    store.close()
    code, text = call(path, "check")
    assert code == 1
    assert "6 at once, 5 allowed" in text


def test_what_a_server_is_needed_for_says_so_without_one(file):
    with pytest.raises(InfrastructureError, match=r"updates\.sock: the update server does not answer"):
        call(file, "pause", "fleetlock/default")


def test_there_is_no_state_yet(tmp_path):
    with pytest.raises(StoreError, match="there is no such state"):
        call(write_file(tmp_path), "status")


def test_pause_release_unlock(tmp_path):
    path = write_file(tmp_path)
    with Running(path):
        assert call(path, "pause", "fleetlock/default", "--reason", "x") == (
            0,
            "fleetlock/default is paused\n",
        )
        assert call(path, "release", "fleetlock/default") == (0, "fleetlock/default is released\n")
        with pytest.raises(UsageError, match="no node 'n1' that could be released"):
            call(path, "release", "omaha/flatcar/stable", "n1")
        with pytest.raises(UsageError, match="'n1' holds no slot"):
            call(path, "unlock", "fleetlock/default", "n1")
