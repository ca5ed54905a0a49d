import asyncio

import pytest

from lab.clients.talos import (
    CertificateAuthority,
    Maintenance,
    MutualTls,
    NodeClient,
)
from lab.machineapi import machine_pb2
from lab.testing.machine_server import Answer, MachineServer, say, server_context, serving

MACHINE = "/machine.MachineService/"
VERSION = say(machine_pb2.VersionResponse(messages=[{"version": {"tag": "v1.13.2", "arch": "arm64"}}]))


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create()


@pytest.fixture(scope="module")
def admin(authority: CertificateAuthority) -> MutualTls:
    return MutualTls(authority.pair.certificate, authority.issue_client("os:admin"))


def node_of(authority: CertificateAuthority, answers: dict[str, Answer]):
    context = server_context(authority.issue_server(["127.0.0.1"]), authority.pair.certificate)
    return serving(MachineServer({MACHINE + name: answer for name, answer in answers.items()}), context)


def at(server: MachineServer, credentials: MutualTls | Maintenance, timeout: float = 20.0) -> NodeClient:
    return NodeClient(f"127.0.0.1:{server.port}", credentials, timeout=timeout)


def test_version_over_mutual_tls(authority: CertificateAuthority, admin: MutualTls) -> None:
    async def run() -> None:
        async with node_of(authority, {"Version": VERSION}) as server, at(server, admin) as node:
            found = await node.version()
            assert (found.tag, found.arch, found.rbac) == ("v1.13.2", "arm64", False)

    asyncio.run(run())
