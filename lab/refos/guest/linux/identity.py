"""The server's certificate: Ed25519, issued by the `openssl` program, one call each.

The guest has no cryptography package: importing it costs more of a boot than this program.
"""

import base64
import hashlib
import os
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from lab.machineconfig.model import Authority
from lab.refos.guest.linux.command import run
from lab.refos.guest.model import Identity, PlatformError

_DAYS = 365
# SubjectPublicKeyInfo of an Ed25519 key: this, then 32 bytes (RFC 8410 section 4)
_SPKI = bytes.fromhex("302a300506032b6570032100")


async def issue(
    folder: Path, authority: Authority | None, accepted: Sequence[bytes], names: Sequence[str]
) -> Identity:
    """Issue a certificate in `folder` (private to us), the key kept from one call to the next.

    Self-signed where there is no authority; else signed by it, and clients must have one of its, or of those
    `accepted`. Raises PlatformError where openssl refuses.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, certificate = folder / "server.key", folder / "server.crt"
    new_key = not key.exists()
    command = ["openssl", "req", "-x509", "-out", str(certificate), "-days", str(_DAYS), "-subj", "/O=refos"]
    command += ["-newkey", "ed25519", "-noenc", "-keyout"] if new_key else ["-key"]
    command += [str(key), *_extensions(names)]
    ca_key = folder / "ca.key"
    try:
        if authority is not None:
            (folder / "ca.crt").write_bytes(authority.crt)
            ca_key.touch(mode=0o600)
            ca_key.write_bytes(_standard_label(authority.key))
            command += ["-CA", str(folder / "ca.crt"), "-CAkey", str(ca_key)]
        await run(command, environment={**os.environ, "OPENSSL_CONF": os.devnull})
    finally:
        ca_key.unlink(missing_ok=True)
    return _identity(certificate, key, authority, accepted)


def _extensions(names: Sequence[str]) -> list[str]:
    entries = ["IP:127.0.0.1", *dict.fromkeys(_entry(name) for name in names)]
    found = [
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth",
        "subjectAltName=" + ",".join(dict.fromkeys(entries)),
    ]
    return [word for extension in found for word in ("-addext", extension)]


def _entry(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _standard_label(key: bytes) -> bytes:
    """Talos writes `ED25519 PRIVATE KEY` around what is PKCS #8; openssl knows it as `PRIVATE KEY`."""
    return key.replace(b" ED25519 PRIVATE KEY", b" PRIVATE KEY")


def _identity(
    certificate: Path, key: Path, authority: Authority | None, accepted: Sequence[bytes]
) -> Identity:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    try:
        context.load_cert_chain(certificate, key)
        if authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            for pem in (authority.crt, *accepted):
                context.load_verify_locations(cadata=pem.decode("ascii", "replace"))
    except ssl.SSLError as error:
        raise PlatformError(f"machine.ca or machine.acceptedCAs: {error}") from None
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return Identity(context, fingerprint(der))


def fingerprint(der: bytes) -> str:
    """Return base64(SHA-256(SubjectPublicKeyInfo)) of an Ed25519 certificate."""
    start = der.find(_SPKI)
    if start < 0:
        raise PlatformError("the certificate has no Ed25519 key")
    spki = der[start : start + len(_SPKI) + 32]
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
