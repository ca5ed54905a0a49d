"""Keys of a cluster beside the machine API's: ECDSA P-256 and RSA, as Talos has them for Kubernetes and etcd.

PEM blocks are those of OpenSSL's older names (`EC PRIVATE KEY`, `RSA PRIVATE KEY`).
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.clients.talos.pem import Pair
from lab.errors import UsageError

_RSA_BITS = 4096
_SLACK = timedelta(days=1)  # a board without a real-time clock may be behind


def authority(*, organization: str = "", common_name: str = "", valid: timedelta) -> Pair:
    """Make an authority of ECDSA P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(organization, common_name)
    certificate = (
        _builder(subject, subject, key.public_key(), valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    return Pair(certificate.public_bytes(Encoding.PEM), _pem(key))


def client(signer: Pair, *, organization: str, common_name: str, valid: timedelta) -> Pair:
    """Issue a client's certificate by such an authority. Raises UsageError where that cannot be read."""
    try:
        issuer = x509.load_pem_x509_certificate(signer.certificate)
        signing = load_pem_private_key(signer.key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise UsageError(f"the cluster's authority cannot be read: {exc}") from exc
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise UsageError("the key of the cluster's authority is not ECDSA")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(organization, common_name), issuer.subject, key.public_key(), valid)
        .add_extension(_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signing, SHA256())
    )
    return Pair(certificate.public_bytes(Encoding.PEM), _pem(key))


def service_account_key() -> bytes:
    """Make the key that signs the tokens of service accounts: RSA, 4096 bits."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _name(organization: str, common_name: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, valid: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + valid)
    )


def _usage(*, signs: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
