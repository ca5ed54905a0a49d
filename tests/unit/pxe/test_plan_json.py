import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.errors import PlanError
from pxe.plan import Asset, BootPlan, Machine
from pxe.plan_json import machine_from_json, plan_from_json, to_json

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


@given(JSON, st.sampled_from([plan_from_json, machine_from_json]))
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
