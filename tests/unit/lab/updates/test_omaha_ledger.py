from datetime import time
from zoneinfo import ZoneInfo

import pytest

from lab.testing.updaters.flatcar import APP
from lab.testing.updaters.scene import BEGIN, NEW, OLD, Scene
from lab.updates.omaha.group import Refusal
from lab.updates.omaha.instance import Instance, Status
from lab.updates.omaha.messages import AppRequest, Request
from lab.updates.settings import OfficeHours, Policy

HOUR = 3600.0


def test_a_whole_update():
    scene = Scene()
    offer = scene.ask("a")
    assert (offer.check, offer.package.version) == ("ok", NEW)
    for at, (kind, status) in enumerate(
        [(13, Status.DOWNLOADING), (14, Status.DOWNLOADED), (3, Status.INSTALLED)], 1
    ):
        scene.says("a", kind, at=at)
        assert scene.instance("a").status == status
    answer = scene.rebooted("a", 60)
    assert (answer.check, answer.why) == ("noupdate", "up to date")
    assert scene.instance("a").status == Status.COMPLETE
    assert scene.group.slots == {}
    assert scene.kinds() == ["granted", "downloading", "downloaded", "installed", "complete"]


def test_what_update_engine_says_at_every_check_ends_no_update():
    """3/2 without a previous version comes with each check but the first; a new installation has 0.0.0.0."""
    scene = Scene()
    scene.ask("a")
    for previous in ("", "0.0.0.0"):
        answer = scene.rebooted("a", 10, version=OLD, previous=previous)
        assert answer.package.version == NEW
        assert scene.kinds() == ["granted"]


def test_a_node_that_asks_again_has_its_slot_still():
    scene = Scene(Policy(max_concurrent=1, update_timeout_seconds=100))
    scene.ask("a")
    scene.says("a", 13, at=1)
    assert scene.ask("a", 50).package is not None
    assert scene.ask("b", 51).why == Refusal.CONCURRENT
    assert scene.instance("a").granted == BEGIN
    scene.ledger.expire(BEGIN + 100)  # asking again does not prolong it
    assert scene.instance("a").status == Status.TIMED_OUT
    assert scene.ask("b", 101).package is not None


def test_the_limit_at_once_is_exact():
    scene = Scene(Policy(max_concurrent=3))
    answers = [scene.ask(f"n{n}") for n in range(10)]
    assert [a.check for a in answers] == ["ok"] * 3 + ["noupdate"] * 7
    assert {a.status for a in answers} == {"ok"}  # an error would make update_engine report failure 34
    scene.rebooted("n1", 5)
    assert scene.ask("n9", 6).package is not None
    assert scene.ask("n8", 6).why == Refusal.CONCURRENT


def test_the_limit_of_a_period():
    scene = Scene(Policy(max_per_period=2, period_seconds=HOUR))
    for node, at in (("a", 0), ("b", 1800)):
        assert scene.ask(node, at).package is not None
        scene.rebooted(node, at + 1)
    assert scene.ask("c", HOUR - 1).why == Refusal.PERIOD
    assert scene.ask("c", HOUR).package is not None
    assert scene.ask("d", HOUR + 1).why == Refusal.PERIOD


@pytest.mark.parametrize(
    ("at", "open_"),
    [(8 * HOUR - 1, False), (8 * HOUR, True), (16 * HOUR - 1, True), (16 * HOUR, False), (-12 * HOUR, False)],
    ids=["before nine", "at nine", "before five", "at five", "on Sunday"],
)
def test_office_hours_in_their_timezone(at, open_):
    """Berlin is an hour ahead in November."""
    hours = OfficeHours(
        timezone=ZoneInfo("Europe/Berlin"), days=frozenset(range(5)), begin=time(9), end=time(17)
    )
    answer = Scene(Policy(office_hours=hours)).ask("a", at)
    assert (answer.package is not None) == open_
    assert open_ or answer.why == Refusal.CLOSED


def test_updates_disabled():
    assert Scene(Policy(enabled=False)).ask("a").why == Refusal.DISABLED


def test_safe_mode_one_first_then_all():
    scene = Scene(Policy(safe_mode=True))
    assert scene.ask("a").package is not None
    assert scene.ask("b", 1).why == Refusal.SAFE_MODE
    scene.rebooted("a", 2)
    assert scene.ask("b", 3).package is not None
    assert scene.ask("c", 4).package is not None


@pytest.mark.parametrize("way", ["rolled back", "failed", "timed out"])
def test_safe_mode_stops_where_the_first_fails(way):
    scene = Scene(Policy(safe_mode=True, update_timeout_seconds=100))
    scene.ask("a")
    if way == "rolled back":
        assert scene.rolled_back("a", 50).why == Refusal.PAUSED
    elif way == "failed":
        scene.says("a", 3, 0, at=50, code=10)
    else:
        scene.ledger.expire(BEGIN + 100)
    assert scene.ask("b", 101).why == Refusal.PAUSED
    assert "a" in scene.group.paused
    assert scene.changes.rows["controls", (scene.group.label,)][1] == scene.group.paused


def test_a_rollback_is_told_with_its_version_and_counted():
    scene = Scene(Policy(max_failures=2))
    for at in (0, 1000):
        scene.ask("a", at)
        scene.says("a", 3, at=at + 10)
        answer = scene.rolled_back("a", at + 20)
    told = [event for event in scene.changes.events if event.kind == "rolled_back"]
    assert [event.detail["version"] for event in told] == [NEW, NEW]
    assert answer.package is None
    assert scene.instance("a").status == Status.HELD
    assert scene.ask("a", 9000).why == f"{NEW} failed 2 times"
    assert scene.kinds().count("held") == 1
    assert scene.ledger.release("flatcar", "a")
    assert scene.ask("a", 9001).package is not None


