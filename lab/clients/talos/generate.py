"""Machine configs of a cluster's nodes from its secrets, for Talos 1.12 to 1.14 and for refos.

Only what a cluster needs is said; the rest is the node's own default, such as the versions of Kubernetes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lab.clients.talos.pem import Pair
from lab.clients.talos.secrets import ClusterSecrets, encoded
from lab.errors import UsageError
from lab.machineconfig.config import dump_data

VERSIONS = ("1.12", "1.13", "1.14")
CONTROL_PLANE, WORKER = "controlplane", "worker"
TYPES = (CONTROL_PLANE, WORKER)
REFOS = "refos"

_VERSION = re.compile(r"v?(1\.\d+)(\.\d+(-[0-9A-Za-z.]+)?)?")
_KUBERNETES = re.compile(r"v?(1\.\d+\.\d+(-[0-9A-Za-z.]+)?)")
_POD_SUBNET, _SERVICE_SUBNET = "10.244.0.0/16", "10.96.0.0/12"
_EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What all configs of a cluster share. `endpoint` is Kubernetes' URL; `version` of Talos, or "refos".

    `install_image` "" is that of the version, where it is a whole one such as 1.13.9; else the node's own.
    """

    name: str
    endpoint: str
    version: str = "1.13"
    kubernetes: str = ""
    install_disk: str = ""
    install_image: str = ""
    sans: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise UsageError for what no node could use."""
        found = _VERSION.fullmatch(self.version)
        if self.version != REFOS and (found is None or found[1] not in VERSIONS):
            known = ", ".join((*VERSIONS, REFOS))
            raise UsageError(f"version {self.version}: configs are made for {known}")
        if self.kubernetes and not _KUBERNETES.fullmatch(self.kubernetes):
            raise UsageError(f"Kubernetes {self.kubernetes}: write a version like 1.34.1")
        try:
            url = urlsplit(self.endpoint)
            good = url.scheme == "https" and bool(url.hostname) and url.port is not None
        except ValueError:
            good = False
        if not good:
            raise UsageError(f"endpoint {self.endpoint}: write a URL like https://10.0.0.10:6443")

    @property
    def minor(self) -> str:
        """`1.13`, or `refos`."""
        found = _VERSION.fullmatch(self.version)
        return found[1] if found else REFOS

    @property
    def image(self) -> str:
        """The installer's."""
        found = _VERSION.fullmatch(self.version)
        if self.install_image or found is None or not found[2]:
            return self.install_image
        return f"ghcr.io/siderolabs/installer:v{self.version.removeprefix('v')}"


def machine_config(cluster: Cluster, secrets: ClusterSecrets, kind: str, hostname: str = "") -> str:
    """Return the YAML of one node's config; `kind` is one of TYPES."""
    base: dict[str, Any] = {"version": "v1alpha1"}
    if cluster.version == REFOS:  # which has no cluster, and would warn of each key that it ignores
        base["machine"] = _refos(cluster, secrets)
    else:
        base |= {"debug": False, "persist": True}
        base["machine"] = _machine(cluster, secrets, kind)
        base["cluster"] = _cluster(cluster, secrets, kind)
    name = {"hostname": hostname} if hostname else {"auto": "stable"}
    documents: list[Mapping[str, Any]] = [base, _document("HostnameConfig", name)]
    if _install_document(cluster):
        documents.append(_document("UnattendedInstallConfig", _unattended(cluster)))
    return "---\n".join(dump_data(document) for document in documents)


def _refos(cluster: Cluster, secrets: ClusterSecrets) -> dict[str, Any]:
    """Each node of refos signs for itself, so each has the key of the authority."""
    sans = {"certSANs": list(cluster.sans)} if cluster.sans else {}
    return {"ca": encoded(secrets.machine), **sans, **_install(cluster, {})}


