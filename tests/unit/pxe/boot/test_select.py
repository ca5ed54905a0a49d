"""Which plan, and why: order of precedence, and what must hold for any set of rules."""

from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Network
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.boot.classify import Client
from pxe.boot.select import (
    HELD,
    Facts,
    choose,
    facts_of,
    fits,
    matches,
    mismatch,
    specificity,
    tie,
    under,
)
from pxe.boot.snapshot import Snapshot
from pxe.plan import Action, Arch, BootPlan, Firmware, Machine, PlanRule, Selector, UnknownMachines

MAC = "b8:27:eb:00:00:01"
PLANS = {name: BootPlan(name=name) for name in ("own", "once", "a", "b", "disco")}
PLANS["x86"] = BootPlan(name="x86", arch=Arch.X86_64)
PLANS["disk"] = BootPlan(name="disk", arch=Arch.X86_64, action=Action.LOCAL)
FACTS = Facts(
    mac=MAC,
    uuid="4c4c4544-0051-3610-8052-b4c04f4e3732",
    serial="abc",
    arch=Arch.ARM64,
    firmware=Firmware.UBOOT,
    tags=frozenset({"lab", "rack1"}),
    address=IPv4Address("10.99.0.7"),
)


def snapshot(machine=None, *rules, **more):
    machines = {machine.mac: machine} if machine is not None else {}
    return Snapshot(machines, PLANS, tuple(rules), **more)


def rule(name, plan="a", **when):
    return PlanRule(name=name, when=Selector(**when), plan=plan)


def test_the_order_of_precedence():
    machine = Machine(mac=MAC, hold=True, next_plan="once", plan="own")
    pis = rule("pis", mac="b8:27:eb")
    steps = []
    for change in ({}, {"hold": False}, {"next_plan": None}, {"plan": None}):
        machine = replace(machine, **change)
        choice = choose(snapshot(machine, pis), FACTS)
        steps.append((choice.plan.name, [c.source for c in choice.candidates if c.chosen]))
    assert steps == [("hold", ["hold"]), ("once", ["next_plan"]), ("own", ["machine"]), ("a", ["rule pis"])]
    assert choose(snapshot(replace(machine, hold=True)), FACTS).plan is HELD


def test_every_candidate_says_why():
    machine = Machine(mac=MAC, plan="own")
    rules = rule("pis", mac="b8:27:eb"), rule("bios", arch=Arch.X86)
    choice = choose(snapshot(machine, *rules), FACTS)
    assert [(c.source, c.chosen, c.why) for c in choice.candidates] == [
        ("machine", True, "the machine's own plan"),
        ("rule pis", False, "machine comes first"),
        ("rule bios", False, "its arch is arm64, not x86"),
    ]
    assert choice.why == "plan own: the machine's own plan"


@pytest.mark.parametrize(
    ("machine", "rules", "words"),
    [
        (Machine(mac=MAC, plan="gone"), (), "machine names the plan gone, which does not exist"),
        (Machine(mac=MAC, plan="x86"), (), "is for x86_64; machine b8:27:eb:00:00:01 is arm64"),
        # the wrong plan of the winner is no reason to take the second best
        (Machine(mac=MAC), (rule("r", "x86", mac="b8:27"), rule("s", "a", mac="b8")), "is for x86_64"),
        (Machine(mac=MAC), (), "has no plan, and there are no rules"),
        (Machine(mac=MAC), (rule("r", arch=Arch.X86),), "has no plan, and no rule selects it"),
        (None, (rule("r", arch=Arch.ARM64),), "is not known"),
    ],
)
def test_nothing_is_booted_and_the_sentence_says_why(machine, rules, words):
    choice = choose(snapshot(machine, *rules), FACTS)
    assert choice.plan is None
    assert words in choice.why
    assert not any(c.chosen for c in choice.candidates)


def test_a_plan_that_boots_nothing_of_ours_fits_any_arch():
    assert choose(snapshot(Machine(mac=MAC, plan="disk")), FACTS).plan is PLANS["disk"]


def test_unknown_machines_get_rules_then_discovery_only_where_they_boot():
    boards = rule("boards", arch=Arch.ARM64)
    known = {"unknown": UnknownMachines.BOOT, "discovery": "disco"}
    assert choose(snapshot(None, boards, **known), FACTS).plan.name == "a"
    assert choose(snapshot(None, **known), FACTS).plan.name == "disco"
    assert choose(snapshot(None, boards, discovery="disco"), FACTS).plan is None
    assert choose(snapshot(Machine(mac=MAC), **known), FACTS).plan is None  # a known one is no discovery


@pytest.mark.parametrize(
    ("arch", "facts", "fit"),
    [
        (None, Facts(mac=MAC, arch=Arch.ARM64), True),
        (Arch.ARM64, Facts(mac=MAC), True),  # not known is no objection
        (Arch.ARM64, Facts(mac=MAC, arch=Arch.X86_64), False),
        (Arch.X86_64, Facts(mac=MAC, arch=Arch.X86, firmware=Firmware.BIOS_PXE), True),
        (Arch.X86, Facts(mac=MAC, arch=Arch.X86_64), False),
        (Arch.ARM64, Facts(mac=MAC, arch=Arch.X86), False),
        (Arch.ARM, Facts(mac=MAC, arch=Arch.ARM64, firmware=Firmware.RASPBERRY_PI), True),
        (Arch.ARM, Facts(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UBOOT), False),
    ],
)
def test_which_kernel_fits(arch, facts, fit):
    assert fits(arch, facts) is fit


