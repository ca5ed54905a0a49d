"""The lab's certificate authority for nodes, and who may do what: Ed25519 throughout, as Talos has it.

The role of a client is its certificate's Subject Organization.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.clients.talos.pem import Pair, read_certificate, read_key, talos_key, write_private
from lab.errors import UsageError

ROLES = ("os:admin", "os:operator", "os:reader")
CA_FILES = ("ca.crt", "ca.key")

_CLOCK_SLACK = timedelta(days=1)  # a board without a real-time clock may be behind


@dataclass(frozen=True)
class CertificateAuthority:
    """Signs the certificates of clients and of nodes."""

    pair: Pair

    @classmethod
    def create(cls, name: str = "bootlab", valid: timedelta = timedelta(days=3650)) -> Self:
        """Make a new one."""
        key = Ed25519PrivateKey.generate()
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        builder = (
            _builder(subject, key.public_key(), valid)
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return cls(_pair(builder.sign(key, None), key))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises UsageError with the file and what is wrong with it."""
        contents = []
        for name in CA_FILES:
            try:
                contents.append((folder / name).read_bytes())
            except OSError as exc:
                raise UsageError(
                    f"{folder / name}: {exc.strerror}; `bootlab node ca` makes the lab's authority"
                ) from exc
        read_certificate(contents[0], str(folder / CA_FILES[0]))
        read_key(contents[1], str(folder / CA_FILES[1]))
        return cls(Pair(*contents))

    def save(self, folder: Path) -> None:
        """Write ca.crt and ca.key (mode 0600). Raises UsageError where one is there already."""
        for name, content in zip(CA_FILES, (self.pair.certificate, self.pair.key), strict=True):
            if (folder / name).exists():
                raise UsageError(f"{folder / name} is there already: nodes trust it; it is not overwritten")
            write_private(folder / name, content)

    def issue_client(self, role: str, valid: timedelta = timedelta(days=365)) -> Pair:
        """Issue a client's certificate; `role` as in ROLES. Raises UsageError for another."""
        if role not in ROLES:
            raise UsageError(f"the role {role} is unknown: one of {', '.join(ROLES)}")
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, role)])
        # Talos wants exactly this one extended usage
        return self._issue(subject, valid, ExtendedKeyUsageOID.CLIENT_AUTH, ())

    def issue_server(self, names: Sequence[str], valid: timedelta = timedelta(days=365)) -> Pair:
        """Issue a node's certificate for these addresses and host names."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return self._issue(subject, valid, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def _issue(
        self, subject: x509.Name, valid: timedelta, usage: x509.ObjectIdentifier, names: Sequence[str]
    ) -> Pair:
        authority = read_certificate(self.pair.certificate, "the authority")
        signer = read_key(self.pair.key, "the authority's key")
        key = Ed25519PrivateKey.generate()
        builder = (
            _builder(subject, key.public_key(), valid)
            .issuer_name(authority.subject)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_name(text) for text in names]), critical=False
            )
        return _pair(builder.sign(signer, None), key)


def _builder(subject: x509.Name, key: Ed25519PublicKey, valid: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, now + valid) - _CLOCK_SLACK)
        .not_valid_after(now + valid)
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pair(certificate: x509.Certificate, key: Ed25519PrivateKey) -> Pair:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(certificate.public_bytes(Encoding.PEM), talos_key(pem))