def test_another_version_is_another_chance():
    scene = Scene(Policy(max_failures=1))
    scene.ask("a")
    scene.says("a", 3, 0, at=1, code=9)
    assert scene.ask("a", 2).package is None
    newer = Scene(Policy(max_failures=1), versions=("4800.0.0",))
    newer.ledger.load([scene.instance("a")], [])
    assert newer.ask("a", 3).package.version == "4800.0.0"


def test_failures_without_an_update_change_nothing():
    scene = Scene()
    scene.ask("a", version=NEW)
    for at in range(100):
        scene.says("a", 3, 0, at=at, code=9)
    assert scene.kinds() == []


def test_a_late_node_is_complete_after_its_time_ran_out():
    scene = Scene(Policy(update_timeout_seconds=10))
    scene.ask("a")
    scene.ledger.expire(BEGIN + 10)
    scene.rebooted("a", 20)
    assert scene.kinds() == ["granted", "timed_out", "complete"]


def test_floors_are_passed_in_order():
    floors = ("4600.0.0", "4650.0.0")
    scene = Scene(versions=(*floors, NEW), floors=floors)
    version, seen = OLD, []
    for at in range(4):
        answer = scene.rebooted("a", at, version=version, previous="" if at == 0 else "x")
        if answer.package is None:
            break
        version = answer.package.version
        seen.append(version)
    assert seen == [*floors, NEW]


def test_a_node_never_goes_back():
    assert Scene().ask("a", version="4800.0.0").why == "up to date"
    assert Scene().ask("a", version="4700.1.0+build-7").why == "up to date"


def test_no_payload_for_the_board():
    scene = Scene(board="amd64-usr")
    assert "no payload" in scene.ask("a", board="arm64-usr").why
    assert scene.ask("a", board="amd64-usr").package is not None


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"app": "{other}"}, "error-unknownApplication"),
        ({"track": "lts"}, "error-unknownApplicationOrGroup"),
    ],
)
def test_who_is_not_served(more, status):
    answer = Scene().ask("a", **more)
    assert (answer.status, answer.check) == (status, "error-internal")


def test_nodes_without_a_name_or_too_many():
    scene = Scene(max_nodes=2)
    assert scene.ask("").status == "error-instanceRegistrationFailed"
    assert [scene.ask(n).status for n in "aba"] == ["ok"] * 3
    assert scene.ask("c").status == "error-instanceRegistrationFailed"


def test_a_node_that_changes_its_group_gives_its_slot_back():
    scene = Scene(Policy(max_concurrent=1))
    scene.ask("a")
    assert scene.ask("a", 1, track="beta").package is not None
    assert scene.group.slots == {}
    assert scene.kinds() == ["granted", "left", "granted"]


def test_the_app_id_in_either_case_and_without_braces():
    scene = Scene()
    for app_id in (scene.app.id.upper(), scene.app.id.strip("{}")):
        assert scene.ask("a", app=app_id).package is not None


def test_several_apps_in_one_request_each_have_their_answer():
    scene = Scene(Policy(max_concurrent=1))
    apps = tuple(
        AppRequest(id=id_, version=OLD, track=track, machine=machine, check=True)
        for id_, track, machine in ((APP, "stable", "a"), ("{other}", "stable", "a"), (APP, "stable", "b"))
    )
    answers = scene.ledger.handle(Request(protocol="3.0", apps=apps), "", BEGIN)
    assert [(answer.id, answer.check) for answer in answers] == [
        (APP, "ok"),
        ("{other}", "error-internal"),
        (APP, "noupdate"),
    ]


def test_a_restart_keeps_slots_and_periods():
    policy = Policy(max_concurrent=2, max_per_period=3, update_timeout_seconds=100)
    scene = Scene(policy)
    for node, at in (("a", 0), ("b", 10), ("c", 20)):
        scene.ask(node, at)
    again = Scene(policy)
    rows = [row for (table, _), row in scene.changes.rows.items() if table == "omaha_nodes"]
    grants = [(e.group, e.at) for e in scene.changes.events if e.kind == "granted"]
    again.ledger.load([Instance(*row) for row in rows], grants)
    assert again.group.slots == {"a": BEGIN, "b": BEGIN + 10}
    assert again.ask("c", 30).why == Refusal.CONCURRENT
    again.rebooted("a", 40)
    assert again.ask("c", 50).package is not None
    again.rebooted("b", 60)
    assert again.ask("d", 70).why == Refusal.PERIOD


def test_nodes_that_were_not_heard_of_make_room_unless_they_have_a_slot():
    scene = Scene(Policy(max_concurrent=1), max_nodes=2)
    scene.ask("a")
    scene.ask("b", 1)
    assert scene.ask("c", 100).status == "error-instanceRegistrationFailed"
    scene.ledger.forget(BEGIN + 50)
    assert set(scene.ledger.instances) == {("flatcar", "a")}
    assert scene.changes.rows["omaha_nodes", ("flatcar", "b")] is None
    assert scene.ask("c", 101).status == "ok"


def test_a_delta_only_to_who_takes_it():
    scene = Scene()
    full = scene.packages["flatcar", NEW, "", ""]
    delta = type(full)(
        version=NEW, codebase="http://lab/", name="delta", size=1, sha1="1", sha256="2", delta=True
    )
    scene.packages["flatcar", NEW, "", OLD] = delta
    assert scene.ask("a").package == full
    assert scene.ask("b", delta_okay=True).package == delta
    assert scene.ask("c", delta_okay=True, version="4500.0.0").package == full
