"""Who is trusted, and what is said where not. Servers here run on ssl's own sockets where alerts matter: Go's
servers, like them, tell a client why they refuse it; servers on asyncio do not.
"""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lab.clients.talos import (
    CertificateAuthority,
    Maintenance,
    MutualTls,
    NodeAccessDenied,
    NodeClient,
    NodeError,
    NodeNotTrusted,
    NodeUnreachable,
)
from lab.clients.talos.pem import Pair, fingerprint, read_certificate
from lab.clients.talos.tls import Credentials
from lab.machineapi import machine_pb2
from lab.testing.machine_server import MachineServer, client_of, say, server_context, talk

ANSWERS = {
    "/machine.MachineService/Version": say(machine_pb2.VersionResponse(messages=[{"version": {"tag": "v1"}}]))
}


async def version(node: NodeClient, _: MachineServer) -> None:
    assert (await node.version()).tag == "v1"


def ask(port: int, credentials: Credentials, timeout: float = 20.0) -> None:
    async def run() -> None:
        async with NodeClient(f"127.0.0.1:{port}", credentials, timeout=timeout) as node:
            await node.version()

    asyncio.run(run())


@contextmanager
def listening(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server: TLS as Go does it where a context is given, then `answer`, then nothing."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:  # the test is over
                return
            peer.settimeout(30)
            try:
                with peer if context is None else context.wrap_socket(peer, server_side=True) as stream:
                    stream.sendall(answer)
                    while stream.recv(65536):
                        pass
            except OSError:  # the handshake failed, which the client is told of
                peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(30)


@pytest.fixture(scope="module")
def server(authority: CertificateAuthority) -> Pair:
    return authority.issue_server(["127.0.0.1"])


@pytest.fixture(scope="module")
def stranger(authority: CertificateAuthority) -> MutualTls:
    return MutualTls(
        authority.pair.certificate, CertificateAuthority.create("other").issue_client("os:admin")
    )


def test_expired_certificate_is_told_with_its_date(authority: CertificateAuthority, server: Pair) -> None:
    ca = authority.pair.certificate
    words = r"our certificate expired on 20.* UTC; a new one: bootlab node talosconfig"
    with (
        listening(b"", server_context(server, ca)) as port,
        pytest.raises(NodeAccessDenied, match=f"calls our certificate expired: {words}"),
    ):
        ask(port, client_of(authority, days=-2))
    with pytest.raises(NodeAccessDenied, match=f"ended the connection before it answered: {words}"):
        talk(ANSWERS, client_of(authority, days=-2), version, server=server, client_ca=ca)


def test_certificate_of_another_authority_is_refused(
    authority: CertificateAuthority, server: Pair, stranger: MutualTls
) -> None:
    ca = authority.pair.certificate
    words = "our certificate is not signed by the authority of our talosconfig"
    with (
        listening(b"", server_context(server, ca)) as port,
        pytest.raises(NodeAccessDenied, match=f"does not know who signed our certificate: {words}"),
    ):
        ask(port, stranger)
    with pytest.raises(NodeAccessDenied, match=f"ended the connection before it answered: {words}"):
        talk(ANSWERS, stranger, version, server=server, client_ca=ca)


def test_node_that_trusts_another_authority(authority: CertificateAuthority, server: Pair) -> None:
    other = CertificateAuthority.create("other").pair.certificate
    with (
        listening(b"", server_context(server, other)) as port,
        pytest.raises(NodeAccessDenied, match="compare the clocks of both, and the authorities of both"),
    ):
        ask(port, client_of(authority))
    with pytest.raises(NodeUnreachable, match="it restarts, or our certificate is of another authority"):
        talk(ANSWERS, client_of(authority), version, server=server, client_ca=other)


def test_configured_node_wants_a_certificate(authority: CertificateAuthority, server: Pair) -> None:
    ca = authority.pair.certificate
    with (
        listening(b"", server_context(server, ca)) as port,
        pytest.raises(NodeAccessDenied, match="it is configured already; leave out --insecure"),
    ):
        ask(port, Maintenance())
    with pytest.raises(NodeAccessDenied, match="may be configured already; then leave out --insecure"):
        talk(ANSWERS, Maintenance(), version, server=server, client_ca=ca)


@pytest.mark.parametrize(
    ("days", "names", "words"),
    [
        (-2, ["127.0.0.1"], r"does not hold \(certificate has expired\): compare the clocks"),
        (1, ["10.9.9.9", "node1"], r"not for this address.*machine\.certSANs"),
    ],
    ids=["expired", "address"],
)
def test_node_whose_certificate_does_not_fit(
    authority: CertificateAuthority, admin: MutualTls, days: int, names: list[str], words: str
) -> None:
    pair = authority.issue_server(names, timedelta(days=days))
    with pytest.raises(NodeNotTrusted, match=words):
        talk(ANSWERS, admin, version, server=pair, client_ca=authority.pair.certificate)


def test_node_of_another_authority_is_not_trusted(admin: MutualTls) -> None:
    pair = CertificateAuthority.create("other").issue_server(["127.0.0.1"])
    with pytest.raises(NodeNotTrusted, match=r"not signed by the talosconfig's authority.*--insecure"):
        talk(ANSWERS, admin, version, server=pair, client_ca=None)


def test_node_in_maintenance_is_known_by_its_fingerprint(server: Pair) -> None:
    printed = fingerprint(read_certificate(server.certificate, "").public_bytes(Encoding.DER))
    talk(ANSWERS, Maintenance(printed), version, server=server, client_ca=None)
    talk(ANSWERS, Maintenance(), version, server=server, client_ca=None)  # whoever answers
    with pytest.raises(NodeNotTrusted, match="is not the machine of that console: the key's fingerprint is"):
        talk(ANSWERS, Maintenance("A" * 43 + "="), version, server=server, client_ca=None)


def test_fingerprint_is_that_of_openssl(server: Pair) -> None:
    commands = (
        "openssl x509 -noout -pubkey",
        "openssl pkey -pubin -outform DER",
        "openssl dgst -sha256 -binary",
        "openssl base64",
    )
    found = server.certificate
    for command in commands:
        found = subprocess.run(command.split(), input=found, capture_output=True, check=True).stdout
    ours = fingerprint(read_certificate(server.certificate, "").public_bytes(Encoding.DER))
    assert ours == found.decode().strip()


def test_what_speaks_no_tls_is_no_node(admin: MutualTls) -> None:
    with (
        listening(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") as port,
        pytest.raises(NodeUnreachable, match="does not speak TLS: is the port right"),
    ):
        ask(port, admin)


def test_what_speaks_tls_and_no_grpc(authority: CertificateAuthority, admin: MutualTls, server: Pair) -> None:
    context = server_context(server, authority.pair.certificate)
    with (
        listening(b"HTTP/1.1 400 Bad Request\r\n\r\n", context) as port,
        pytest.raises(NodeError, match="what it answers is no gRPC"),
    ):
        ask(port, admin, timeout=0.5)


def test_what_accepts_and_says_nothing(admin: MutualTls) -> None:
    with listening(b"") as port, pytest.raises(NodeUnreachable, match=r"no answer within 0\.3 s"):
        ask(port, admin, timeout=0.3)


def test_what_ends_the_connection_at_once(admin: MutualTls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(NodeUnreachable, match="ended the connection: it restarts, or what listens"):
            ask(server.getsockname()[1], admin)
        thread.join(30)


def test_nobody_listens(admin: MutualTls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NodeUnreachable, match="nothing listens there: it still boots"):
        ask(port, admin)
