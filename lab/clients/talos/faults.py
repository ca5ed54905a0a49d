"""What sockets and TLS say, in words that name the mending."""

import errno
import socket
import ssl

from cryptography.exceptions import InvalidSignature

from lab.clients.talos.errors import NodeAccessDenied, NodeError, NodeNotTrusted, NodeUnreachable
from lab.clients.talos.pem import expiry, read_certificate
from lab.clients.talos.tls import Credentials, Maintenance, MutualTls
from lab.errors import LabError

# X.509 verification results (openssl/x509_vfy.h)
_EXPIRED, _NOT_YET = 10, 9
_WRONG_NAME = (62, 64)
_FOREIGN = (2, 7, 18, 19, 20, 21)

_ENDED = "ended the connection before it answered"
_RENEW = "a new one: bootlab node talosconfig, with the authority of the node"

_OSERRORS = {
    errno.ECONNREFUSED: "nothing listens there: it still boots, or its API is off",
    errno.EHOSTUNREACH: "no such host in its network: is it powered, and is the address right?",
    errno.ENETUNREACH: "this host has no route to it",
    errno.ETIMEDOUT: "it does not answer: is it powered, and is the address right?",
    errno.ECONNRESET: "it ended the connection: it restarts, or what listens there is no node",
}
# What a server says of a client's certificate (TLS alerts, as OpenSSL names them)
_ALERTS = {
    "CERTIFICATE_EXPIRED": "calls our certificate expired",
    "UNKNOWN_CA": "does not know who signed our certificate",
    "BAD_CERTIFICATE": "refuses our certificate",
    "CERTIFICATE_UNKNOWN": "refuses our certificate",
    "UNSUPPORTED_CERTIFICATE": "refuses our certificate: it must be for clients and nothing else",
    "DECRYPT_ERROR": "does not know who signed our certificate",  # same name, other key
    "CERTIFICATE_REQUIRED": "demands a certificate",
    "HANDSHAKE_FAILURE": "demands a certificate, or has no cipher in common with us",
}


def from_os_error(node: str, exc: OSError, credentials: Credentials) -> LabError:
    """The error for a connection that could not be made, or was lost for a reason."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return _not_verified(node, exc, credentials)
    if isinstance(exc, ssl.SSLError):
        return _alert(node, exc, credentials)
    if isinstance(exc, socket.gaierror):
        return NodeUnreachable(node, f"the name is not known: {exc.strerror}")
    if isinstance(exc, TimeoutError) and not exc.errno:
        return NodeUnreachable(node, _OSERRORS[errno.ETIMEDOUT])
    # asyncio says nothing where the connection ends during the handshake
    words = _OSERRORS.get(exc.errno or 0, exc.strerror or _OSERRORS[errno.ECONNRESET])
    return NodeUnreachable(node, words)


def turned_away(node: str, credentials: Credentials) -> LabError:
    """The error for a connection that ended after the handshake and before any answer, with no reason given.

    A server on Python's asyncio (refos) ends it so where it refuses our certificate: it sends no alert.
    """
    if isinstance(credentials, Maintenance):
        return NodeAccessDenied(node, f"{_ENDED}: it may be configured already; then leave out --insecure")
    fault = own_fault(credentials)
    if fault:
        return NodeAccessDenied(node, f"{_ENDED}: {fault}; {_RENEW}")
    return NodeUnreachable(
        node, f"{_ENDED}: it restarts, or our certificate is of another authority than its"
    )


def own_fault(credentials: MutualTls) -> str:
    """What is wrong with the certificate that we show, as far as it can be seen from here; "" for nothing."""
    over, sentence = expiry(credentials.client.certificate, "our certificate")
    if over:
        return sentence
    ours = read_certificate(credentials.client.certificate, "our certificate")
    try:
        ours.verify_directly_issued_by(read_certificate(credentials.ca, "the authority"))
    except (ValueError, TypeError, InvalidSignature):
        return "our certificate is not signed by the authority of our talosconfig"
    return ""


def _not_verified(node: str, exc: ssl.SSLCertVerificationError, credentials: Credentials) -> LabError:
    if isinstance(credentials, Maintenance):
        return NodeNotTrusted(
            node, f"is not the machine of that console: {exc.args[1]}; compare the address with the console"
        )
    code, said = exc.verify_code, exc.verify_message
    if code in (_EXPIRED, _NOT_YET):
        over, sentence = expiry(credentials.ca, "the talosconfig's authority")
        mending = sentence if over else "compare the clocks of both, or reset the node"
        return NodeNotTrusted(node, f"its certificate does not hold ({said}): {mending}")
    if code in _WRONG_NAME:
        return NodeNotTrusted(
            node, f"its certificate is not for this address ({said}): add the address to machine.certSANs"
        )
    if code in _FOREIGN:
        return NodeNotTrusted(
            node,
            f"its certificate is not signed by the talosconfig's authority ({said}): it is in maintenance "
            "(use --insecure with the console's --fingerprint), or belongs to another lab",
        )
    return NodeNotTrusted(node, f"its certificate does not hold: {said}")


def _alert(node: str, exc: ssl.SSLError, credentials: Credentials) -> LabError:
    reason = (exc.reason or str(exc)).upper()
    said = next((words for alert, words in _ALERTS.items() if alert in reason), "")
    if said and isinstance(credentials, Maintenance):
        return NodeAccessDenied(node, f"{said}: it is configured already; leave out --insecure")
    if said and isinstance(credentials, MutualTls):
        mending = own_fault(credentials) or "compare the clocks of both, and the authorities of both"
        return NodeAccessDenied(node, f"{said}: {mending}; {_RENEW}")
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason:
        return NodeUnreachable(node, "what listens there does not speak TLS: is the port right?")
    return NodeError(node, f"TLS failed: {exc.reason or exc}")
