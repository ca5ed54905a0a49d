"""Certificates and keys as PEM: read, judge, write.

Talos names a key's PEM block "ED25519 PRIVATE KEY"; OpenSSL (Python's ssl, a node's openssl program) reads
only "PRIVATE KEY" with the same content.
"""

import base64
import contextlib
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from lab.errors import InfrastructureError, UsageError

_SOON = timedelta(days=14)
_TALOS_KEY = b"ED25519 PRIVATE KEY"
_PLAIN_KEY = b"PRIVATE KEY"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:  # a key has no place in a log
        return f"Pair({self.certificate!r})"


def read_certificate(pem: bytes, what: str) -> x509.Certificate:
    """Parse a PEM certificate. Raises UsageError that begins with `what`."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as exc:
        raise UsageError(f"{what}: not a certificate in PEM: {exc}") from exc


def read_key(pem: bytes, what: str) -> Ed25519PrivateKey:
    """Parse a PEM key, also of the name that Talos gives it. Raises UsageError that begins with `what`."""
    try:
        key = load_pem_private_key(openssl_key(pem), None)
    except (ValueError, TypeError) as exc:  # TypeError: it has a passphrase
        raise UsageError(f"{what}: not a private key in PEM without a passphrase: {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{what}: the key is not Ed25519; nodes of Talos have no other")
    return key


def openssl_key(pem: bytes) -> bytes:
    """A key as OpenSSL reads it."""
    return pem.replace(_TALOS_KEY, _PLAIN_KEY)


def talos_key(pem: bytes) -> bytes:
    """A key as Talos names it."""
    return openssl_key(pem).replace(_PLAIN_KEY, _TALOS_KEY)


def role_of(pem: bytes) -> str:
    """The role that a client's certificate gives; "" for none."""
    subject = read_certificate(pem, "the certificate").subject
    found = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return " ".join(str(attribute.value) for attribute in found)


def fingerprint(certificate: bytes) -> str:
    """base64(SHA-256(SubjectPublicKeyInfo)) of a DER certificate: what a node prints on its console."""
    public = x509.load_der_x509_certificate(certificate).public_key()
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def expiry(pem: bytes, what: str, now: datetime | None = None) -> tuple[bool, str]:
    """Say (is it over, a sentence) of a certificate; the sentence is "" where it lasts two weeks more."""
    moment = now or datetime.now(UTC)
    certificate = read_certificate(pem, what)
    end = certificate.not_valid_after_utc
    if moment < certificate.not_valid_before_utc:
        begin = certificate.not_valid_before_utc
        return True, f"{what} is valid only from {begin:%Y-%m-%d %H:%M} UTC on: is this host's clock right?"
    if moment >= end:
        return True, f"{what} expired on {end:%Y-%m-%d %H:%M} UTC"
    left = end - moment
    if left < _SOON:
        words = f"{left.days} days" if left.days else f"{left.seconds // 3600} hours"
        return False, f"{what} expires on {end:%Y-%m-%d %H:%M} UTC, in {words}"
    return False, ""


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises InfrastructureError: the folder cannot be made, or the disk does not take it.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise InfrastructureError(f"{path}: {exc.strerror}") from exc
