"""Several simulated nodes of one cluster: who joins, what a worker refuses, who signs for it."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from lab.clients.talos import CertificateAuthority, Maintenance, MutualTls, Node, NodeRefused, NotOffered
from lab.clients.talos.generate import Cluster, machine_config
from lab.clients.talos.pem import role_of
from lab.clients.talos.secrets import ClusterSecrets
from lab.testing.live_node import Consoles, rebooting_nodes

CLUSTER = Cluster(name="rack1", endpoint="https://127.0.0.1:6443", version="1.13")


@pytest.fixture(scope="module")
def secrets() -> ClusterSecrets:
    return ClusterSecrets.create()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, secrets: ClusterSecrets) -> Iterator[list[Node]]:
    """Two control plane nodes and a worker."""
    consoles = Consoles()
    authority = CertificateAuthority(secrets.machine)
    admin = MutualTls(secrets.machine.certificate, authority.issue_client("os:admin"))
    folder = tmp_path_factory.mktemp("fleet")
    with rebooting_nodes(folder, 3, version="v1.13.0", consoles=consoles) as addresses:
        found = []
        wanted = (("cp1", "controlplane"), ("cp2", "controlplane"), ("w1", "worker"))
        for number, (address, (name, kind)) in enumerate(zip(addresses, wanted, strict=True), 1):
            fingerprint = consoles.fingerprint(f"node-{number:05}")
            with Node(address, Maintenance(fingerprint)) as node:
                assert node.apply(machine_config(CLUSTER, secrets, kind, name)).warnings == ()
            with Node(address, admin) as node:
                node.wait_ready(60)
            found.append(Node(address, admin))
        yield found


def test_a_second_control_plane_node_joins(nodes: list[Node]) -> None:
    with nodes[0] as cp1, nodes[1] as cp2, nodes[2] as w1:
        with pytest.raises(NodeRefused, match="only be performed on a control plane node"):
            w1.call(w1.client.cluster.bootstrap)
        cp1.call(cp1.client.cluster.bootstrap)
        with pytest.raises(NodeRefused, match="already_exists"):
            cp2.call(cp2.client.cluster.bootstrap)
        other = cp2.call(cp2.client.cluster.status)
        first = cp1.call(cp1.client.cluster.status)
        assert other.leader == first.leader
        assert other.member_id != first.member_id
        names = [member.hostname for member in cp1.call(cp1.client.cluster.members)]
        assert names == ["cp1", "cp2"]
        for ask in (w1.client.cluster.members, w1.client.cluster.status, w1.client.cluster.kubeconfig):
            with pytest.raises(NotOffered, match="only available on control plane nodes"):
                w1.call(ask)


def test_kubeconfig_is_of_an_administrator(nodes: list[Node], secrets: ClusterSecrets) -> None:
    with nodes[0] as node:
        found = yaml.safe_load(node.call(node.client.cluster.kubeconfig))
    assert found["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    user = found["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    assert certificate.subject.rfc4514_string() == "CN=admin,O=system:masters"
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(secrets.kubernetes.certificate))


def test_a_node_issues_certificates(nodes: list[Node]) -> None:
    with nodes[0] as node:
        ask = node.client.cluster.client_configuration
        made = node.call(ask, ["os:reader"], 3600)
        assert role_of(made.crt) == "os:reader"
        assert yaml.safe_load(made.talosconfig)["context"] == "rack1"
        with pytest.raises(NodeRefused, match="the role os:king is unknown"):
            node.call(ask, ["os:king"], 3600)
        with pytest.raises(NodeRefused, match="roles: is missing"):
            node.call(ask, [], 3600)
        with pytest.raises(NodeRefused, match="crt_ttl: 0 s"):
            node.call(ask, ["os:reader"], 0)


def test_a_worker_before_its_control_plane_stays_in_maintenance(
    tmp_path: Path, secrets: ClusterSecrets
) -> None:
    consoles = Consoles()
    with rebooting_nodes(tmp_path, version="v1.13.0", consoles=consoles) as (address,):
        node = Node(address, Maintenance(consoles.fingerprint("node-00001")))
        with node:
            applied = node.apply(machine_config(CLUSTER, secrets, "worker", "w1"))
            assert "machine.ca.key is empty" in applied.warnings[0]
            assert node.machine_status().stage == "maintenance"
