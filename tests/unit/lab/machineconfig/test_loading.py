import ast
import sys
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

import lab.machineconfig
from lab.machineconfig import ConfigFaults, Endpoint, Fault, Install, KernelLog, Link, Resolvers, Route, load
from lab.machineconfig.loading import assemble, read_parts


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigFaults) as caught:
        load(text)
    return [str(fault) for fault in caught.value.faults]


def test_what_refos_takes_from_it(text):
    config = load(text)
    assert config.hostname == "node-1"
    servers = (ip_address("10.0.0.1"), ip_address("2001:db8::53"))
    assert config.resolvers == Resolvers(servers, ("lab.example",))
    assert config.time_servers == ("10.0.0.1", "pool.example")
    assert config.time_enabled
    assert config.sysctls == {"net.ipv4.ip_forward": "1"}
    assert config.kernel_logs == (KernelLog("lab", "tcp", Endpoint("10.0.0.1", 8092)),)
    assert config.event_sink == Endpoint("fd00::1", 8090)
    assert str(config.event_sink) == "[fd00::1]:8090"
    image = "http://10.0.0.1/refos-2-arm64.raucb"
    assert config.install == Install("/dev/vda", image, True, ("quiet", "console=ttyAMA0"))
    assert config.ca is not None
    assert config.ca.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----\n")
    assert "MC4" not in repr(config.ca)
    assert config.accepted_cas == (config.ca.crt,)
    assert config.cert_sans == ("node-1.lab.example", "10.0.0.2")
    assert config.complete
    assert config.ignored == ("machine.token", "machine.type", "machine.network.interfaces[1].vlans")


def test_links_of_documents_and_of_the_base_document(text):
    default = Route(ip_network("0.0.0.0/0"), ip_address("10.0.0.1"), 100)
    other = Route(ip_network("10.2.0.0/16"), ip_address("10.1.0.1"))
    assert load(text).links == (
        Link("eth1", addresses=(ip_interface("10.1.0.2/24"),), routes=(other,), mtu=1400),
        Link("eth2", dhcp=True),
        Link(
            "eth0", addresses=(ip_interface("10.0.0.2/24"), ip_interface("2001:db8::2/64")), routes=(default,)
        ),
        Link("", hardware_address="52:54:00:aa:00:01", dhcp=True),
    )


def test_the_older_words_for_the_same():
    config = load("""\
version: v1alpha1
machine:
  network: {hostname: old, nameservers: [10.0.0.9], searchDomains: [a.example]}
  time: {disabled: true, servers: [10.0.0.8]}
""")
    assert config.hostname == "old"
    assert config.resolvers == Resolvers((ip_address("10.0.0.9"),), ("a.example",))
    assert config.time_servers == ("10.0.0.8",)
    assert not config.time_enabled


def test_what_is_not_said():
    config = load("apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n")
    assert not config.complete
    assert (config.hostname, config.resolvers, config.install, config.event_sink) == (None, None, None, None)
    assert (config.links, config.time_servers, config.kernel_logs, config.ignored) == ((), (), (), ())
    assert config.sysctls == {}


def test_a_default_route_is_that_of_its_gateway():
    config = load("apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nroutes: [{gateway: 'fd00::1'}]\n")
    assert config.links[0].routes == (Route(ip_network("::/0"), ip_address("fd00::1")),)


