from pathlib import Path

import pytest

from pxe.boot.crosscheck import check_machine_fits, check_plan_fits, check_rule_fits, check_whole, users_of
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError
from pxe.plan import Action, Arch, Asset, BootPlan, Machine, PlanRule, Selector

MAC = "52:54:00:00:00:01"
KERNEL = Asset("k", Path("/k"))


def plans(**then):
    return {name: BootPlan(name=name, kernel=KERNEL, then=after) for name, after in then.items()}


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ({"a": "a"}, "a -> a goes round in circles"),
        ({"a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a goes round"),
        ({"a": "b", "b": "c", "c": "b"}, "a -> b -> c -> b goes round"),
        ({"a": "b", "b": "gone"}, "gone does not exist"),
    ],
)
def test_stages_that_do_not_end(stages, words):
    known = plans(**stages)
    with pytest.raises(PlanError, match=f"^then: {words}"):
        check_plan_fits(known["a"], Snapshot(plans=known))


def test_stages_that_end():
    known = plans(a="b", b="c", c=None)
    check_plan_fits(known["a"], Snapshot(plans=known))


@pytest.mark.parametrize(
    "plan", [BootPlan(name="p", action=Action.HOLD), BootPlan(name="p", tree=Path("/t"))]
)
def test_nobody_could_tell_when_it_is_over(plan):
    with pytest.raises(PlanError, match=r"^next_plan: plan p (holds|has neither)"):
        check_machine_fits(Machine(mac=MAC, next_plan="p"), Snapshot(plans={"p": plan}))


def test_names_must_exist():
    with pytest.raises(PlanError, match=r"^next_plan: gone does not exist"):
        check_machine_fits(Machine(mac=MAC, next_plan="gone"), Snapshot())
    with pytest.raises(PlanError, match=r"^plan: gone does not exist"):
        check_rule_fits(PlanRule(name="r", when=Selector(mac=MAC), plan="gone"), Snapshot())
    with pytest.raises(PlanError, match=r"^discovery: there is no plan gone"):
        check_whole(Snapshot(discovery="gone"))


def test_ties_and_stages_of_the_unknown_are_refused():
    rules = tuple(PlanRule(name=n, when=Selector(arch=Arch.ARM64), plan="a") for n in "xy")
    with pytest.raises(PlanError, match=r"^when: rules x and y select the same machine"):
        check_whole(Snapshot(rules=rules))
    with pytest.raises(PlanError, match=r"^discovery: plan a has a `then`"):
        check_whole(Snapshot(plans=plans(a="b", b=None), discovery="a"))


def test_who_names_a_plan():
    rule = PlanRule(name="r", when=Selector(arch=Arch.ARM64), plan="ruled")
    snapshot = Snapshot({MAC: Machine(mac=MAC, next_plan="once")}, plans(a="b"), (rule,), discovery="disco")
    assert users_of("once", snapshot) == f"machine {MAC} boots it"
    assert users_of("ruled", snapshot) == "rule r names it"
    assert users_of("b", snapshot) == "plan a names it in `then`"
    assert users_of("disco", snapshot) == "it is the discovery plan"
    assert users_of("a", snapshot) == ""
