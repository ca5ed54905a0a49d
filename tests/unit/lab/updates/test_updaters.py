"""Simulated fleets through staged updates; what they saw, and what the record says, against the limits."""

import asyncio
import contextlib
import json

import pytest

from lab.testing.updaters import live, virtual
from lab.testing.updaters.flatcar import Flatcar
from lab.testing.updaters.fleet import make_fleet
from lab.testing.updaters.running import Running
from lab.testing.updaters.scene import BEGIN, NEW, OLD, Scene
from lab.testing.updaters.slots import Slots
from lab.testing.updaters.steps import NEVER, Answer, Ask, Chances, Witness
from lab.updates.config import read_settings
from lab.updates.omaha.codes import read_code
from lab.updates.omaha.parse import parse
from lab.updates.omaha.render import render
from lab.updates.payloads import hash_payloads, packages
from lab.updates.record import Record, check_limits
from lab.updates.router import Router
from lab.updates.state import State
from lab.updates.store import Store
from lab.updates.timing import attempts, statistics

OMAHA, LOCKS = "omaha/flatcar/stable", "fleetlock/default"


def kept_of(settings):
    with contextlib.closing(Record(settings.state)) as record:
        return check_limits(record.events())


def simulate(updates_file, chances, hours, *, flatcar=150, coreos=60):
    settings = read_settings(updates_file)
    fleet = make_fleet(settings, flatcar, coreos, chances)
    files = hash_payloads(settings.apps, settings.state, print)
    with contextlib.closing(Store(settings.state)) as store:
        state = State(settings, packages(settings.apps, files, settings.url), store)
        state.load(BEGIN)
        state.announce(BEGIN)
        virtual.run(fleet.lives(), Router(state), store, BEGIN, hours * 3600)
    return settings, fleet


def test_every_node_is_updated_and_never_more_at_once_than_allowed(updates_file):
    settings, fleet = simulate(updates_file, NEVER, 24)
    assert {node.slots.version for node in fleet.flatcar} == {"4700.1.0"}
    assert {node.version for node in fleet.coreos} == {"43.2.3.0"}
    assert fleet.witness.most == {OMAHA: 5, LOCKS: 3}
    kept = kept_of(settings)
    assert (kept[OMAHA].limit, kept[OMAHA].most, kept[OMAHA].taken, kept[OMAHA].broken) == (5, 5, 150, [])
    assert (kept[LOCKS].limit, kept[LOCKS].most, kept[LOCKS].taken, kept[LOCKS].broken) == (3, 3, 60, [])


def test_failures_rollbacks_and_lost_nodes(updates_file):
    chances = Chances(download=0.2, boot=0.2, lost=0.02)
    settings, fleet = simulate(updates_file, chances, 12)
    counts = fleet.witness.counts
    with contextlib.closing(Record(settings.state)) as record:
        kinds = [event.kind for event in record.events(group=OMAHA)]
        found = list(attempts(record.events()))
    assert kinds.count("failed") == counts["download failed"]
    assert 0 <= counts["rolled back"] - kinds.count("rolled_back") <= 5  # the last ones did not ask yet
    assert kinds.count("rolled_back") > 5
    assert not kept_of(settings)[OMAHA].broken
    summaries = statistics(found)
    rollback = summaries[OMAHA, "rolled_back", "installed > rolled_back"]
    # 300 s to the reboot, 40 to boot, 60 of panic, 40 to boot, 45 to be marked good, 420 +- 300 to the check
    assert rollback.min >= 300 + 40 + 60 + 40 + 45 + 120
    assert rollback.max <= 300 + 40 + 60 + 40 + 45 + 720
    reboot = summaries[LOCKS, "updated", "locked > unlocked"]
    assert reboot.median == pytest.approx(40.0)
    outcomes = {attempt.outcome for attempt in found if attempt.group == LOCKS}
    assert {"updated", "returned"} <= outcomes


def test_timing_as_json(updates_file):
    settings, _ = simulate(updates_file, NEVER, 6, flatcar=3, coreos=1)
    with contextlib.closing(Record(settings.state)) as record:
        found = [attempt.as_json() for attempt in attempts(record.events())]
    first = next(one for one in found if one["group"] == OMAHA)
    assert list(first["seconds"]) == [
        "granted > downloading",
        "downloading > downloaded",
        "downloaded > installed",
        "installed > complete",
        "total",
    ]
    assert json.loads(json.dumps(found)) == found


def test_the_server_is_killed_twice_in_the_middle_and_limits_hold(updates_file):
    updates_file.write_text(
        updates_file.read_text()
        .replace("max_concurrent: 5", "max_concurrent: 20")
        .replace("slots: 3", "slots: 8")
    )
    settings = read_settings(updates_file)
    fleet = make_fleet(settings, 60, 40, NEVER, download=True)
    asyncio.run(_killed(updates_file, fleet, kills=(20, 55), end=100))
    kept = kept_of(settings)
    for label, limit, nodes in ((OMAHA, 20, 60), (LOCKS, 8, 40)):
        assert kept[label].limit == limit
        assert kept[label].broken == []
        assert kept[label].taken == nodes  # killed or not, nobody got a second slot
        assert fleet.witness.most[label] <= limit
        assert fleet.witness.most[label] > 1
    with contextlib.closing(Store(settings.state)):
        pass  # it is whole: quick_check is part of opening it


async def _killed(updates_file, fleet, kills, end):
    news = asyncio.Event()
    fleet.witness.heard = news.set
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Running(updates_file))
        updates_file.write_text(updates_file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{server.port}"))
        pool = live.Pool(server.url, 8)
        driver = asyncio.create_task(live.run(fleet.lives(), pool, 3600.0))
        for at in (*kills, end):
            async with asyncio.timeout(200):
                while fleet.witness.counts.get("updated", 0) < at:
                    await news.wait()
                    news.clear()
            if at != end:
                server.kill()
                server = stack.enter_context(Running(updates_file))
        driver.cancel()
        await asyncio.wait([driver])
        await pool.close()
        assert pool.failures > 0


def test_two_slots_as_gpt_has_them():
    slots = Slots("1")
    slots.install("2")
    assert (slots.choose().version, slots.slots[1].tries) == ("2", 0)
    assert slots.choose().version == "1"  # not marked good: back
    slots.install("3")
    slots.choose()
    slots.mark_good()
    assert slots.choose().version == "3"
    assert slots.slots[0].priority < slots.slots[1].priority


@pytest.mark.parametrize(
    ("answer", "code"),
    [(None, 9), (Answer(503, b""), 9), (Answer(200, b"short"), 11), (Answer(200, b"forged!"), 10)],
    ids=["no connection", "refused", "truncated", "forged"],
)
def test_a_node_refuses_a_payload_that_is_not_the_offered_one(answer, code):
    scene = Scene()
    life = Flatcar(1, OLD, "stable", Witness(), download=True).life()
    asked, told = [], None
    while len(asked) < 4:
        step, told = life.send(told), None
        if isinstance(step, Ask):
            asked.append(step)
            told = answer if step.method == "GET" else Answer(200, render([scene.ask("a")], BEGIN))
    assert asked[2].path == f"http://lab/payloads/{NEW}.gz"
    (app,) = parse(asked[3].body).apps
    assert read_code(app.events[0].code).base == code
