"""Fixtures for nodes: an authority of the test session, connections, and ears for what nodes report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # gRPC is loaded only where a test asks for a node
    from lab.clients.talos import CertificateAuthority, Node
    from lab.clients.talos.ears import Ears


@pytest.fixture(scope="session")
def node_authority() -> CertificateAuthority:
    """Whom the nodes of this session trust; put it into their configuration as machine.ca."""
    from lab.clients.talos import CertificateAuthority

    return CertificateAuthority.create("bootlab tests")


@pytest.fixture
def connect_node(node_authority: CertificateAuthority) -> Iterator[Callable[..., Node]]:
    """`connect_node(address, role="os:admin")`: a node that trusts `node_authority`.

    `connect_node(address, fingerprint=...)`: one in maintenance, known by what its console printed. Closed at
    the end of the test.
    """
    from lab.clients.talos import Maintenance, MutualTls, Node

    with ExitStack() as stack:

        def connect(address: str, *, role: str = "os:admin", fingerprint: str | None = None) -> Node:
            if fingerprint is not None:
                return stack.enter_context(Node(address, Maintenance(fingerprint)))
            client = node_authority.issue_client(role)
            return stack.enter_context(Node(address, MutualTls(node_authority.pair.certificate, client)))

        yield connect


@pytest.fixture
def listen_for_nodes() -> Iterator[Callable[..., Ears]]:
    """`listen_for_nodes(address)`: event sink and kernel log there, on free ports, until the test ends.

    For emulated boards `listen_for_nodes(sandbox.address, sandbox=lab.sandbox)`.
    """
    from lab.clients.talos.ears import listening

    with ExitStack() as stack:
        yield lambda host, **where: stack.enter_context(listening(str(host), **where))
