"""Rules of nftables, weighed with three values, in the words of `nft -j` (for real: test_ill.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.doctor.nft import Outcome, Probe, fate

DHCP = Probe(interface="eth1", protocol="udp", port=67)
ACCEPT, DROP, MAY = Outcome.ACCEPT, Outcome.DROP, Outcome.MAY_DROP


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def dport(right, protocol="udp", op="=="):
    return match({"payload": {"protocol": protocol, "field": "dport"}}, right, op)


def meta(key, right, op="=="):
    return match({"meta": {"key": key}}, right, op)


def ruleset(policy, *rules, chains=None):
    where = {"family": "inet", "table": "f"}
    base = {**where, "name": "in", "type": "filter", "hook": "input", "prio": 0, "policy": policy}
    entries = [{"chain": base}] + [{"rule": {**where, "chain": "in", "expr": list(r)}} for r in rules]
    for name, more in (chains or {}).items():
        entries.append({"chain": {**where, "name": name}})
        entries += [{"rule": {**where, "chain": name, "expr": list(r)}} for r in more]
    return {"nftables": entries}


YES, NO = {"accept": None}, {"drop": None}
STATE = {"ct": {"key": "state"}}
MARK = meta("mark", 7)


@pytest.mark.parametrize(
    ("rules", "policy", "expected"),
    [
        ([], "accept", ACCEPT),
        ([], "drop", DROP),
        ([[dport(67), YES]], "drop", ACCEPT),
        ([[dport(68), YES]], "drop", DROP),
        ([[dport({"set": [53, 67]}), YES]], "drop", ACCEPT),
        ([[dport({"set": [{"range": [60, 70]}]}), YES]], "drop", ACCEPT),
        ([[dport({"range": [100, 200]}), NO]], "accept", ACCEPT),
        ([[dport(67, "tcp"), NO]], "accept", ACCEPT),
        ([[dport(67, "th"), NO]], "accept", DROP),
        ([[dport(67, op="!="), NO]], "accept", ACCEPT),
        ([[meta("iifname", "eth*"), YES]], "drop", ACCEPT),
        ([[meta("iifname", "eth0"), YES]], "drop", DROP),
        ([[meta("iifname", "eth0", "!="), {"reject": {"type": "icmp"}}]], "accept", DROP),
        ([[meta("l4proto", "udp"), dport(67), {"counter": {"packets": 1}}, NO]], "accept", DROP),
        ([[match(STATE, ["established", "related"], "in"), YES]], "drop", DROP),
        ([[match(STATE, "new", "in"), NO]], "accept", DROP),
        ([[match({"payload": {"protocol": "ip", "field": "saddr"}}, "10.0.0.1"), YES]], "drop", DROP),
        (
            [
                [
                    match(
                        {"payload": {"protocol": "ip", "field": "saddr"}},
                        {"prefix": {"addr": "0.0.0.0", "len": 8}},
                    ),
                    YES,
                ]
            ],
            "drop",
            ACCEPT,
        ),
        ([[match({"payload": {"protocol": "ip6", "field": "saddr"}}, "::"), NO]], "accept", ACCEPT),
        # what cannot be weighed is never a verdict
        ([[MARK, NO]], "accept", MAY),
        ([[MARK, YES]], "drop", MAY),
        ([[MARK, YES]], "accept", ACCEPT),
        ([[MARK, YES], [MARK, NO]], "accept", MAY),
        ([[dport("@allowed"), YES]], "drop", MAY),
        ([[MARK, NO], [dport(67), YES]], "accept", MAY),
        ([[dport(67), YES], [MARK, NO]], "accept", ACCEPT),
        ([[{"xt": {"type": "match", "name": "recent"}}, NO]], "accept", MAY),
    ],
)
def test_a_discover_runs_through_the_rules(rules, policy, expected):
    assert fate(ruleset(policy, *rules), DHCP).outcome is expected


@pytest.mark.parametrize(
    ("rules", "more", "policy", "expected"),
    [
        ([[{"jump": {"target": "x"}}]], [[dport(67), YES]], "drop", ACCEPT),
        ([[{"jump": {"target": "x"}}], [NO]], [[{"return": None}], [YES]], "accept", DROP),
        ([[{"goto": {"target": "x"}}], [YES]], [[dport(1), YES]], "drop", DROP),
        ([[{"jump": {"target": "x"}}], [YES]], [[dport(1), YES]], "drop", ACCEPT),
        ([[MARK, {"jump": {"target": "x"}}]], [[NO]], "accept", MAY),
        ([[{"jump": {"target": "x"}}]], [[{"jump": {"target": "x"}}]], "accept", ACCEPT),
    ],
)
def test_jumps(rules, more, policy, expected):
    assert fate(ruleset(policy, *rules, chains={"x": more}), DHCP).outcome is expected


def test_the_chain_that_drops_is_named_and_other_hooks_do_not_count():
    found = fate(ruleset("drop"), DHCP)
    assert (found.outcome, found.chain) == (DROP, "inet f in")
    output = {"family": "inet", "table": "f", "name": "out", "hook": "output", "prio": 0, "policy": "drop"}
    bridge = {"family": "bridge", "table": "f", "name": "in", "hook": "input", "prio": 0, "policy": "drop"}
    assert fate({"nftables": [{"chain": output}, {"chain": bridge}]}, DHCP).outcome is ACCEPT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["match", "left", "right", "op", "meta", "key", "payload", "set", "range", "prefix", "jump"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.lists(st.lists(JSON, max_size=4), max_size=5), st.sampled_from(["accept", "drop"]))
def test_any_json_has_an_outcome(rules, policy):
    assert fate(ruleset(policy, *rules), DHCP).outcome in Outcome
    assert fate({"nftables": rules}, DHCP).outcome is ACCEPT
