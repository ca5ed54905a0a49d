"""TLS to a node: mutual once it is configured, pinned to a fingerprint before that."""

import os
import ssl
from dataclasses import dataclass, field

from lab.clients.talos.pem import Pair, fingerprint, openssl_key, role_of


@dataclass(frozen=True)
class MutualTls:
    """Both sides show a certificate of the same authority; one context for any number of nodes."""

    ca: bytes
    client: Pair
    context: ssl.SSLContext = field(init=False, repr=False, compare=False)
    role: str = field(init=False, default="")

    def __post_init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca.decode("ascii"))
        load_pair(context, self.client)
        object.__setattr__(self, "context", _http2(context))
        object.__setattr__(self, "role", role_of(self.client.certificate))


@dataclass(frozen=True)
class Maintenance:
    """A node without a configuration: its certificate is self-signed, so its key must be the expected one.

    `fingerprint` is what the node printed on its console; "" trusts whoever answers.
    """

    fingerprint: str = ""
    context: ssl.SSLContext = field(init=False, repr=False, compare=False)
    role: str = field(init=False, default="")

    def __post_init__(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if self.fingerprint:
            context.sslobject_class = _pinned(self.fingerprint)
        object.__setattr__(self, "context", _http2(context))


Credentials = MutualTls | Maintenance


def _http2(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])  # Go's gRPC refuses a client that does not say so
    return context


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Have the context show this certificate; ssl takes files only, and the key is not written to a disk."""
    descriptor = os.memfd_create("pair")
    try:
        os.write(descriptor, openssl_key(pair.key) + b"\n" + pair.certificate)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _pinned(expected: str) -> type[ssl.SSLObject]:
    class Pinned(ssl.SSLObject):
        """Fails the handshake where the server's public key is not the expected one."""

        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True)
            found = fingerprint(certificate) if certificate else "none"
            if found != expected:
                raise ssl.SSLCertVerificationError(
                    1, f"the key's fingerprint is {found}, expected was {expected}"
                )

    return Pinned
