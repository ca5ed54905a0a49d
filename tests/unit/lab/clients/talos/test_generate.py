"""Secrets of a cluster and machine configs made of them: as Talos has them, accepted by our own schema."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab.clients.talos.generate import TYPES, Cluster, machine_config
from lab.clients.talos.kubepki import client
from lab.clients.talos.pem import Pair
from lab.clients.talos.secrets import ClusterSecrets
from lab.errors import ConfigError, UsageError
from lab.machineconfig import load

VERSIONS = ("1.12.3", "1.13", "v1.14.0-rc.1", "refos")


@pytest.fixture(scope="module")
def secrets() -> ClusterSecrets:
    return ClusterSecrets.create()


def cluster(version: str, disk: str = "/dev/vda") -> Cluster:
    return Cluster(
        name="rack1",
        endpoint="https://10.0.0.10:6443",
        version=version,
        install_disk=disk,
        sans=("10.0.0.11",),
    )


def test_secrets_are_what_talos_has(secrets: ClusterSecrets, tmp_path: Path) -> None:
    data = yaml.safe_load(secrets.dump())
    assert len(base64.urlsafe_b64decode(data["cluster"]["id"])) == 32
    assert len(base64.b64decode(data["cluster"]["secret"])) == 32
    assert len(base64.b64decode(data["secrets"]["secretboxencryptionsecret"])) == 32
    for token in (data["secrets"]["bootstraptoken"], data["trustdinfo"]["token"]):
        assert [len(part) for part in token.split(".")] == [6, 16]
    for pair, organization in ((secrets.etcd, "etcd"), (secrets.kubernetes, "kubernetes")):
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        assert certificate.subject.rfc4514_string() == f"O={organization}"
        assert pair.key.startswith(b"-----BEGIN EC PRIVATE KEY-----")
        assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert secrets.machine.key.startswith(b"-----BEGIN ED25519 PRIVATE KEY-----")
    account = load_pem_private_key(secrets.service_account, None)
    assert isinstance(account, rsa.RSAPrivateKey)
    assert account.key_size == 4096
    (tmp_path / "secrets.yaml").write_text(secrets.dump())
    assert ClusterSecrets.load(tmp_path / "secrets.yaml") == secrets
    assert "KEY" not in repr(secrets)


def test_wrong_secrets_are_told_with_their_lines(secrets: ClusterSecrets, tmp_path: Path) -> None:
    data = yaml.safe_load(secrets.dump())
    data["certs"]["os"]["key"] = "###"
    del data["trustdinfo"]
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(ConfigError) as told:
        ClusterSecrets.load(tmp_path / "s.yaml")
    said = str(told.value)
    assert "certs.os.key: not base64 of PEM" in said
    assert "trustdinfo.token: missing" in said


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", TYPES)
def test_our_own_schema_takes_each_config(secrets: ClusterSecrets, version: str, kind: str) -> None:
    text = machine_config(cluster(version), secrets, kind, "node-1")
    config = load(text)
    assert config.hostname == "node-1"
    # A worker of Talos has no key of the authority: a control plane node signs for it
    assert config.complete is (kind == "controlplane" or version == "refos")
    assert config.install is not None
    assert config.install.disk == "/dev/vda"
    for private in (secrets.kubernetes, secrets.etcd, secrets.aggregator):
        has = base64.b64encode(private.key).decode() in text
        assert has is (kind == "controlplane" and version != "refos")
    if version == "refos":
        assert config.ignored == ()


def test_versions_differ_where_talos_does(secrets: ClusterSecrets) -> None:
    old = load(machine_config(cluster("1.12.3"), secrets, "worker"))
    new = load(machine_config(cluster("v1.14.0-rc.1"), secrets, "worker"))
    assert "install" in (old.find("") or {})["machine"]
    assert "install" not in (new.find("") or {})["machine"]
    images = [config.install.image for config in (old, new) if config.install is not None]
    assert images == [f"ghcr.io/siderolabs/installer:v{v}" for v in ("1.12.3", "1.14.0-rc.1")]
    assert load(machine_config(cluster("1.13"), secrets, "worker", "")).hostname is None
    assert load(machine_config(cluster("1.14", ""), secrets, "worker")).install is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"version": "1.11"}, r"version 1\.11: configs are made for 1\.12, 1\.13, 1\.14, refos"),
        ({"version": "latest"}, "version latest"),
        ({"endpoint": "http://10.0.0.1:6443"}, "endpoint http:.*write a URL like https"),
        ({"endpoint": "https://[::1"}, "write a URL like https"),
        ({"endpoint": "https://host"}, "write a URL like https"),
        ({"kubernetes": "1.34"}, r"Kubernetes 1\.34: write a version like"),
    ],
)
def test_options_that_no_node_could_use(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Cluster(**{"name": "c", "endpoint": "https://10.0.0.1:6443", **options})  # type: ignore[arg-type]


def test_authority_that_cannot_be_read(secrets: ClusterSecrets) -> None:
    for pair in (Pair(b"x", b"y"), Pair(secrets.kubernetes.certificate, secrets.service_account)):
        with pytest.raises(UsageError, match="authority"):
            client(pair, organization="o", common_name="c", valid=timedelta(days=1))
