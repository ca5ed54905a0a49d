import json
import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.errors import PlanError
from pxe.plan import (
    Action,
    Arch,
    Asset,
    BootPlan,
    Config,
    ConfigKind,
    Firmware,
    Machine,
    PlanRule,
    Selector,
    Transport,
)
from pxe.plan_json import machine_from_json, plan_from_json, rule_from_json, to_json

PLAN = BootPlan(
    name="p",
    kernel=Asset("k", Path("/k")),
    dtb=Asset("d", Path("/d")),
    cmdline="c",
    files=(Asset("f", Path("/f")), Asset("g", Path("/g"))),
    texts={"t": "x"},
    fdt_address="0x1",
)
MACHINE = Machine(mac="52:54:00:00:00:01", name="n", ip=IPv4Address("10.0.0.9"), plan="p")


@pytest.mark.parametrize("plan", [PLAN, BootPlan(name="q", kernel=Asset("k", Path("/k")))])
def test_a_plan_comes_back(plan):
    assert plan_from_json(json.loads(json.dumps(to_json(plan)))) == plan


@pytest.mark.parametrize("machine", [MACHINE, Machine(mac="52:54:00:00:00:01")])
def test_a_machine_comes_back(machine):
    assert machine_from_json(json.loads(json.dumps(to_json(machine)))) == machine


TEXT = st.text(max_size=8)
PATHS = st.from_regex(r"/[a-z]{1,8}", fullmatch=True).map(Path)
ASSETS = st.builds(Asset, name=TEXT, path=PATHS, sha256=TEXT)
CONFIGS = st.builds(
    Config,
    kind=st.sampled_from(ConfigKind),
    name=TEXT,
    path=st.none() | PATHS,
    text=st.none() | TEXT,
    env=st.none() | TEXT,
    secret=st.booleans(),
)
PLANS = st.builds(
    BootPlan,
    name=TEXT,
    action=st.sampled_from(Action),
    kernel=st.none() | ASSETS,
    initrd=st.none() | ASSETS,
    dtb=st.none() | ASSETS,
    cmdline=TEXT,
    files=st.lists(ASSETS, max_size=2).map(tuple),
    texts=st.dictionaries(TEXT, TEXT, max_size=2),
    fdt_address=TEXT,
    loader=st.none() | ASSETS,
    arch=st.none() | st.sampled_from(Arch),
    transport=st.sampled_from(Transport),
    tree=st.none() | PATHS,
    templates=st.dictionaries(TEXT, TEXT, max_size=2),
    configs=st.lists(CONFIGS, max_size=2).map(tuple),
    then=st.none() | TEXT,
)
MACS = st.integers(0, 2**48 - 1).map(lambda n: ":".join(re.findall("..", f"{n:012x}")))
MACHINES = st.builds(
    Machine,
    mac=MACS,
    name=TEXT,
    ip=st.none() | st.ip_addresses(v=4),
    plan=st.none() | TEXT,
    next_plan=st.none() | TEXT,
    hold=st.booleans(),
    uuid=TEXT,
    serial=TEXT,
    tags=st.frozensets(TEXT, max_size=3),
)
SELECTORS = st.builds(
    Selector,
    mac=st.just("") | MACS,
    uuid=TEXT,
    serial=TEXT,
    arch=st.none() | st.sampled_from(Arch),
    firmware=st.none() | st.sampled_from(Firmware),
    tags=st.frozensets(TEXT, max_size=3),
    network=st.none() | st.sampled_from([IPv4Network("10.0.0.0/8"), IPv4Network("0.0.0.0/0")]),
)
RULES = st.builds(PlanRule, name=TEXT, when=SELECTORS, plan=TEXT)


@given(PLANS)
def test_any_plan_comes_back(plan):
    assert plan_from_json(json.loads(json.dumps(to_json(plan)))) == plan


@given(MACHINES)
def test_any_machine_comes_back(machine):
    assert machine_from_json(json.loads(json.dumps(to_json(machine)))) == machine


@given(RULES)
def test_any_rule_comes_back(rule):
    assert rule_from_json(json.loads(json.dumps(to_json(rule)))) == rule


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ([], "rule.when: must be an object"),
        ({"arch": "arm65"}, "rule.when.arch: 'arm65' is none of x86, "),
        ({"firmware": 1}, "rule.when.firmware: must be a string"),
        ({"tags": "a"}, "rule.when.tags: must be a list"),
        ({"network": "10.0.0.1/8"}, "rule.when.network: '10.0.0.1/8' is not a network"),
        ({"colour": "red"}, "rule.when: unknown field 'colour'"),
    ],
)
def test_a_bad_rule_is_refused_by_field(when, message):
    with pytest.raises(PlanError, match=message):
        rule_from_json({"name": "r", "when": when, "plan": "p"})


def test_a_mac_is_normalised():
    assert machine_from_json({"mac": "52-54-00-00-00-0A"}).mac == "52:54:00:00:00:0a"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": 7}, "plan.kernel: must be an object"),
        ({"kernel": {"name": "k"}}, "plan.kernel.path: missing"),
        ({"kernel": {"name": "k", "path": "/k", "size": 1}}, "plan.kernel: unknown field 'size'"),
        ({"kernel": {"name": "k", "path": ""}}, "plan.kernel.path: must name a file"),
        ({"kernel": {"name": "k", "path": "a\0b"}}, "plan.kernel.path: must name a file"),
        ({"initrd": []}, "plan.initrd: must be an object"),
        ({"cmdline": 5}, "plan.cmdline: must be a string"),
        ({"files": {}}, "plan.files: must be a list"),
        ({"files": [{"name": 1, "path": "/f"}]}, r"plan.files\[0\].name: must be a string"),
        ({"texts": []}, "plan.texts: must be an object"),
        ({"texts": {"t": 1}}, "plan.texts.t: must be a string"),
        ({"sice": 1}, "plan: unknown field 'sice'"),
    ],
)
def test_a_bad_plan_is_refused_by_field(changes, message):
    with pytest.raises(PlanError, match=message):
        plan_from_json({**to_json(PLAN), **changes})


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ([], "machine: must be an object"),
        ({}, "machine.mac: missing"),
        ({"mac": "x"}, "not a MAC"),
        ({"mac": "52:54:00:00:00:01", "ip": "10.0.0"}, "machine.ip: '10.0.0' is not an IPv4 address"),
        ({"mac": "52:54:00:00:00:01", "ip": 7}, "machine.ip: must be a string"),
    ],
)
def test_a_bad_machine_is_refused_by_field(obj, message):
    with pytest.raises(PlanError, match=message):
        machine_from_json(obj)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(list(to_json(PLAN))), inner),
)


@given(JSON, st.sampled_from([plan_from_json, machine_from_json, rule_from_json]))
def test_anything_is_read_or_refused(obj, read):
    try:
        read(obj)
    except PlanError:
        return


@given(st.sampled_from(list(to_json(PLAN))), JSON)
def test_anything_in_a_field_is_read_or_refused(key, value):
    try:
        plan = plan_from_json({**to_json(PLAN), key: value})
    except PlanError:
        return
    assert plan_from_json(to_json(plan)) == plan
