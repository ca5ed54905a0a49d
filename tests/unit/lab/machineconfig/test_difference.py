import pytest

from lab.machineconfig import difference, load, merge, reboot_reasons


@pytest.fixture(scope="session")
def config(text):
    return load(text)


def test_what_changes_is_there_and_no_more(config):
    changed = merge(config, "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth1\nmtu: 9000\n")
    lines = difference(config, changed).splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == ["-mtu: 1400", "+mtu: 9000"]


def test_documents_that_come_and_go(config):
    lines = difference(config, merge(config, "kind: DHCPv4Config\nname: eth2\n$patch: delete")).splitlines()
    assert "-kind: DHCPv4Config" in lines
    assert "+kind: DHCPv4Config" in difference(
        merge(config, "kind: DHCPv4Config\nname: eth2\n$patch: delete"), config
    )


def test_the_order_of_keys_means_nothing(config):
    one = load("version: v1alpha1\nmachine: {type: worker, certSANs: [a]}")
    two = load("machine: {certSANs: [a], type: worker}\nversion: v1alpha1")
    assert one == two
    assert difference(one, two) == ""


def test_secrets_are_masked_and_their_change_is_seen(config):
    key = config.find("")["machine"]["ca"]["key"]
    changed = merge(
        config, f"machine: {{token: other.token, type: controlplane, ca: {{key: {key[:-8]}LS0tLQ==}}}}"
    )
    text = difference(config, changed)
    assert "abc.def" not in text
    assert "other.token" not in text
    assert key[:40] not in text
    lines = text.splitlines()
    for key in ("  token", "    key"):
        assert f"-{key}: '****** (before)'" in lines
        assert f"+{key}: '****** (after)'" in lines


def test_a_secret_that_stays_is_masked_too(config):
    text = difference(config, merge(config, "machine: {type: controlplane}"))
    assert "abc.def" not in text
    assert "******" in text
    assert "(before)" not in text


def test_a_secret_in_a_document_that_is_new(config):
    new = "apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: grpc://10.0.0.1:8090?jointoken=hunter2\n"
    assert "hunter2" not in difference(config, merge(config, new))


@pytest.mark.parametrize(
    ("patch", "reasons"),
    [
        ("machine: {type: controlplane}", ("machine.type changes",)),
        ("machine: {acceptedCAs: {$patch: delete}}", ("machine.acceptedCAs changes",)),
        (
            "machine: {sysctls: {$patch: delete}}",
            ("machine.sysctls.net.ipv4.ip_forward goes away, and only the kernel knows what it was",),
        ),
        ("machine: {sysctls: {net.ipv4.ip_forward: '0'}}", ()),
        ("machine: {install: {image: http://x/y.raucb}}", ()),
        ("machine: {certSANs: [a]}", ()),
        ("kind: HostnameConfig\nhostname: other", ()),
        ("kind: ResolverConfig\n$patch: delete", ()),
    ],
)
def test_what_needs_a_reboot(config, patch, reasons):
    assert reboot_reasons(config, merge(config, patch)) == reasons


def test_the_first_config_needs_none(config):
    maintenance = load("apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n")
    assert reboot_reasons(maintenance, config) == ()
