import pytest
import yaml

from lab.machineconfig import ConfigFaults, difference, load, merge


def refused(config, patch: str) -> list[str]:
    before = config.dump()
    with pytest.raises(ConfigFaults) as caught:
        merge(config, patch)
    assert config.dump() == before
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture(scope="session")
def config(text):
    return load(text)


def base(config):
    return yaml.safe_load(config.dump().split("---\n")[0])["machine"]


def test_values_replace_and_keys_merge(config):
    changed = merge(config, "machine: {install: {disk: /dev/vdb}, sysctls: {vm.swappiness: '5'}}")
    assert changed.install.disk == "/dev/vdb"
    assert changed.install.image == config.install.image
    assert changed.sysctls == {"net.ipv4.ip_forward": "1", "vm.swappiness": "5"}
    assert config.install.disk == "/dev/vda"


def test_a_document_is_matched_by_kind_and_name_else_appended(config):
    patch = "apiVersion: v1alpha1\nkind: LinkConfig\nname: {}\nmtu: 9000\n"
    assert merge(config, patch.format("eth1")).links[0].mtu == 9000
    assert [link.name for link in merge(config, patch.format("eth7")).links] == [
        "eth1",
        "eth2",
        "eth7",
        "eth0",
        "",
    ]


def test_lists_append(config):
    changed = merge(config, "machine: {certSANs: [a.example], install: {extraKernelArgs: [panic=1]}}")
    assert changed.cert_sans == ("node-1.lab.example", "10.0.0.2", "a.example")
    assert changed.install.extra_kernel_args == ("quiet", "console=ttyAMA0", "panic=1")


def test_nameservers_append_too_and_are_swapped_by_delete_and_add(config):
    """As in Talos; cozystack/talm#234 is about just that."""
    add = "apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 10.0.0.9}]\n"
    delete = "kind: ResolverConfig\nnameservers: {$patch: delete}\n"
    appended = merge(config, add).resolvers.servers
    assert [str(server) for server in appended] == ["10.0.0.1", "2001:db8::53", "10.0.0.9"]
    swapped = merge(config, f"{delete}---\n{add}").resolvers
    assert [str(server) for server in swapped.servers] == ["10.0.0.9"]
    assert swapped.search == ("lab.example",)


def test_interfaces_and_vlans_merge_by_what_tells_them_apart(config):
    changed = merge(
        config,
        """\
machine:
  network:
    interfaces:
      - {interface: eth0, mtu: 1300, addresses: [10.0.0.3/24]}
      - deviceSelector: {hardwareAddr: "52:54:00:AA:00:01"}
        vlans: [{vlanId: 7, mtu: 1200}, {vlanId: 8}]
      - {interface: eth9, dhcp: true}
""",
    )
    first, second, third = base(changed)["network"]["interfaces"]
    assert first["mtu"] == 1300
    assert first["addresses"] == ["10.0.0.2/24", "2001:db8::2/64", "10.0.0.3/24"]
    assert second["vlans"] == [{"vlanId": 7, "addresses": ["10.7.0.2/24"], "mtu": 1200}, {"vlanId": 8}]
    assert third == {"interface": "eth9", "dhcp": True}


def test_subnets_and_the_audit_policy_are_replaced(config):
    one = merge(config, "cluster: {network: {podSubnets: [10.5.0.0/16]}, apiServer: {auditPolicy: {a: 1}}}")
    two = merge(one, "cluster: {network: {podSubnets: [10.6.0.0/16]}, apiServer: {auditPolicy: {b: 2}}}")
    cluster = yaml.safe_load(two.dump().split("---\n")[0])["cluster"]
    assert cluster == {"network": {"podSubnets": ["10.6.0.0/16"]}, "apiServer": {"auditPolicy": {"b": 2}}}


def test_files_of_an_extension_merge_by_their_path(config):
    patch = """\
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: frr
configFiles: [{content: %s, mountPath: /etc/a}, {content: x, mountPath: /etc/%s}]
"""
    changed = merge(merge(config, patch % ("one", "b")), patch % ("two", "c"))
    files = changed.find("ExtensionServiceConfig", "frr")["configFiles"]
    assert [(file["mountPath"], file["content"]) for file in files] == [
        ("/etc/a", "two"),
        ("/etc/b", "x"),
        ("/etc/c", "x"),
    ]


def test_delete_a_key_an_item_and_a_document(config):
    changed = merge(
        config,
        """\
machine:
  sysctls: {$patch: delete}
  network:
    interfaces: [{interface: eth0, $patch: delete}]
---
kind: ResolverConfig
nameservers: [{$patch: delete, address: "2001:db8::53"}]
---
kind: KmsgLogConfig
name: lab
$patch: delete
""",
    )
    assert changed.sysctls == {}
    assert [link.name for link in changed.links] == ["eth1", "eth2", ""]
    assert [str(server) for server in changed.resolvers.servers] == ["10.0.0.1"]
    assert changed.kernel_logs == ()


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        (
            "machine: {network: {hostname: {$patch: delete}}}",
            "line 1: machine.network.hostname: cannot be deleted",
        ),
        ("machine: {sysctls: {a.b: {$patch: delete}}}", "machine.sysctls.a.b: cannot be deleted"),
        ("machine: {time: {servers: {$patch: delete}}}", "machine.time.servers: cannot be deleted"),
        ("machine: {type: {$patch: replace}}", "machine.type.$patch: must be delete, not 'replace'"),
        (
            "machine: {network: {interfaces: [{interface: eth5, $patch: delete}]}}",
            "no item with interface: 'eth5'",
        ),
        ("machine: {acceptedCAs: [{$patch: delete}]}", "does not say which item"),
        ("machine: {certSANs: {a: b}}", "has keys with values where the config has a list"),
        ("machine: {sysctls: [a]}", "has a list where the config has keys with values"),
        ("machine: 3", "has 3 where the config has keys with values"),
        ("machine: {typ: worker}", "machine.typ: unknown key; did you mean type?"),
        ("machine: {install: {wipe: 'yes'}}", "machine.install.wipe: must be true or false"),
        ("machine: {network: {hostname: two}}", "is said in a HostnameConfig document, too"),
        ("kind: Hostname\nhostname: a", "kind: no such kind of document: 'Hostname'"),
        ("kind: LinkConfig\nname: eth5\n$patch: delete", "LinkConfig[eth5]: cannot be deleted"),
        ("kind: TimeSyncConfig\n$patch: x", "must be delete"),
        ("[{op: add, path: /machine, value: 1}]", "a JSON patch"),
        ("just words", "must have keys with values"),
        ("a: [", "not YAML"),
        ("machine: {type: worker, type: worker}", "appears twice"),
    ],
)
def test_a_patch_that_does_not_apply(config, patch, fault):
    assert fault in "\n".join(refused(config, patch))


def test_every_document_of_a_patch_is_told_of(config):
    found = refused(
        config, "machine: {a: {$patch: delete}}\n---\nkind: LinkConfig\nname: x\n$patch: delete\n"
    )
    assert [fault.partition(":")[0] for fault in found] == ["line 1", "line 3"]


def test_nothing_left():
    config = load("apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n")
    assert "one must be left" in refused(config, "kind: HostnameConfig\n$patch: delete")[0]


@pytest.mark.parametrize("patch", ["", "# nothing", "---\n---\n", "{}", "machine: {}"])
def test_an_empty_patch_changes_nothing(config, patch):
    assert merge(config, patch) == config
    assert difference(config, merge(config, patch)) == ""
