"""The client against simulated nodes with the manners of Talos 1.12, 1.13 and 1.14: the whole life of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.empty_pb2 import Empty

from lab.clients.talos import (
    ApplyMode,
    CertificateAuthority,
    Maintenance,
    MutualTls,
    Node,
    NodeAccessDenied,
    NodeNotTrusted,
    NodeRefused,
    NotOffered,
)
from lab.clients.talos.generate import Cluster, machine_config
from lab.clients.talos.secrets import ClusterSecrets
from lab.refos.guest.settings import Personality
from lab.testing.live_node import Consoles, rebooting_nodes
from lab.testing.nodes.machine import personality_of

VERSIONS = ("1.12", "1.13", "1.14")
NAME = "node-00001"


@pytest.fixture(scope="module")
def secrets() -> ClusterSecrets:
    return ClusterSecrets.create()


@dataclass
class Fresh:
    """A simulated node in maintenance, and what it shall be."""

    version: str
    address: str
    consoles: Consoles
    secrets: ClusterSecrets

    def config(self, kind: str = "controlplane", name: str = "cp1") -> str:
        cluster = Cluster(name="rack1", endpoint="https://127.0.0.1:6443", version=self.version)
        return machine_config(cluster, self.secrets, kind, name)

    @property
    def before(self) -> Maintenance:
        return Maintenance(self.consoles.fingerprint(NAME))

    @property
    def admin(self) -> MutualTls:
        authority = CertificateAuthority(self.secrets.machine)
        return MutualTls(self.secrets.machine.certificate, authority.issue_client("os:admin"))

    def configured(self) -> Node:
        """Out of maintenance, and ready."""
        with Node(self.address, self.before) as node:
            node.apply(self.config())
        node = Node(self.address, self.admin)
        with node:
            node.wait_ready(60)
        return Node(self.address, self.admin)


@pytest.fixture(params=VERSIONS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path, secrets: ClusterSecrets) -> Iterator[Fresh]:
    consoles = Consoles()
    with rebooting_nodes(tmp_path, version=f"v{request.param}.0", consoles=consoles) as (address,):
        yield Fresh(request.param, address, consoles, secrets)


def test_versions_have_their_manners() -> None:
    assert personality_of("v1.12.9", Personality.V1_14) is Personality.V1_12
    assert personality_of("1.0.0", Personality.V1_13) is Personality.V1_13


def test_maintenance_and_the_fingerprint_of_the_console(fresh: Fresh) -> None:
    with pytest.raises(NodeNotTrusted), Node(fresh.address, Maintenance("B" * 43 + "=")) as other:
        other.apply(fresh.config())
    with Node(fresh.address, fresh.before) as node:
        assert node.machine_status().stage == "maintenance"
        if fresh.version == "1.12":
            for ask in (node.version, node.reset, node.services):
                with pytest.raises(NotOffered, match=r"Talos up to 1\.12"):
                    ask()
            with pytest.raises(NotOffered):
                node.call(node.client.cluster.bootstrap)
        else:
            assert node.version().tag == f"v{fresh.version}.0"
            for refused in (node.reset, lambda: node.call(node.client.cluster.bootstrap)):
                with pytest.raises(NodeAccessDenied, match="give the node its configuration first"):
                    refused()
        assert "hostname: cp1" in node.apply(fresh.config(), dry_run=True).details
        assert node.machine_status().stage == "maintenance"
        assert node.apply(fresh.config(), ApplyMode.REBOOT).mode is ApplyMode.NO_REBOOT
    with Node(fresh.address, fresh.admin) as node:
        assert node.wait_ready(60).stage == "running"


def test_every_mode_of_apply(fresh: Fresh) -> None:
    with fresh.configured() as node:
        renamed = fresh.config(name="cp2")
        assert node.apply(renamed).mode is ApplyMode.NO_REBOOT
        assert node.apply(fresh.config(), ApplyMode.STAGED).mode is ApplyMode.STAGED
        assert "hostname: cp2" in node.machine_config()
        assert "hostname: cp1" in node.machine_config("persistent")
        assert node.apply(fresh.config(), ApplyMode.TRY, try_seconds=600).mode is ApplyMode.TRY
        with pytest.raises(NodeRefused, match="being tried already"):
            node.apply(renamed, ApplyMode.TRY)
        assert node.apply(renamed, ApplyMode.NO_REBOOT).mode is ApplyMode.NO_REBOOT


def test_what_needs_a_reboot(fresh: Fresh) -> None:
    with fresh.configured() as node:
        worker, mark = fresh.config("worker"), node.boot_mark()
        if fresh.version == "1.14":
            with pytest.raises(NotOffered, match="REBOOT"):
                node.apply(worker, ApplyMode.REBOOT)
            assert node.apply(worker).mode is ApplyMode.NO_REBOOT
            return
        with pytest.raises(NodeRefused, match=r"needs a reboot: machine\.type changes"):
            node.apply(worker, ApplyMode.NO_REBOOT)
        assert node.apply(worker).mode is ApplyMode.REBOOT
        node.wait_ready(60, other_than=mark)
        assert "type: worker" in node.machine_config()


def test_upgrade_rollback_and_reset(fresh: Fresh) -> None:
    with fresh.configured() as node:
        mark = node.boot_mark()
        stages = [step.stage for step in node.upgrade("factory.talos.dev/installer/376567988ad3:v1.14.2")]
        assert stages[-1] == ("request" if fresh.version == "1.12" else "reboot")
        node.wait_ready(60, other_than=mark)
        assert node.version().tag == "v1.14.2"
        mark = node.boot_mark()
        node.rollback()
        node.wait_ready(60, other_than=mark)
        assert node.version().tag == f"v{fresh.version}.0"
        said = len(fresh.consoles.lines)
        node.reset(reboot=True)
    fresh.consoles.wait("stage maintenance", after=said)
    with Node(fresh.address, fresh.before) as node:
        assert node.machine_status().stage == "maintenance"


def test_a_node_of_old_falls_back_to_the_older_call(fresh: Fresh) -> None:
    """An image that cannot be: by LifecycleService the caller is told, by MachineService the node stays."""
    with fresh.configured() as node:
        if fresh.version == "1.12":
            with pytest.raises(NotOffered, match=r"Talos offers it since 1\.13"):
                list(node.install("installer:v1.12.1", "/dev/vda"))
            assert [step.stage for step in node.upgrade("no-such-image")] == ["request"]
            fresh.consoles.wait("no-such-image")
        else:
            with pytest.raises(NodeRefused, match="ends with -VERSION or :VERSION"):
                list(node.upgrade("no-such-image"))
        assert node.version().tag == f"v{fresh.version}.0"


def test_etcd_from_bootstrap_to_reset(fresh: Fresh) -> None:
    with fresh.configured() as node:
        cluster = node.client.cluster
        for ask in (cluster.members, cluster.status):
            with pytest.raises(NodeRefused, match=r"failed_precondition.*was not bootstrapped"):
                node.call(ask)
        assert "kind: Config" in node.call(cluster.kubeconfig)
        node.call(cluster.bootstrap)
        with pytest.raises(NodeRefused, match=r"already_exists.*not empty"):
            node.call(cluster.bootstrap)
        assert [member.hostname for member in node.call(cluster.members)] == ["cp1"]
        status = node.call(cluster.status)
        assert status.leader == status.member_id
        snapshot = b"".join(node.each(cluster.snapshot()))
        assert len(snapshot) % 512 == 32
        mark = node.boot_mark()
        node.reboot()
        node.wait_ready(60, other_than=mark)
        assert node.call(cluster.status).member_id == status.member_id
        with pytest.raises(NodeRefused, match="already_exists"):
            node.call(cluster.bootstrap)


def test_nodes_metadata_is_noted_as_deprecated_since_1_14(fresh: Fresh) -> None:
    with fresh.configured() as node:

        async def ask() -> str:
            stub = node.client._machine.Version
            reply = await stub(Empty(), metadata={"nodes": "127.0.0.1"})
            return str(reply.messages[0].metadata.hostname)

        assert node.call(ask) == "127.0.0.1"
        log = b"".join(node.each(node.client.logs("apid")))
        assert (b"`nodes` is deprecated" in log) is (fresh.version == "1.14")
