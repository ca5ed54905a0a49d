"""Server certificates of a fleet: one for each 64 neighbours, for a context of OpenSSL's own takes 30 kB."""

import ssl
from collections.abc import Callable, Sequence

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.pem import fingerprint
from lab.clients.talos.tls import load_pair
from lab.machineconfig.model import Authority
from lab.refos.guest.model import Identity, PlatformError

BLOCK = 64


class Certificates:
    """Issues what the nodes listen with, by the fleet's authority; `names_of(block)` are a block's names."""

    def __init__(self, authority: CertificateAuthority, names_of: Callable[[int], Sequence[str]]) -> None:
        self._authority = authority
        self._names_of = names_of
        self._identities: dict[int, Identity] = {}

    def identity(self, number: int, wanted: Authority | None) -> Identity:
        """Return the identity of a node by number. Raises PlatformError for another authority than ours."""
        if wanted is None:
            raise PlatformError("a simulated node has its configuration from the beginning")
        if wanted.crt.strip() != self._authority.pair.certificate.strip():
            raise PlatformError("machine.ca: simulated nodes know the fleet's own authority only")
        block = number // BLOCK
        if block not in self._identities:
            self._identities[block] = self._issue(self._names_of(block))
        return self._identities[block]

    def _issue(self, names: Sequence[str]) -> Identity:
        pair = self._authority.issue_server(names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.num_tickets = 0  # nobody comes back to a session
        context.load_verify_locations(cadata=self._authority.pair.certificate.decode())
        context.set_alpn_protocols(["h2"])
        load_pair(context, pair)
        return Identity(context, fingerprint(ssl.PEM_cert_to_DER_cert(pair.certificate.decode())))