def test_all_faults_at_once():
    assert faults("""\
version: v2
machine:
  hostnam: x
  network:
    nameservers: [300.1.1.1, 7]
    interfaces:
      - interface: eth0
        deviceSelector: {hardwareAddr: 52-54}
        mtu: big
  install: [a]
---
apiVersion: v1alpha1
kind: HostnamConfig
---
apiVersion: v1alpha1
kind: LinkConfig
addresses: [{address: 10.0.0.1}]
""") == [
        "line 1: version: must be one of v1alpha1, not 'v2'",
        "line 3: machine.hostnam: unknown key; there are acceptedCAs, ca, certSANs, features, "
        "install, kubelet, network, nodeLabels, sysctls, time, token, type",
        "line 5: machine.network.nameservers[0]: '300.1.1.1' is no IP address; it must be an IP "
        "address, such as 10.0.0.1",
        "line 5: machine.network.nameservers[1]: must be text, in quotes (an IP address, such as 10.0.0.1), "
        "not 7",
        "line 8: machine.network.interfaces[0].deviceSelector.hardwareAddr: '52-54' is no hardware address "
        "like 52:54:00:12:34:56; it must be a hardware address",
        "line 9: machine.network.interfaces[0].mtu: must be a whole number from 68 to 65535, not 'big'",
        "line 10: machine.install: must be keys with values, not a list",
        "line 13: HostnamConfig.kind: unknown kind of document 'HostnamConfig'; did you mean HostnameConfig? "
        "there are DHCPv4Config, EventSinkConfig, ExtensionServiceConfig, HostnameConfig, KmsgLogConfig, "
        "LinkConfig, ResolverConfig, SideroLinkConfig, TimeSyncConfig, UnattendedInstallConfig",
        "line 15: LinkConfig.name: is missing",
        "line 17: LinkConfig.addresses[0].address: '10.0.0.1' has no prefix length; it must be an address "
        "with its prefix, such as 10.0.0.2/24",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kind: HostnameConfig\napiVersion: v1alpha1", "give hostname or auto"),
        ("kind: HostnameConfig\napiVersion: v1alpha1\nhostname: a\nauto: stable", "exclude each other"),
        ("kind: HostnameConfig\napiVersion: v1alpha1\nhostname: a b", "is no name"),
        ("kind: HostnameConfig\nhostname: a", "apiVersion: is missing"),
        ("kind: 3\nhostname: a", "unknown kind"),
        ("kind: TimeSyncConfig\napiVersion: v1alpha1\nenabled: 1", "must be true or false, not 1"),
        ("kind: TimeSyncConfig\napiVersion: v1alpha1\nbootTimeout: 2 minutes", "is no time like 2m30s"),
        ("kind: EventSinkConfig\napiVersion: v1alpha1\nendpoint: fd00::1:80", "needs brackets"),
        ("kind: EventSinkConfig\napiVersion: v1alpha1\nendpoint: 10.0.0.1:0", "port from 1 to 65535"),
        ("kind: EventSinkConfig\napiVersion: v1alpha1\nendpoint: '[x]:80'", "is no [IPv6]:port"),
        ("kind: KmsgLogConfig\napiVersion: v1alpha1\nname: a\nurl: http://x:1", "tcp:// or udp://"),
        ("kind: KmsgLogConfig\napiVersion: v1alpha1\nname: a\nurl: tcp://x:1/y", "port from 1 to 65535"),
        ("kind: SideroLinkConfig\napiVersion: v1alpha1\napiUrl: grpc://x:1a", "this is no URL"),
        ("version: v1alpha1\nmachine: {sysctls: {../../etc: '1'}}", "is no kernel parameter"),
        ("version: v1alpha1\nmachine: {sysctls: {vm.x: 1}}", "must be text, in quotes"),
        ("version: v1alpha1\nmachine: {install: {disk: /dev/../x}}", "is no device"),
        ("version: v1alpha1\nmachine: {ca: {crt: '###', key: x}}", "is not base64"),
        ("version: v1alpha1\nmachine: {ca: {crt: eHg=}}", "machine.ca.key: is missing"),
        (
            "version: v1alpha1\nmachine: {network: {interfaces: [{dhcp: true}]}}",
            "interface and deviceSelector",
        ),
        ("version: v1alpha1\nmachine:", "machine: must be keys with values, not nothing (leave the key out)"),
        ("machine: {}", "version: is missing"),
        ("a: 1\na: 2", "appears twice; the first is in line 1"),
        ("- 1", "document 1 must have keys with values"),
        ("", "the text is empty"),
        ("---\n# nothing\n---\n", "the text is empty"),
        ("[", "not YAML"),
        ("'" * (1 << 21), "that is no machine config"),
    ],
)
def test_refused(text, fault):
    assert fault in "\n".join(faults(text))


@pytest.mark.parametrize(
    "address", ["10.0.0.0/24", "10.0.0.255/24", "224.0.0.1/8", "0.0.0.0/0", "10.0.0.1/33", "x/1"]
)
def test_addresses_no_machine_can_have(address):
    text = f"kind: LinkConfig\napiVersion: v1alpha1\nname: eth0\naddresses: [{{address: {address}}}]"
    assert "LinkConfig[eth0].addresses[0].address" in faults(text)[0]


def test_a_secret_is_in_no_fault():
    text = "version: v1alpha1\nmachine: {token: [hunter2], ca: {crt: eHg=, key: aHVudGVyMg==}}"
    found = "\n".join(faults(text))
    assert "machine.token: must be text" in found
    assert "machine.ca.key: this is no PEM" in found
    assert "hunter2" not in found
    assert "aHVudGVyMg" not in found


def test_an_extension_service_is_known_and_ignored():
    config = load("""\
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: frr
configFiles: [{content: hello, mountPath: /etc/frr.conf}]
environment: [A=b]
""")
    assert config.ignored == ("ExtensionServiceConfig[frr]",)


def test_names_that_do_not_print_are_not_printed():
    assert "\x1b" not in faults('"a\\e[31m": 1')[0]


def test_thousands_of_faults_are_all_there_and_not_all_said():
    with pytest.raises(ConfigFaults) as caught:
        load("version: v1alpha1\nmachine:\n" + "".join(f"  k{n}: 1\n" for n in range(3000)))
    assert len(caught.value.faults) == 3000
    assert str(caught.value).endswith("\nand 2950 more")


def test_a_fault_without_a_line():
    assert str(Fault("a.b", "is missing")) == "a.b: is missing"


def test_it_needs_nothing_but_yaml_and_the_standard_library():
    """The guest of refos has no more."""
    found = set()
    for file in Path(lab.machineconfig.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    foreign = {n for n in found if n.partition(".")[0] not in {*sys.stdlib_module_names, "yaml"}}
    assert {name for name in foreign if not name.startswith("lab.machineconfig")} == set()
    assert "yaml" in found


def test_documents_that_were_read_before_are_read_as_all_at_once(text):
    for changed in (text, f"---\n{text}\n# the end", text.replace("node-1", "node-2"), f"{text}...\n"):
        assert load(changed) == assemble(*read_parts(changed)), changed
    with pytest.raises(ConfigFaults) as caught:
        load(f"{text}---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: again\n")
    with pytest.raises(ConfigFaults) as expected:
        assemble(*read_parts(f"{text}---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: again\n"))
    assert caught.value.faults == expected.value.faults
