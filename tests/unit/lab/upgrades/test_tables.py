from types import SimpleNamespace

from lab.model import Milestone, Source
from lab.upgrades.tables import tables

TITLES = {"request": "request", "write": "writing begins", "kernel": "kernel", "ready": "ready"}


def timeline(**seconds):
    milestones = tuple(Milestone(n, int(t * 1e9), Source.API) for n, t in {"request": 0.0, **seconds}.items())
    return SimpleNamespace(milestones=milestones)


def test_median_and_range_of_each_stage():
    upgrades = [timeline(write=w, ready=r) for w, r in ((5, 30), (7, 33.25), (6, 90))]
    assert tables({"upgrade": upgrades, "rollback": [timeline(ready=20)]}, {}, TITLES) == [
        "| seconds since the request | upgrade, 3 runs | rollback, 1 runs |",
        "|---|---|---|",
        "| writing begins | 6.0 (5.0 to 7.0) |  |",
        "| ready | 33.2 (30.0 to 90.0) | 20.0 |",
    ]


def test_classes_are_in_their_order_and_say_how_they_ended():
    done = {"no-kernel": [timeline(ready=41), timeline(ready=43)], "network-dead": [timeline()]}
    lines = tables({}, done | {"bad-signature": [timeline(ready=5)]}, TITLES)
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "`bad-signature`",
        "`no-kernel`",
        "`network-dead`",
    ]
    assert lines[3] == "| `no-kernel` | kernel that does not load | falls back | 2 | 42.0 (41.0 to 43.0) |"
    assert lines[4].endswith("| not noticed | 1 | never by itself |")


def test_the_operation_config_is_not_the_class_config():
    lines = tables({"config": [timeline(ready=1)]}, {"config": [timeline(ready=275)]}, TITLES)
    assert lines[2] == "| ready | 1.0 |"
    assert lines[-1].endswith("| falls back | 1 | 275.0 |")


def test_nothing_ran():
    assert tables({}, {}, TITLES) == []