def _machine(cluster: Cluster, secrets: ClusterSecrets, kind: str) -> dict[str, Any]:
    # Who has the key signs for nodes: the control plane alone
    ca = encoded(secrets.machine, key=kind == CONTROL_PLANE)
    machine: dict[str, Any] = {"type": kind, "token": secrets.machine_token, "ca": ca}
    if cluster.sans:
        machine["certSANs"] = list(cluster.sans)
    machine["kubelet"] = {"defaultRuntimeSeccompProfileEnabled": True, "disableManifestsDirectory": True}
    machine["kubelet"] |= _image(cluster, "ghcr.io/siderolabs/kubelet")
    machine["features"] = {
        "diskQuotaSupport": True,
        "kubePrism": {"enabled": True, "port": 7445},
        "hostDNS": {"enabled": True, "forwardKubeDNSToHost": True},
    }
    if kind == CONTROL_PLANE:
        machine["nodeLabels"] = {_EXCLUDE: ""}
    return machine if cluster.minor == "1.14" else machine | _install(cluster, {"grubUseUKICmdline": True})


def _install(cluster: Cluster, more: Mapping[str, Any]) -> dict[str, Any]:
    """Where nothing is said of a disk Talos asks for none in a config, and does not install."""
    if not cluster.install_disk:
        return {}
    image = {"image": cluster.image} if cluster.image else {}
    return {"install": {"disk": cluster.install_disk, **image, "wipe": False, **more}}


def _install_document(cluster: Cluster) -> bool:
    """Since 1.14 a document says it, and the two exclude each other."""
    return cluster.minor == "1.14" and bool(cluster.install_disk)


def _unattended(cluster: Cluster) -> dict[str, Any]:
    provisioning = {"diskSelector": {"match": f'disk.dev_path == "{cluster.install_disk}"'}, "wipe": False}
    return {
        **({"installer": {"image": cluster.image}} if cluster.image else {}),
        "provisioning": provisioning,
    }


def _cluster(cluster: Cluster, secrets: ClusterSecrets, kind: str) -> dict[str, Any]:
    first = kind == CONTROL_PLANE
    found: dict[str, Any] = {
        "id": secrets.cluster_id,
        "secret": secrets.cluster_secret,
        "clusterName": cluster.name,
        "controlPlane": {"endpoint": cluster.endpoint},
        "network": {
            "dnsDomain": "cluster.local",
            "podSubnets": [_POD_SUBNET],
            "serviceSubnets": [_SERVICE_SUBNET],
        },
        "token": secrets.bootstrap_token,
        "ca": encoded(secrets.kubernetes, key=first),
        "discovery": {"enabled": True, "registries": {"kubernetes": {"disabled": True}, "service": {}}},
    }
    return found | _control_plane(cluster, secrets) if first else found


def _control_plane(cluster: Cluster, secrets: ClusterSecrets) -> dict[str, Any]:
    host = urlsplit(cluster.endpoint).hostname or ""
    registry = "registry.k8s.io"
    found: dict[str, Any] = {
        "secretboxEncryptionSecret": secrets.secretbox_key,
        "aggregatorCA": encoded(secrets.aggregator),
        "serviceAccount": {"key": encoded(Pair(b"", secrets.service_account))["key"]},
        "etcd": {"ca": encoded(secrets.etcd)},
        "apiServer": {
            **_image(cluster, f"{registry}/kube-apiserver"),
            "certSANs": list(dict.fromkeys((host, *cluster.sans))),
        },
    }
    if cluster.kubernetes:
        found["controllerManager"] = _image(cluster, f"{registry}/kube-controller-manager")
        found["proxy"] = _image(cluster, f"{registry}/kube-proxy")
        found["scheduler"] = _image(cluster, f"{registry}/kube-scheduler")
    return found


def _image(cluster: Cluster, name: str) -> dict[str, str]:
    return {"image": f"{name}:v{cluster.kubernetes.removeprefix('v')}"} if cluster.kubernetes else {}


def _document(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1alpha1", "kind": kind, **data}
