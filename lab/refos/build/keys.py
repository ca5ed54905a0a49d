"""The lab's own authority for update bundles: made at first use, kept in the lab's state folder.

A bundle is signed with the signer's key; an image trusts the authority. Whoever has the keys can install
anything on the lab's nodes: they are readable to their owner alone, and never part of an image.
"""

import datetime
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.cache import state_dir
from lab.errors import InfrastructureError

_YEARS = 20
_SIGN_ONLY = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Files of an authority: `certificate` and `key` sign bundles, `keyring` is what images trust."""

    folder: Path

    @property
    def keyring(self) -> Path:
        """The authority's certificate, PEM."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The signer's certificate, PEM."""
        return self.folder / "signer.pem"

    @property
    def key(self) -> Path:
        """The signer's private key, PEM, 0600."""
        return self.folder / "signer-key.pem"


def signing_keys(folder: Path | None = None) -> SigningKeys:
    """Return the keys of `folder` (by default `refos-keys` in the lab's state folder), made if missing.

    Raises InfrastructureError where the folder cannot be written.
    """
    keys = SigningKeys(folder or state_dir() / "refos-keys")
    try:
        keys.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (keys.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not keys.keyring.is_file():  # written last
                _make(keys)
    except OSError as exc:
        raise InfrastructureError(f"{keys.folder}: {exc.strerror}; name a folder of yours") from exc
    return keys


def _make(keys: SigningKeys) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bootlab refos authority")])
    authority = (
        _certificate(authority_name, authority_key, authority_name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer_key = ec.generate_private_key(ec.SECP256R1())
    signer_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bootlab refos bundles")])
    signer = (
        _certificate(signer_name, signer_key, authority_name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGN_ONLY, critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    _write_private(keys.folder / "ca-key.pem", authority_key)
    _write_private(keys.key, signer_key)
    keys.certificate.write_bytes(signer.public_bytes(serialization.Encoding.PEM))
    new = keys.folder / "ca.new"
    new.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    new.replace(keys.keyring)


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    # from long ago: a node's clock may be behind
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365 * _YEARS)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
