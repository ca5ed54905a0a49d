from dataclasses import replace

import pytest

from lab.comparison.compare import compare_samples
from lab.comparison.sample import Sample, sample_of
from lab.comparison.words import sentence
from lab.errors import UsageError
from lab.model import Cause
from lab.statistics.verdict import Verdict
from lab.store import HostInfo
from lab.testing.runs import HOST, boots, failed, record, run


def sample(records=None, name: str = "r", **changes) -> Sample:
    return sample_of(run(name, boots() if records is None else records, **changes))


def test_a_slower_kernel():
    found = compare_samples(sample(name="a"), sample(boots(seed=2, kernel=1.2), "b"))
    assert found.verdict is Verdict.SLOWER
    assert found.worse
    said = {(row.start, row.end): row.difference.verdict for row in found.rows}
    assert said == {
        ("power-on", "ready"): Verdict.SLOWER,
        ("power-on", "u-boot"): Verdict.SAME,
        ("u-boot", "kernel"): Verdict.SLOWER,
        ("kernel", "ready"): Verdict.SAME,
    }
    assert found.rows[0].whole
    assert sentence(found).startswith("slower: the whole boot +0.")
    assert "u-boot .. kernel +0." in sentence(found)


def test_the_same():
    found = compare_samples(sample(), sample(boots(seed=2)))
    assert (found.verdict, found.worse, found.notes) == (Verdict.SAME, False, ())
    assert sentence(found) == "same: no change of 10% of the boot or more"


def test_too_few_boots_say_how_many_would_tell():
    found = compare_samples(sample(boots(3)), sample(boots(3, seed=2)))
    assert found.verdict is Verdict.NOT_ENOUGH_SAMPLES
    assert "about 6 boots on either side would tell" in sentence(found)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"emulated": False}, "r is of an emulated board, other of real hardware"),
        ({"board_type": "pi"}, "r is of board type board, other of pi"),
        ({"host": HostInfo(cpu="Other", cores=4)}, "different hosts: Some CPU, 2 cores, 8 GiB and Other, 4"),
    ],
)
def test_what_is_never_compared(changes, words):
    with pytest.raises(UsageError, match=words):
        compare_samples(sample(), sample(name="other", **changes))


def test_all_reasons_are_given_at_once():
    with pytest.raises(UsageError) as caught:
        compare_samples(sample(), sample((), "other", emulated=False, board_type="pi"))
    assert str(caught.value).count(";") == 2
    assert "other has no boot that counts" in str(caught.value)


def test_real_boards_may_be_seen_from_two_hosts():
    other = sample(name="other", emulated=False, host=replace(HOST, cpu="Other"))
    assert compare_samples(sample(emulated=False), other).rows


def test_no_milestone_in_common():
    other = tuple(record(n, {"grub": 1.0}) for n in range(8))
    with pytest.raises(UsageError, match="no milestone in common"):
        compare_samples(sample(), sample(other, "other"))


def test_a_clock_that_always_went_back_leaves_nothing():
    broken = tuple(
        replace(each, timeline=replace(each.timeline, t0_ns=each.timeline.t0_ns + 10**13))
        for each in boots(3)
    )
    with pytest.raises(UsageError, match=r"no boot that counts: the clock went back in all 3"):
        compare_samples(sample(), sample(broken))


def test_all_boots_failed_says_why_and_is_no_time():
    found = compare_samples(sample(), sample(tuple(failed(n) for n in range(20)), "bad"))
    assert found.rows == ()
    assert (found.verdict, found.failing, found.worse) == (Verdict.NOT_ENOUGH_SAMPLES, Verdict.SLOWER, True)
    assert found.notes == ("bad: no boot became ready (20 kernel-panic): there are no times",)
    assert sentence(found) == "fails more often"


def test_what_the_lab_failed_is_no_failure_of_the_board():
    found = compare_samples(
        sample(), sample((*boots(10), *(failed(n, Cause.NO_DHCP) for n in range(10, 20))))
    )
    assert found.flakes[1].n == 10
    assert not found.worse
    assert "10 boots failed by the lab's own equipment" in found.notes[0]


def test_an_incomplete_run_is_said_to_be():
    found = compare_samples(sample(complete=False, boots_planned=50, name="cut"), sample())
    assert found.notes == ("cut did not come to its end: 20 of 50 boots",)


def test_stages_of_one_side_alone():
    longer = tuple(
        record(n, {"u-boot": 0.5 + n / 100, "ready": 6 + n / 100, "login": 7 + n / 100}) for n in range(20)
    )
    found = compare_samples(sample(name="a"), sample(longer, "b"))
    assert [(row.start, row.end) for row in found.rows] == [
        ("power-on", "ready"),
        ("power-on", "u-boot"),
        ("u-boot", "ready"),
    ]
    assert found.notes[:3] == (
        "only a has kernel",
        "only b has login",
        "the two end differently: the whole boot is compared up to ready",
    )


def test_milestones_in_another_order_are_not_compared():
    turned = tuple(
        record(n, {"kernel": 0.4 + n / 100, "u-boot": 0.5 + n / 100, "ready": 7 + n / 100}) for n in range(20)
    )
    found = compare_samples(sample(), sample(turned, "b"))
    assert ("u-boot", "kernel") not in [(row.start, row.end) for row in found.rows]
    assert any("u-boot and kernel come in another order" in note for note in found.notes)


def test_what_else_differs_is_named():
    changed = sample(
        boots(seed=2),
        "b",
        place="p2",
        image="other",
        method="driven",
        site={"cpu": "max"},
        console_args="quiet",
    )
    notes = compare_samples(sample(name="a", site={"cpu": "a53"}, console_args="debug"), changed).notes
    assert "not the same image: image and other" in notes
    assert "not the same method: firmware and driven" in notes
    assert "not the same place: p1 and p2" in notes
    assert "not the same cpu: a53 and max" in notes
    assert "not the same kernel arguments: debug and quiet" in notes


def test_a_busy_host_is_named_for_an_emulated_board():
    busy = tuple(replace(each, load=9.0) for each in boots(seed=2, kernel=2.0))
    idle = tuple(replace(each, load=0.5) for each in boots())
    found = compare_samples(sample(idle), sample(busy))
    assert any("load 0.5 and 9.0" in note for note in found.notes)
    assert found.verdict is Verdict.NOT_ENOUGH_SAMPLES
    assert not found.worse
    real = compare_samples(sample(idle, emulated=False), sample(busy, emulated=False))
    assert (real.notes, real.verdict) == ((), Verdict.SLOWER)


def test_boots_that_drift_are_named_and_prove_nothing():
    drifting = tuple(
        record(n, {"u-boot": 0.5, "kernel": 4 + n / 10, "ready": 16 + n / 10}) for n in range(20)
    )
    found = compare_samples(sample(), sample(drifting))
    assert any("resemble each other" in note and "u-boot..kernel" in note for note in found.notes)
    said = {(row.start, row.end): row.difference.verdict for row in found.rows}
    assert said["power-on", "ready"] is Verdict.NOT_ENOUGH_SAMPLES
    assert said["kernel", "ready"] is Verdict.SLOWER, "what does not drift is judged"
