"""What holds for every config, every patch and every text."""

import contextlib
from itertools import pairwise

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.machineconfig import ConfigFaults, difference, load, merge, reboot_reasons

FEW = settings(max_examples=30, deadline=None)
MANY = settings(max_examples=100, deadline=None)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).filter(
    lambda ip: not ip.is_unspecified and not ip.is_multicast
)
INTERFACES = ADDRESSES.map(lambda ip: f"{ip}/{ip.max_prefixlen}")
HEAD = {"apiVersion": "v1alpha1"}
# A value for every leaf of the base document: two patches for different leaves are independent.
LEAVES = {
    ("machine", "type"): st.sampled_from(["worker", "controlplane"]),
    ("machine", "token"): st.text(min_size=1),
    ("machine", "install", "disk"): st.sampled_from(["/dev/vda", "/dev/sda"]),
    ("machine", "install", "wipe"): st.booleans(),
    ("machine", "install", "extraKernelArgs"): st.lists(LABELS),
    ("machine", "certSANs"): st.lists(LABELS | ADDRESSES.map(str)),
    ("machine", "network", "hostname"): LABELS,
    ("machine", "network", "nameservers"): st.lists(ADDRESSES.map(str)),
    ("machine", "time", "servers"): st.lists(LABELS),
    ("machine", "sysctls", "vm.swappiness"): st.text(min_size=1),
    ("machine", "sysctls", "kernel.panic"): st.text(min_size=1),
    ("cluster", "network", "podSubnets"): st.lists(st.just("10.0.0.0/8")),
}
DOCUMENTS = {
    "link": st.fixed_dictionaries(
        {"kind": st.just("LinkConfig"), "name": st.just("eth0")},
        optional={
            "mtu": st.integers(68, 65535),
            "up": st.booleans(),
            "addresses": st.lists(INTERFACES, max_size=3, unique=True).map(
                lambda a: [{"address": x} for x in a]
            ),
        },
    ),
    "dhcp": st.just({"kind": "DHCPv4Config", "name": "eth1"}),
    "log": st.fixed_dictionaries(
        {"kind": st.just("KmsgLogConfig"), "name": LABELS, "url": st.just("udp://h:514")}
    ),
    "sink": st.fixed_dictionaries(
        {"kind": st.just("EventSinkConfig"), "endpoint": LABELS.map("{}:1".format)}
    ),
}


@st.composite
def bases(draw, leaves):
    data: dict = {}
    for leaf in sorted(draw(leaves)):
        here = data
        for key in leaf[:-1]:
            here = here.setdefault(key, {})
        here[leaf[-1]] = draw(LEAVES[leaf])
    return data


@st.composite
def configs(draw):
    base = {
        "version": "v1alpha1",
        "machine": {},
        **draw(bases(st.sets(st.sampled_from(sorted(LEAVES)), max_size=4))),
    }
    others = [
        HEAD | draw(DOCUMENTS[name]) for name in sorted(draw(st.sets(st.sampled_from(sorted(DOCUMENTS)))))
    ]
    return load(yaml.safe_dump_all(draw(st.permutations([base, *others]))))


@st.composite
def independent_patches(draw):
    """Two patches that speak of different leaves and of different documents."""
    leaves = draw(st.permutations(sorted(LEAVES)))
    kinds = draw(st.permutations(sorted(DOCUMENTS)))
    cut, kind_cut = draw(st.integers(0, len(leaves))), draw(st.integers(0, len(kinds)))
    halves = ((leaves[:cut], kinds[:kind_cut]), (leaves[cut:], kinds[kind_cut:]))
    return [
        yaml.safe_dump_all(
            [draw(bases(st.just(set(mine)))), *(HEAD | draw(DOCUMENTS[kind]) for kind in kinds_of_mine)]
        )
        for mine, kinds_of_mine in halves
    ]


@FEW
@given(configs())
def test_what_is_dumped_is_read_again(config):
    again = load(config.dump())
    assert again == config
    assert again.dump() == config.dump()


@FEW
@given(configs())
def test_a_patch_of_nothing_changes_nothing(config):
    assert merge(config, "") == merge(config, "{}") == config


@FEW
@given(configs(), configs())
def test_a_difference_is_empty_only_between_equals(one, two):
    assert (difference(one, two) == "") == (one == two)
    assert isinstance(reboot_reasons(one, two), tuple)


@FEW
@given(configs(), independent_patches())
def test_independent_patches_commute(config, patches):
    """Each alone applies or not, whatever the other did; where both do, the order does not matter."""
    one, two = patches
    outcomes = []
    for first, second in ((one, two), (two, one)):
        try:
            outcomes.append(merge(merge(config, first), second))
        except ConfigFaults:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]


@FEW
@given(configs(), st.sampled_from(sorted(LEAVES)), st.data())
def test_what_a_patch_sets_is_set(config, leaf, data):
    value = data.draw(LEAVES[leaf])
    patch = value
    for key in reversed(leaf):
        patch = {key: patch}
    merged = merge(config, yaml.safe_dump(patch))
    here, before = merged.find(""), config.find("")
    for key in leaf:
        here, before = here[key], (before or {}).get(key)
    appends = isinstance(value, list) and leaf[-1] != "podSubnets"
    assert here == ([*(before or []), *value] if appends else value)


YAML_WORDS = st.text(alphabet=" \n\t-:[]{}&*!|>'\"%@`#?,ab019.~$", max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)


def _survives(text: str) -> None:
    config = None
    with contextlib.suppress(ConfigFaults):
        config = load(text)
    if config is not None:
        assert load(config.dump()) == config
    with contextlib.suppress(ConfigFaults):
        merge(load("version: v1alpha1\nmachine: {type: worker}\n"), text)


@MANY
@given(st.text() | YAML_WORDS)
def test_any_text_gives_faults_and_never_a_traceback(text):
    _survives(text)


@FEW
@given(
    st.dictionaries(st.sampled_from(["machine", "version", "kind", "name", "cluster", "apiVersion"]), VALUES)
)
def test_any_values_give_faults_and_never_a_traceback(data):
    _survives(yaml.safe_dump(data))


@MANY
@given(st.sampled_from(sorted(LEAVES)), VALUES)
def test_any_value_at_a_known_place(leaf, value):
    patch = value
    for key in reversed(leaf):
        patch = {key: patch}
    _survives(yaml.safe_dump({"version": "v1alpha1", "machine": {}} | patch))


def test_bombs_of_aliases_are_bounded():
    values = "\n".join(
        [
            "a: &a [" + "x, " * 10 + "]",
            *(f"{k}: &{k} [{', '.join(['*' + p] * 10)}]" for p, k in pairwise("abcdefghi")),
        ]
    )
    characters = "a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 1000 + "]"
    for bomb, reason in ((values, "more than 20000 values"), (characters, "characters, aliases counted")):
        for read in (load, lambda text: merge(load("version: v1alpha1\nmachine: {}"), text)):
            with pytest.raises(ConfigFaults, match=reason):
                read(bomb)
