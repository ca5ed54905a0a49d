import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab.machineconfig import ConfigFaults, difference, load, merge, patch


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


def test_a_deletion_of_what_is_not_there_is_the_only_fault():
    config = load("version: v1alpha1\nmachine: {}\n")
    delete = "kind: ResolverConfig\nnameservers: {$patch: delete}\n"
    add = "apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 10.0.0.9}]\n"
    with pytest.raises(ConfigFaults) as caught:
        merge(config, f"{delete}---\n{add}")
    (fault,) = caught.value.faults
    assert str(fault).startswith("line 2: ResolverConfig.nameservers: cannot be deleted")


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


FOREIGN = """\
version: v1alpha1
machine:
  kubelet: {image: k:1, extraArgs: {v: "4"}}
  files: [{path: /a, permissions: 0o644, op: create, mode: 0644}]
  nodeLabels: {on: no, at: 12:30, said: "no"}
---
apiVersion: v1beta3
kind: WatchdogTimerConfig
device: /dev/watchdog0
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
provisioning: {minSize: 4GB}
"""


class TestOfAConfigurationThatWeDoNotKnowAllOf:
    """As a real node of Talos has it: what is unknown here goes along."""

    def test_what_is_patched_changes_and_all_else_goes_along_as_it_is(self):
        done = patch(
            FOREIGN, "machine: {kubelet: {image: k:2}}\n---\nkind: VolumeConfig\nname: EPHEMERAL\nx: 1\n"
        )
        found = list(yaml.safe_load_all(done))
        assert found[0]["machine"]["kubelet"] == {"image": "k:2", "extraArgs": {"v": "4"}}
        assert found[1] == {
            "apiVersion": "v1beta3",
            "kind": "WatchdogTimerConfig",
            "device": "/dev/watchdog0",
        }
        assert found[2]["provisioning"] == {"minSize": "4GB"}
        assert found[2]["x"] == 1
        # Only whoever knows the field knows whether 0644 is a number: it stays without quotes, "no" with them
        for line in ("permissions: 0o644", "mode: 0644", "'on': no", "at: 12:30", "said: 'no'"):
            assert line in done

    def test_documents_of_a_kind_that_nobody_knows_are_matched_by_name(self):
        volume = "kind: VolumeConfig\nname: {}\nmark: 7\n"
        assert patch(FOREIGN, volume.format("EPHEMERAL")).count("kind:") == 2
        assert patch(FOREIGN, volume.format("OTHER")).count("kind:") == 3
        gone = patch(FOREIGN, "kind: VolumeConfig\nname: EPHEMERAL\n$patch: delete\n")
        assert "VolumeConfig" not in gone

    @pytest.mark.parametrize(
        ("text", "change", "fault"),
        [
            (FOREIGN, "machine: {kubelet: [1]}", "machine.kubelet: does not apply"),
            (FOREIGN, "machine: {nothing: {$patch: delete}}", "machine.nothing: cannot be deleted"),
            (FOREIGN, "- op: add", "is a list: a JSON patch"),
            (FOREIGN, "kind: [", "not YAML"),
            (FOREIGN, "kind: 7", "kind: no such kind of document: 7"),
            (FOREIGN, "kind: Other\n$patch: delete", "Other: cannot be deleted"),
            ("version: v1alpha1\na: &x {b: 1}\nc: {<<: *x}\n", "", "merge keys"),
            ("kind: A\nname: b\n---\nkind: A\nname: b\n", "", "there twice"),
            ("7", "", "must have keys"),
            ("kind: A", "kind: A\n$patch: delete", "deletes every document"),
        ],
        ids=["shape", "nothing", "json", "yaml", "kind", "document", "merge", "twice", "number", "all"],
    )
    def test_a_patch_that_does_not_apply_says_where(self, text, change, fault):
        with pytest.raises(ConfigFaults) as caught:
            patch(text, change)
        assert fault in str(caught.value)

    def test_of_one_that_we_know_it_is_the_same_as_a_merge(self, text, config):
        change = "machine: {sysctls: {vm.swappiness: '5'}}"
        assert load(patch(text, change)) == merge(config, change)


KEYS = st.text("abcdefgh", min_size=1, max_size=3)
WORDS = st.sampled_from(["no", "0644", "12:30", "2024-01-01", "1e3", "0x1F", ".inf", "null", "a b", "1_000"])
TEXTS = st.text(st.characters(codec="ascii"), max_size=9)
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(-(10**9), 10**9), st.text(st.characters(codec="ascii"), max_size=9), WORDS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), WORDS)
def test_a_patch_changes_nothing_that_it_does_not_name(data, word):
    """By the eyes of another reader of YAML (1.1), words without quotes included."""
    text = f"{yaml.safe_dump(data)}zz: {word}\n"
    before, after = yaml.safe_load(text), yaml.safe_load(patch(text, "zzz: 1"))
    assert after.pop("zzz") == 1
    assert repr(after) == repr(before)