def test_facts_join_the_record_and_what_dhcp_saw():
    seen = Client(mac=MAC, arch=Arch.ARM64, firmware=Firmware.UBOOT, uuid=UUID(int=7), serial="01020304")
    record = Machine(mac=MAC, serial="fromthelabel", tags=frozenset({"t"}), ip=IPv4Address("10.0.0.1"))
    facts = facts_of(seen, record)
    assert (facts.uuid, facts.serial, facts.arch) == (str(UUID(int=7)), "fromthelabel", Arch.ARM64)
    assert (facts.tags, facts.address) == (frozenset({"t"}), IPv4Address("10.0.0.1"))
    assert facts_of(seen, None, IPv4Address("10.0.0.9")).address == IPv4Address("10.0.0.9")
    assert facts_of(None, record).firmware is Firmware.UNKNOWN
    with pytest.raises(ValueError):
        facts_of(None, None)


@pytest.mark.parametrize(
    ("mac", "prefix", "found"),
    [
        (MAC, "", True),
        (MAC, "b8:27:eb", True),
        (MAC, MAC, True),
        (MAC, "b8:27:e", False),  # whole bytes only
        ("b8:27", "b8:27:eb", False),
    ],
)
def test_mac_prefixes_are_whole_bytes(mac, prefix, found):
    assert under(mac, prefix) is found


@pytest.mark.parametrize("wanted", ["ABC", "abc"])
def test_serials_and_uuids_have_no_case(wanted):
    assert matches(Selector(serial=wanted, uuid=FACTS.uuid.upper()), FACTS)


def test_a_bios_that_is_not_x86_64_is_explained():
    bios = Facts(mac=MAC, arch=Arch.X86)
    assert "a BIOS cannot say x86_64" in mismatch(Selector(arch=Arch.X86_64), bios)


def test_rules_that_tie_are_found_and_tags_tie_on_a_machine_only():
    lab, rack = rule("lab", tags=frozenset({"lab"})), rule("rack", tags=frozenset({"rack1"}))
    assert tie(snapshot(None, lab, rack)) is None
    assert tie(snapshot(Machine(mac=MAC, tags=frozenset({"lab"})), lab, rack)) is None
    both = Machine(mac=MAC, tags=frozenset({"lab", "rack1", "x"}))
    assert {r.name for r in tie(snapshot(both, lab, rack))} == {"lab", "rack"}
    assert tie(snapshot(None, lab, replace(lab, name="again"))) is not None
    assert tie(snapshot(None, rule("x", arch=Arch.X86), rule("y", arch=Arch.ARM64))) is None


WORDS = st.sampled_from(["", "abc", "xyz"])
SELECTORS = st.builds(
    Selector,
    mac=st.sampled_from(["", "b8", "b8:27", "b8:27:eb", MAC, "52:54:00"]),
    uuid=st.sampled_from(["", FACTS.uuid, str(UUID(int=9))]),
    serial=WORDS,
    arch=st.none() | st.sampled_from([Arch.ARM64, Arch.X86]),
    firmware=st.none() | st.sampled_from([Firmware.UBOOT, Firmware.IPXE]),
    tags=st.frozensets(st.sampled_from(["lab", "rack1", "other"])),
    network=st.none() | st.sampled_from([IPv4Network("10.0.0.0/8"), IPv4Network("10.99.0.0/24")]),
)
RULES = st.lists(SELECTORS, max_size=6).map(
    lambda whens: tuple(PlanRule(name=f"r{n}", when=when, plan="a") for n, when in enumerate(whens))
)


@given(SELECTORS, SELECTORS)
def test_to_say_more_is_always_more_specific(one, other):
    given = {f.name: getattr(one, f.name) for f in fields(Selector)}
    added = {k: v or getattr(other, k) for k, v in given.items() if k != "tags"}
    more = Selector(**added, tags=one.tags | other.tags)
    assert specificity(more) >= specificity(one)
    assert (specificity(more) > specificity(one)) == (more != one)
    assert not matches(more, FACTS) or matches(one, FACTS)


@given(RULES)
def test_the_most_specific_rule_that_selects_wins(rules):
    choice = choose(snapshot(Machine(mac=MAC, tags=FACTS.tags), *rules), FACTS)
    selecting = [r for r in rules if matches(r.when, FACTS)]
    won = [c.source for c in choice.candidates if c.chosen]
    assert len(choice.candidates) == len(rules)
    if not selecting:
        assert (choice.plan, won) == (None, [])
        return
    (source,) = won
    winner = next(r for r in rules if source == f"rule {r.name}")
    assert specificity(winner.when) == max(specificity(r.when) for r in selecting)


@given(RULES, st.randoms(use_true_random=False))
def test_the_order_of_storing_does_not_matter(rules, random):
    shuffled = list(rules)
    random.shuffle(shuffled)
    machine = Machine(mac=MAC, tags=FACTS.tags)
    assert choose(snapshot(machine, *rules), FACTS) == choose(snapshot(machine, *shuffled), FACTS)


@given(RULES)
def test_without_a_tie_one_rule_is_the_most_specific(rules):
    machine = Machine(mac=MAC, tags=FACTS.tags)
    selecting = sorted(specificity(r.when) for r in rules if matches(r.when, FACTS))
    if tie(snapshot(machine, *rules)) is None:
        assert len(selecting) < 2 or selecting[-1] > selecting[-2]
