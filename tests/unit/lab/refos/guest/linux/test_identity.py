"""Certificates issued by the openssl program, held against the cryptography package."""

import asyncio
import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lab.clients.talos import CertificateAuthority
from lab.machineconfig.model import Authority
from lab.refos.guest.linux.identity import fingerprint, issue
from lab.refos.guest.model import PlatformError


def issued(folder, authority=None, names=("n1", "192.0.2.7", "2001:db8::7")):
    identity = asyncio.run(issue(folder, authority, (), names))
    return identity, x509.load_pem_x509_certificate((folder / "server.crt").read_bytes())


def test_a_self_signed_one_and_its_fingerprint(tmp_path):
    identity, certificate = issued(tmp_path / "tls")
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert identity.fingerprint == base64.b64encode(hashlib.sha256(spki).digest()).decode()
    certificate.verify_directly_issued_by(certificate)
    again, _ = issued(tmp_path / "tls")
    assert again.fingerprint == identity.fingerprint, "the key stays"
    assert (tmp_path / "tls/server.key").stat().st_mode & 0o077 == 0


def test_one_of_the_lab(tmp_path):
    pair = CertificateAuthority.create().pair
    _, certificate = issued(tmp_path, Authority(pair.certificate, pair.key))
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pair.certificate))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n1"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "192.0.2.7",
        "2001:db8::7",
    ]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_key_that_is_not_the_authoritys(tmp_path):
    one, other = CertificateAuthority.create().pair, CertificateAuthority.create().pair
    with pytest.raises(PlatformError, match="openssl"):
        issued(tmp_path, Authority(one.certificate, other.key))


def test_what_is_no_certificate_of_ours():
    with pytest.raises(PlatformError, match="no Ed25519 key"):
        fingerprint(b"nothing")
