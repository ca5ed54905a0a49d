"""The certificate of the API: real files, real handshakes, made by openssl where it is not ours."""

import os
import socket
import ssl
import stat
import subprocess
import threading
from ipaddress import IPv4Address

import pytest

from pxe.errors import ServiceError
from pxe.net.tls import OWN_KEY, open_tls
from pxe.settings import OWN_CERT, TlsSettings

HERE = IPv4Address("10.99.0.1")


@pytest.fixture
def openssl(tmp_path):
    """Make a certificate and key by hand; `when` as of `openssl x509 -not_before/-not_after`."""

    def make(name="cert", days=None, password=""):
        cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        argv += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=lab", "-days", str(days or 10)]
        argv += ["-passout", f"pass:{password}"] if password else ["-nodes"]
        subprocess.run(argv, check=True, capture_output=True)
        return TlsSettings(cert=cert, key=key)

    return make


def shake_hands(tls, *, trust, name):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        serving = threading.Thread(target=lambda: tls.context.wrap_socket(theirs, server_side=True).close())
        serving.start()
        client = ssl.create_default_context(cafile=trust)
        with client.wrap_socket(ours, server_hostname=name) as wrapped:
            version = wrapped.version()
        serving.join(30)
    return version


def test_our_own_is_made_once_and_is_for_our_addresses(tmp_path):
    first = open_tls(TlsSettings(), tmp_path, [HERE])
    assert first.cert == tmp_path / OWN_CERT
    assert stat.S_IMODE(os.stat(tmp_path / OWN_KEY).st_mode) == 0o600
    for name in ("10.99.0.1", "127.0.0.1", "localhost"):
        assert shake_hands(first, trust=first.cert, name=name) == "TLSv1.3"
    assert open_tls(TlsSettings(), tmp_path, [HERE]).fingerprint == first.fingerprint
    other = open_tls(TlsSettings(), tmp_path, [IPv4Address("10.98.0.1")])
    assert other.fingerprint != first.fingerprint


def test_openssl_prints_the_same_fingerprint(tmp_path):
    tls = open_tls(TlsSettings(), tmp_path, [HERE])
    argv = ["openssl", "x509", "-in", str(tls.cert), "-noout", "-fingerprint", "-sha256"]
    assert subprocess.check_output(argv, text=True).strip().endswith(f"={tls.fingerprint}")


def test_a_pair_of_files(tmp_path, openssl):
    assert ":" in open_tls(openssl(), tmp_path, []).fingerprint


def refused(tmp_path, settings, *words):
    with pytest.raises(ServiceError) as caught:
        open_tls(settings, tmp_path, [])
    for word in words:
        assert word in str(caught.value)


def test_a_key_of_another_certificate(tmp_path, openssl):
    mixed = TlsSettings(cert=openssl("a").cert, key=openssl("b").key)
    refused(tmp_path, mixed, "b.key does not belong to the certificate", "a.pem")


def test_files_that_cannot_be_read(tmp_path, openssl):
    good = openssl()
    refused(
        tmp_path, TlsSettings(cert=tmp_path / "no", key=good.key), "cannot read the certificate", "No such"
    )
    refused(tmp_path, TlsSettings(cert=good.cert, key=tmp_path / "no"), "cannot read the key", "No such")
    refused(tmp_path, TlsSettings(cert=good.key, key=good.key), "not a certificate in PEM format")
    refused(tmp_path, TlsSettings(cert=good.cert, key=good.cert), "is no PEM key")


def test_an_encrypted_key_is_said_to_be_one(tmp_path, openssl):
    refused(tmp_path, openssl(password="secret"), "is encrypted")


def test_an_expired_certificate(tmp_path, openssl, monkeypatch):
    good = openssl(days=1)
    import pxe.net.tls as module

    class Later(module.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + shift

    monkeypatch.setattr(module, "datetime", Later)
    shift = module.timedelta(days=2)
    refused(tmp_path, good, "expired on", "renew it")
    shift = module.timedelta(days=-2)
    refused(tmp_path, good, "valid from", "is the clock right?")
