"""The client against the API that refos answers, over real TLS, with the machine below in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.clients.talos import (
    ApplyMode,
    CertificateAuthority,
    Maintenance,
    MutualTls,
    Node,
    NodeAccessDenied,
    NodeError,
    NodeNotTrusted,
    NodeRefused,
    NotOffered,
    talosconfig,
)
from lab.refos.guest.model import Packet
from lab.refos.guest.settings import Personality
from lab.testing.live_node import LiveNode, config_text, live_node, rebooting_nodes
from lab.testing.machine_platform import FROM_NETWORK, MemoryPlatform, MemorySlots
from lab.testing.machine_server import client_of


@pytest.fixture(scope="module")
def config(authority: CertificateAuthority) -> str:
    return config_text(authority)


@pytest.fixture(scope="module")
def configured(config: str) -> Iterator[LiveNode]:
    with live_node(config) as found:
        yield found


@pytest.fixture(scope="module")
def node(configured: LiveNode, admin: MutualTls) -> Iterator[Node]:
    with Node(configured.address, admin) as found:
        found.wait_ready(60)
        yield found


def test_from_maintenance_to_mutual_tls(config: str, admin: MutualTls) -> None:
    with live_node() as machine:
        with pytest.raises(NodeNotTrusted), Node(machine.address, admin) as early:
            early.version()
        with pytest.raises(NodeNotTrusted), Node(machine.address, Maintenance("A" * 43 + "=")) as other:
            other.apply(config)
        assert "config" not in machine.platform.store.texts
        with Node(machine.address, Maintenance(machine.fingerprint)) as before:
            assert before.machine_status().stage == "maintenance"
            assert before.version().tag == "v1.0.0"
            with pytest.raises(NodeAccessDenied, match="give the node its configuration first"):
                before.reboot()
            before.apply(config)
        with Node(machine.address, admin) as after:
            assert after.wait_ready(60).stage == "running"
            assert "ResolverConfig" in after.machine_config()
        with (
            pytest.raises(NodeAccessDenied, match="leave out --insecure"),
            Node(machine.address, Maintenance()) as late,
        ):
            late.version()


def test_old_maintenance_says_little(config: str) -> None:
    with (
        live_node(personality=Personality.V1_12) as machine,
        Node(machine.address, Maintenance(machine.fingerprint)) as node,
    ):
        with pytest.raises(NotOffered, match=r"Talos up to 1\.12 takes a configuration"):
            node.version()
        assert [disk.device_name for disk in node.call(node.client.disks)] == ["/dev/vda"]
        node.apply(config)


def test_what_can_be_looked_at(node: Node) -> None:
    assert node.version().arch == "arm64"
    assert node.machine_status().ready
    assert node.resolvers().servers == ("127.0.0.1",)
    assert node.statistics().context_switches == 7
    assert [mount.mounted_on for mount in node.mounts()] == ["/state"]
    assert "apid" in [service.id for service in node.services()]
    assert node.read("/etc/hostname") == b"refos\n"
    assert "etc/hostname" in [entry.relative_name for entry in node.listing("/", depth=3)]
    lines = b"".join(node.each(node.client.dmesg()))
    assert b"Booting Linux" in lines
    assert b"a device" in lines
    assert b"".join(node.each(node.client.logs("apid"))) is not None


def test_events_from_the_beginning(node: Node) -> None:
    for event in node.events(tail=-1):
        assert not event.fault
        if event.kind == "MachineStatusEvent" and event.fields["status"]["ready"]:
            break
    assert event.fields["stage"] == "RUNNING"


def test_watch_begins_with_what_there_is(node: Node) -> None:
    changes = node.each(node.client.resources.watch("runtime", "MachineStatuses.runtime.talos.dev"))
    first = next(changes)
    assert first.kind == "created"
    assert first.resource is not None
    assert next(changes).kind == "bootstrapped"
    changes.close()  # type: ignore[attr-defined]


def test_stream_that_outlives_its_node(configured: LiveNode, admin: MutualTls) -> None:
    with Node(configured.address, admin) as node:
        lines = node.each(node.client.dmesg(follow=True))
        assert b"Booting Linux" in next(lines)
    lines.close()  # type: ignore[attr-defined]
    assert list(lines) == []


def test_capture_is_a_pcap_file(node: Node, configured: LiveNode) -> None:
    configured.platform.observer.packets = [Packet(1_000_000, b"\xff" * 60, 60)]
    pieces = node.each(node.client.capture("eth0", snap_len=32))
    found = next(pieces) + next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert found[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1")
    assert found.endswith(b"\xff" * 32)
    with pytest.raises(NodeError, match="eth7: no such interface"):
        list(node.each(node.client.capture("eth7")))


def test_dry_run_says_the_difference_and_changes_nothing(node: Node, config: str) -> None:
    applied = node.apply(config.replace("address: 127.0.0.1", "address: 192.0.2.53"), dry_run=True)
    assert "+" in applied.details
    assert "192.0.2.53" in applied.details
    assert node.resolvers().servers == ("127.0.0.1",)


def test_staged_config_waits_for_the_next_boot(node: Node, config: str) -> None:
    changed = config.replace("address: 127.0.0.1", "address: 192.0.2.54")
    assert node.apply(changed, ApplyMode.STAGED).mode is ApplyMode.STAGED
    assert node.resolvers().servers == ("127.0.0.1",)
    assert "192.0.2.54" in node.machine_config("persistent")
    node.apply(config)


def test_config_with_faults_is_refused_whole(node: Node, config: str) -> None:
    with pytest.raises(NodeRefused, match=r"(?s)invalid_argument.*nosuchkey") as refused:
        node.apply(config + "---\napiVersion: v1alpha1\nkind: HostnameConfig\nnosuchkey: 1\n")
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("role", ["os:reader", "os:operator"])
def test_lower_roles_look_and_do_not_touch(
    configured: LiveNode, authority: CertificateAuthority, config: str, role: str
) -> None:
    with Node(configured.address, client_of(authority, role)) as node:
        assert node.machine_status().ready
        assert node.boot_mark().startswith("boot time")
        for forbidden in (
            lambda: node.reset(),
            lambda: node.apply(config),
            lambda: node.read("/etc/hostname"),
            lambda: list(node.upgrade("bundle:v2.0.0")),
            lambda: node.rollback(),
        ):
            with pytest.raises(NodeAccessDenied, match=f"has the role {role}; make one with a higher role"):
                forbidden()
    assert configured.platform.left == []


def test_foreign_and_expired_certificates_are_told_apart(
    configured: LiveNode, authority: CertificateAuthority
) -> None:
    expired = Node(configured.address, client_of(authority, days=-2))
    with pytest.raises(NodeAccessDenied, match="our certificate expired on"), expired:
        expired.version()
    other = CertificateAuthority.create("other")
    credentials = MutualTls(authority.pair.certificate, other.issue_client("os:admin"))
    foreign = Node(configured.address, credentials)
    with pytest.raises(NodeAccessDenied, match="not signed by the authority"), foreign:
        foreign.version()


def test_install_from_the_network(config: str, admin: MutualTls) -> None:
    platform = MemoryPlatform(slots=MemorySlots(FROM_NETWORK))
    with live_node(config, platform=platform) as machine, Node(machine.address, admin) as node:
        node.wait_ready(60)
        said = [progress.message for progress in node.install("bundle:v1.0.0", "/dev/vda")]
        assert "writing to /dev/vda" in said
        assert platform.slots.done == ["install bundle:v1.0.0 /dev/vda"]


@pytest.mark.parametrize("personality", list(Personality), ids=[p.value for p in Personality])
def test_upgrade_the_way_that_the_version_has(
    config: str, admin: MutualTls, personality: Personality
) -> None:
    with live_node(config, personality) as machine, Node(machine.address, admin) as node:
        node.wait_ready(60)
        stages = [progress.stage for progress in node.upgrade("bundle:v2.0.0")]
        if personality is Personality.V1_12:
            assert stages == ["request"]
        else:
            assert [*dict.fromkeys(stages)] == ["pull", "write", "reboot"]


def test_bad_image_leaves_the_booted_slot(config: str, admin: MutualTls) -> None:
    with live_node(config) as machine, Node(machine.address, admin) as node:
        node.wait_ready(60)
        with pytest.raises(NodeError, match="signature verification failed"):
            list(node.upgrade("bad:v2.0.0"))
        assert machine.platform.slots.done == []
        assert machine.platform.left == []


def test_upgrade_and_rollback_through_reboots(tmp_path: Path) -> None:
    with rebooting_nodes(tmp_path) as (address,):
        context = talosconfig.load(tmp_path / "talosconfig").context()
        with Node(address, MutualTls(context.ca, context.client)) as node:
            node.wait_ready(60)
            mark = node.boot_mark()
            list(node.upgrade("http://lab/refos-2.0.0.raucb"))
            node.wait_ready(60, other_than=mark)
            assert node.version().tag == "2.0.0"
            mark = node.boot_mark()
            node.rollback()
            node.wait_ready(60, other_than=mark)
            assert node.version().tag == "1.0.0"
            with pytest.raises(NodeError, match=r"is not ready after 0\.5 s: it has not rebooted"):
                node.wait_ready(0.5, other_than=node.boot_mark())
