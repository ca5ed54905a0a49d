"""The certificate of the operator's listener: read and checked, or made for this lab.

One that we make is self-signed: whoever connects compares its fingerprint, which the service logs at start,
or takes the file as the only authority that it trusts.
"""

import logging
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pxe.errors import ServiceError
from pxe.settings import OWN_CERT, TlsSettings

_log = logging.getLogger(__name__)

_OURS = timedelta(days=825)  # what browsers take at most, whoever signed it
_RENEW = timedelta(days=30)
OWN_KEY = "api-key.pem"


@dataclass(frozen=True, kw_only=True)
class Tls:
    """What connections are wrapped in; `fingerprint` as `AB:CD:...`, SHA-256 of the certificate."""

    context: ssl.SSLContext
    cert: Path
    fingerprint: str
    until: datetime


def open_tls(settings: TlsSettings, state_dir: Path, addresses: Sequence[IPv4Address]) -> Tls:
    """Return the certificate that `settings` names, or our own for `addresses`, made where it is missing.

    Raises ServiceError for files that cannot be read, are no certificate or key, do not belong together, or
    for a certificate that has expired or is not valid yet.
    """
    if settings.cert is None or settings.key is None:
        cert, key = _own(state_dir, addresses)
    else:
        cert, key = settings.cert, settings.key
    certificate = _read_cert(cert)
    _check_dates(cert, certificate)
    _read(key, "the key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError) as exc:
        raise ServiceError(_why(cert, key, exc)) from None
    return Tls(
        context=context,
        cert=cert,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        until=certificate.not_valid_after_utc,
    )


def _no_password() -> str:
    raise ValueError("encrypted")  # without this, OpenSSL would ask on the terminal


def _why(cert: Path, key: Path, exc: Exception) -> str:
    if "encrypted" in str(exc):
        return f"the API's key {key} is encrypted; give one without a passphrase"
    if isinstance(exc, ssl.SSLError) and exc.reason == "KEY_VALUES_MISMATCH":
        return f"the API's key {key} does not belong to the certificate {cert}; name a pair"
    return f"the API's key {key} is no PEM key that can be used ({getattr(exc, 'reason', None) or exc})"


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ServiceError(
            f"cannot read {what} of the API, {path}: {exc.strerror}; service.api.tls names it"
        ) from None


def _read_cert(path: Path) -> x509.Certificate:
    data = _read(path, "the certificate")
    try:
        return x509.load_pem_x509_certificate(data)
    except ValueError:
        raise ServiceError(f"the API's certificate {path} is not a certificate in PEM format") from None


def _check_dates(path: Path, certificate: x509.Certificate) -> None:
    now = datetime.now(UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > end:
        raise ServiceError(f"the API's certificate {path} expired on {end:%Y-%m-%d %H:%M} UTC; renew it")
    if now < begin:
        raise ServiceError(
            f"the API's certificate {path} is valid from {begin:%Y-%m-%d %H:%M} UTC on; "
            f"here it is {now:%Y-%m-%d %H:%M} UTC: is the clock right?"
        )


def _own(state_dir: Path, addresses: Sequence[IPv4Address]) -> tuple[Path, Path]:
    """Our certificate and its key in the state folder, made anew where the old one will not do."""
    cert, key = state_dir / OWN_CERT, state_dir / OWN_KEY
    if not (cert.is_file() and key.is_file() and _still_good(_read_cert(cert), addresses)):
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            _make(cert, key, addresses)
        except OSError as exc:
            raise ServiceError(f"cannot write the API's certificate to {state_dir}: {exc.strerror}") from None
        _log.warning(
            "made a new certificate for the API; who trusted an older one must compare anew: %s", cert
        )
    return cert, key


def _still_good(certificate: x509.Certificate, addresses: Sequence[IPv4Address]) -> bool:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = names.get_values_for_type(x509.IPAddress)
    return set(addresses) <= set(known) and certificate.not_valid_after_utc - datetime.now(UTC) > _RENEW


def _make(cert: Path, key: Path, addresses: Sequence[IPv4Address]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bootlab")])
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName(socket.gethostname())]
    names += [x509.IPAddress(address) for address in sorted({*addresses, IPv4Address("127.0.0.1")})]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _OURS)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write(key, private.private_bytes(pem, plain, secret), 0o600)
    _write(cert, certificate.public_bytes(pem), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
