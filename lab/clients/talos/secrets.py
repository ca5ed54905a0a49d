"""All that is secret in a cluster: made once, kept in a file with the keys of `talosctl gen secrets`."""

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import yaml

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.kubepki import authority, service_account_key
from lab.clients.talos.pem import Pair, read_certificate, read_key
from lab.config.yamlfile import Document, read_yaml
from lab.errors import UsageError

_VALID = timedelta(days=3650)
_TOKEN = string.ascii_lowercase + string.digits
_TEXTS = {
    "cluster_id": ("cluster", "id"),
    "cluster_secret": ("cluster", "secret"),
    "bootstrap_token": ("secrets", "bootstraptoken"),
    "secretbox_key": ("secrets", "secretboxencryptionsecret"),
    "machine_token": ("trustdinfo", "token"),
}
_PAIRS = {
    "etcd": ("certs", "etcd"),
    "kubernetes": ("certs", "k8s"),
    "aggregator": ("certs", "k8saggregator"),
    "machine": ("certs", "os"),
}
_ACCOUNT = ("certs", "k8sserviceaccount")


@dataclass(frozen=True, kw_only=True)
class ClusterSecrets:
    """`machine` signs for the machine API, `kubernetes` and `aggregator` for those of the cluster."""

    cluster_id: str
    cluster_secret: str
    bootstrap_token: str
    secretbox_key: str
    machine_token: str
    etcd: Pair
    kubernetes: Pair
    aggregator: Pair
    machine: Pair
    service_account: bytes

    def __repr__(self) -> str:  # none of it has a place in a log
        return "ClusterSecrets()"

    @classmethod
    def create(cls, valid: timedelta = _VALID) -> Self:
        """Make new ones; the authorities hold for `valid`."""
        return cls(
            cluster_id=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            cluster_secret=base64.b64encode(secrets.token_bytes(32)).decode(),
            bootstrap_token=_token(),
            secretbox_key=base64.b64encode(secrets.token_bytes(32)).decode(),
            machine_token=_token(),
            etcd=authority(organization="etcd", valid=valid),
            kubernetes=authority(organization="kubernetes", valid=valid),
            aggregator=authority(common_name="front-proxy", valid=valid),
            machine=CertificateAuthority.create("talos", valid).pair,
            service_account=service_account_key(),
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `dump` wrote. Raises ConfigError with every fault as file, line and key."""
        document = read_yaml(path)
        found: dict[str, Any] = {}
        for name, where in _TEXTS.items():
            found[name] = _text(document, where)
        for name, where in _PAIRS.items():
            pem = [_pem(document, (*where, key)) for key in ("crt", "key")]
            found[name] = Pair(*pem)
        found["service_account"] = _pem(document, (*_ACCOUNT, "key"))
        document.raise_faults()
        try:
            read_certificate(found["machine"].certificate, "crt")
            read_key(found["machine"].key, "key")
        except UsageError as exc:
            document.fault(_PAIRS["machine"], str(exc))
        document.raise_faults()
        return cls(**found)

    def dump(self) -> str:
        """Return it as YAML."""
        data: dict[str, Any] = {"cluster": {}, "secrets": {}, "trustdinfo": {}, "certs": {}}
        for name, (part, key) in _TEXTS.items():
            data[part][key] = getattr(self, name)
        for name, (part, key) in _PAIRS.items():
            data[part][key] = encoded(getattr(self, name))
        data["certs"]["k8sserviceaccount"] = {"key": base64.b64encode(self.service_account).decode()}
        text: str = yaml.safe_dump(data, sort_keys=False)
        return text


def encoded(pair: Pair, *, key: bool = True) -> dict[str, str]:
    """A certificate and its key as a machine config has them; without the key it is empty, not missing."""
    crt, secret = (base64.b64encode(pem).decode() for pem in (pair.certificate, pair.key))
    return {"crt": crt, "key": secret if key else ""}


def _token() -> str:
    """Six and sixteen characters, as kubeadm's tokens are."""
    return ".".join("".join(secrets.choice(_TOKEN) for _ in range(count)) for count in (6, 16))


def _at(document: Document, where: tuple[str, ...]) -> Any:
    value: Any = document.data
    for key in where:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(document: Document, where: tuple[str, ...]) -> str:
    value = _at(document, where)
    if isinstance(value, str) and value:
        return value
    document.fault(where, "missing, or not text")
    return ""


def _pem(document: Document, where: tuple[str, ...]) -> bytes:
    text = _text(document, where)
    try:
        pem = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        pem = b""
    if text and not pem.startswith(b"-----BEGIN "):
        document.fault(where, "not base64 of PEM")
    return pem
