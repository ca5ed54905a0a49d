"""TalosClient over real TLS: against a node with a fixed machine below, and one that reboots."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from lab.clients.talos import Maintenance, MutualTls, NodeAccessDenied, talosconfig
from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.talosconfig import Context, Talosconfig
from lab.clients.talos.waiting import boot_mark, wait_ready
from lab.errors import ConfigError, UsageError
from lab.refos.guest.settings import Personality
from lab.systems.interface import Health, OsClient
from lab.systems.talos.client import TalosClient, credentials
from lab.testing.live_node import config_text, live_node, rebooting_nodes


def save_access(folder: Path, authority: CertificateAuthority, role: str = "os:admin") -> dict[str, str]:
    context = Context("c", authority.pair.certificate, authority.issue_client(role))
    talosconfig.save(Talosconfig("c", {"c": context}), folder / "talosconfig")
    return {"talosconfig": str(folder / "talosconfig")}


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority.create()


def test_looks_and_configures(tmp_path: Path, authority: CertificateAuthority) -> None:
    config = config_text(authority)
    with live_node(config) as machine:
        machine.platform.observer.files["/proc/sys/kernel/osrelease"] = b"6.1.0-9-arm64\n"
        access = save_access(tmp_path, authority)

        async def use() -> None:
            client = TalosClient(machine.address, access, "refos")
            assert isinstance(client, OsClient)
            await wait_ready(machine.address, credentials(access), seconds=60)
            facts = await client.facts()
            assert facts.system == "refos"
            assert facts.version == "v1.0.0"
            assert facts.arch == "arm64"
            assert facts.slot == "A"
            assert facts.kernel == "6.1.0-9-arm64"
            assert facts.hostname == "node-00001"
            assert await client.health() == Health(True, "running")
            assert await client.configure(config) == ""
            changed = config.replace("address: 127.0.0.1", "address: 192.0.2.53")
            said = await client.configure(changed, dry_run=True)
            assert "192.0.2.53" in said
            assert "Dry run" not in said
            assert machine.platform.network.servers == ("127.0.0.1",)
            assert await client.configure(changed) == said
            assert await client.configure(changed, dry_run=True) == ""
            await client.close()
            await client.close()

        asyncio.run(use())


def test_reader_is_told_less(tmp_path: Path, authority: CertificateAuthority) -> None:
    access = save_access(tmp_path, authority, "os:reader")

    async def use() -> None:
        client = TalosClient(machine.address, access)
        assert (await client.facts()).kernel == ""
        with pytest.raises(NodeAccessDenied, match="os:reader"):
            await client.configure("version: v1alpha1\n")
        await client.close()

    with live_node(config_text(authority)) as machine:
        asyncio.run(use())


@pytest.mark.parametrize("personality", list(Personality), ids=[p.value for p in Personality])
def test_takes_a_node_out_of_maintenance(
    tmp_path: Path, authority: CertificateAuthority, personality: Personality
) -> None:
    async def use() -> None:
        client = TalosClient(machine.address, {"insecure": "yes", "fingerprint": machine.fingerprint})
        assert (await client.health()).stage == "maintenance"
        facts = await client.facts()
        assert facts.version == ("" if personality is Personality.V1_12 else "v1.0.0")
        assert "node-00001" in await client.configure(config_text(authority))
        await client.close()
        access = save_access(tmp_path, authority)
        status = await wait_ready(machine.address, credentials(access), seconds=60)
        assert status.stage == "running"

    with live_node(personality=personality) as machine:
        asyncio.run(use())


def test_upgrades_and_rolls_back(tmp_path: Path) -> None:
    async def reboots(client: TalosClient, address: str, access: dict[str, str]) -> str:
        mark = await boot_mark(client._node)
        async with aclosing(client.upgrade("http://lab/talos-2.0.0.raucb")) as steps:
            stages = [step.stage async for step in steps]
        assert stages[-1] == "reboot"
        await wait_ready(address, credentials(access), seconds=60, other_than=mark)
        upgraded = (await client.facts()).version
        mark = await boot_mark(client._node)
        await client.rollback()
        await wait_ready(address, credentials(access), seconds=60, other_than=mark)
        return f"{upgraded} {(await client.facts()).version}"

    async def use(address: str) -> None:
        access = {"talosconfig": str(tmp_path / "talosconfig")}
        client = TalosClient(address, access)
        await wait_ready(address, credentials(access), seconds=60)
        assert await reboots(client, address, access) == "2.0.0 1.0.0"
        await client.close()

    with rebooting_nodes(tmp_path) as (address,):
        asyncio.run(use(address))


def test_access_that_means_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="password: no such option"):
        credentials({"password": "x"})
    with pytest.raises(UsageError, match="fingerprint is for insecure"):
        credentials({"fingerprint": "x"})
    with pytest.raises(UsageError, match="timeout soon: must be a number"):
        TalosClient("127.0.0.1", {"insecure": "yes", "timeout": "soon"})
    with pytest.raises(ConfigError, match="no such file"):
        credentials({"talosconfig": str(tmp_path / "none")})
    assert isinstance(credentials({"insecure": "true"}), Maintenance)


def test_context_by_name(tmp_path: Path, authority: CertificateAuthority) -> None:
    access = save_access(tmp_path, authority)
    found = credentials(access | {"context": "c"})
    assert isinstance(found, MutualTls)
    assert found.role == "os:admin"
    with pytest.raises(UsageError, match="no context other"):
        credentials(access | {"context": "other"})
