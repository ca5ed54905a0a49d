from dataclasses import replace

from lab.comparison.sample import host_class, pooled, sample_of
from lab.model import Cause, Milestone, Source
from lab.store import HostInfo
from lab.testing.runs import boots, failed, record, run


def test_a_run_as_seconds():
    sample = sample_of(run("r", (*boots(3), failed(3))))
    assert sample.milestones == ("u-boot", "kernel", "ready")
    assert (len(sample.boots), len(sample.ready)) == (4, 3)
    whole = sample.values(None, "ready")
    parts = [sample.values(a, b) for a, b in ((None, "u-boot"), ("u-boot", "kernel"), ("kernel", "ready"))]
    assert [round(sum(p), 6) for p in zip(*parts, strict=True)] == [round(value, 6) for value in whole]


def test_a_boot_without_a_milestone_has_no_value_of_it():
    sample = sample_of(run("r", (*boots(2), record(2, {"u-boot": 0.5, "ready": 6.0}))))
    assert len(sample.values("u-boot", "kernel")) == 2
    assert len(sample.values(None, "ready")) == 3


def test_a_clock_that_went_back_makes_no_times():
    good = boots(3)
    backward = replace(
        good[1].timeline,
        milestones=(*good[1].timeline.milestones, Milestone("late", good[1].timeline.t0_ns, Source.CONSOLE)),
    )
    before = replace(good[2].timeline, t0_ns=good[2].timeline.t0_ns + 10**12)
    sample = sample_of(
        run("r", (good[0], replace(good[1], timeline=backward), replace(good[2], timeline=before)))
    )
    assert sample.jumped == (1, 2)
    assert len(sample.boots) == 1


def test_what_the_lab_failed_is_told_apart():
    sample = sample_of(run("r", (failed(0), failed(1, Cause.TRANSFER_STALLED))))
    assert [boot.of_the_lab for boot in sample.boots] == [False, True]
    assert sample.milestones == ()


def test_several_runs_as_one():
    one, other = (
        sample_of(run("a", boots(3), site={"cpu": "x", "nic": "n"})),
        sample_of(run("b", boots(4), place="p2", complete=False, site={"cpu": "x", "nic": "m"})),
    )
    both = pooled([one, other])
    assert (both.runs, len(both.boots), both.place, both.complete) == (("a", "b"), 7, "", False)
    assert both.conditions["cpu"] == "x"
    assert "nic" not in both.conditions


def test_a_hosts_name_is_not_in_its_class():
    host = HostInfo(cpu="AMD EPYC", cores=2, memory_bytes=25276514304, kernel="Linux")
    assert host_class(host) == "AMD EPYC, 2 cores, 24 GiB"
    assert host_class(HostInfo()) == "unknown, 0 cores, 0 GiB"


def test_a_kinds_name_is_fit_for_a_file():
    kind = replace(sample_of(run("r", boots(1))).kind, image="../a b/c", emulated=False)
    assert kind.slug == "board--a-b-c--boot--firmware--real--Some-CPU-2-cores-8-GiB"
