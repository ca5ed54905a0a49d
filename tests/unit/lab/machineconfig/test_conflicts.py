import pytest

from lab.machineconfig import ConfigFaults, load

BASE = """\
version: v1alpha1
machine: {network: {hostname: a, nameservers: [10.0.0.1]}, time: {servers: [10.0.0.1]}}
"""
LINK = "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\naddresses: [{address: 10.0.0.2/24}]\n"


def faults(*documents: str) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        load("---\n".join(documents))
    return [str(fault) for fault in caught.value.faults]


def test_the_same_document_twice():
    assert faults(LINK, LINK) == ["line 6: LinkConfig[eth0]: is there twice; the first begins in line 1"]
    assert faults(BASE, BASE)[0].endswith("the base document is there twice; the first begins in line 1")


def test_the_same_thing_in_two_places():
    found = faults(
        BASE,
        "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: b\n",
        "apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 10.0.0.2}]\n",
        "apiVersion: v1alpha1\nkind: TimeSyncConfig\nenabled: true\n",
    )
    assert found == [
        "line 2: machine.network.hostname: is said in a HostnameConfig document, too; keep one of them",
        "line 2: machine.network.nameservers: is said in a ResolverConfig document, too; keep one of them",
        "line 2: machine.time: is said in a TimeSyncConfig document, too; keep one of them",
    ]


def test_one_interface_in_two_places():
    links = "[{interface: eth0}, {interface: eth1}, {interface: eth1}]"
    base = f"version: v1alpha1\nmachine: {{network: {{interfaces: {links}}}}}\n"
    assert faults(base, LINK) == [
        "line 2: machine.network.interfaces[0]: eth0 has a LinkConfig or DHCPv4Config document, too; "
        "keep one of them",
        "line 2: machine.network.interfaces[2]: eth1 is there twice",
    ]


def test_one_address_on_two_interfaces():
    other = LINK.replace("eth0", "eth1").replace("/24", "/16")
    assert faults(LINK, other) == [
        "line 9: LinkConfig[eth1].addresses[0].address: 10.0.0.2/16 is the address at "
        "LinkConfig[eth0].addresses[0].address, too"
    ]


def test_a_route_that_leads_nowhere():
    assert "says neither where to" in faults(LINK + "routes: [{metric: 3}]\n")[0]
    assert (
        "one is IPv4, the other IPv6"
        in faults(LINK + "routes: [{destination: '::/0', gateway: 10.0.0.1}]\n")[0]
    )


def test_what_is_said_twice_is_told_beside_all_other_faults():
    found = faults(
        BASE.replace("machine: {", "machine: {nonsense: 1, "),
        "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: 7\n",
        "kind: LinkConfig\n",
        "kind: LinkConfig\n",
        "kind: Nonsense\n",
        "- a list\n",
    )
    twice = "line 2: machine.network.hostname: is said in a HostnameConfig document, too; keep one of them"
    assert found.count(twice) == 1
    assert "line 2: machine.nonsense: unknown key" in "\n".join(found)
    assert not [fault for fault in found if "there twice" in fault]  # whether they are cannot be told
