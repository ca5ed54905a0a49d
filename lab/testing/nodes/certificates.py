"""Server certificates of a fleet: one for each 64 neighbours, for a context of OpenSSL's own takes 30 kB.

A node in maintenance, and one whose configuration brought an authority of its own, has its own certificate.
"""

import ssl
from collections.abc import Callable, Sequence

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.pem import Pair, fingerprint
from lab.clients.talos.tls import load_pair
from lab.errors import UsageError
from lab.machineconfig.model import Authority
from lab.refos.guest.model import Identity, PlatformError

BLOCK = 64


class Certificates:
    """Issues what the nodes listen with, by the fleet's authority; `names_of(block)` are a block's names."""

    def __init__(self, authority: CertificateAuthority, names_of: Callable[[int], Sequence[str]]) -> None:
        self._authority = authority
        self._names_of = names_of
        self._identities: dict[int, Identity] = {}

    def identity(self, number: int, wanted: Authority | None, names: Sequence[str]) -> Identity:
        """Return the identity of a node by number; `names` are for one that shares it with nobody.

        Raises PlatformError for an authority that cannot sign.
        """
        if wanted is None:
            alone = CertificateAuthority.create("talos")  # whose key nobody keeps: as good as self-signed
            return _serve(alone.issue_server(names), None)
        if wanted.crt.strip() != self._authority.pair.certificate.strip():
            return self._of_others(wanted, names)
        block = number // BLOCK
        if block not in self._identities:
            self._identities[block] = self._issue(self._names_of(block))
        return self._identities[block]

    @staticmethod
    def _of_others(wanted: Authority, names: Sequence[str]) -> Identity:
        try:
            pair = CertificateAuthority(Pair(wanted.crt, wanted.key)).issue_server(names)
            return _serve(pair, wanted.crt)
        except (UsageError, ValueError, ssl.SSLError) as exc:
            raise PlatformError(f"machine.ca cannot be used: {exc}") from exc

    def _issue(self, names: Sequence[str]) -> Identity:
        return _serve(self._authority.issue_server(names), self._authority.pair.certificate)


def _serve(pair: Pair, clients: bytes | None) -> Identity:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # nobody comes back to a session
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    context.set_alpn_protocols(["h2"])
    load_pair(context, pair)
    return Identity(context, fingerprint(ssl.PEM_cert_to_DER_cert(pair.certificate.decode())))
