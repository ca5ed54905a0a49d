"""A node without a configuration, and how it gets its first one."""

import asyncio

import pytest

from lab.clients.talos import (
    CertificateAuthority,
    Maintenance,
    MutualTls,
    NodeAccessDenied,
    NodeClient,
    NodeError,
)
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.settings import NodeSettings, Personality


def test_the_fingerprint_on_the_console_is_that_of_the_certificate(rig, play, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it:
            lines = [line for line in it.platform.lines if "fingerprint=" in line]
            fingerprint = lines[0].partition("fingerprint=")[2]
            where = f"127.0.0.1:{it.server.bound}"
            async with NodeClient(where, Maintenance(fingerprint)) as client:
                version = await client.version()
            assert (version.tag, version.mode) == ("v1.0.0", "maintenance")
            with pytest.raises(NodeError):
                async with NodeClient(where, Maintenance("A" * 43 + "=")) as client:
                    await client.version()

    play(story())


def test_whoever_calls_may_look_and_apply_the_first_configuration_only(rig, play, config, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it:
            async with it.client(None) as client:
                assert [disk.device_name for disk in await client.disks()] == ["/dev/vda"]
                with pytest.raises(NodeAccessDenied, match="not authorized"):
                    await client.reboot()
                with pytest.raises(NodeAccessDenied, match="not authorized"):
                    await client.reset()
                applied = await client.apply(config())
                assert "first configuration" in applied.details
            await it.ready()
            assert it.platform.store.texts[CONFIG]
            with pytest.raises(NodeAccessDenied):
                async with it.client(None) as client:
                    await client.version()
            async with it.client("os:reader") as client:
                assert (await client.version()).mode == "metal"

    play(story())


def test_the_connection_that_configured_it_does_not_live_on(rig, play, config, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it, it.client(None) as client:
            await client.apply(config())
            await it.ready()
            with pytest.raises((NodeError, NodeAccessDenied)):
                await client.version()

    play(story())


def test_a_bad_configuration_is_refused_with_every_fault_and_changes_nothing(rig, play, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it, it.client(None) as client:
            with pytest.raises(NodeError) as refused:
                await client.apply("version: v1alpha1\nmachine:\n  sysctls: 7\n  nonsense: true\n")
            assert "machine.sysctls" in str(refused.value)
            assert "nonsense" in str(refused.value)
            assert it.node.maintenance
            assert CONFIG not in it.platform.store.texts

    play(story())


def test_a_dry_run_of_the_first_configuration_shows_no_secret(rig, play, config, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it, it.client(None) as client:
            applied = await client.apply(config(), dry_run=True)
            assert "+    key: '******'" in applied.details
            assert it.node.maintenance
            applied = await client.apply("version: v1alpha1\nmachine: {}\n", dry_run=True)
            assert "machine.ca is missing" in "".join(applied.warnings)

    play(story())


def test_the_first_configuration_installs_where_it_says_so(rig, play, config, from_network):
    install = "  install:\n    disk: /dev/vda\n    image: http://192.0.2.1/good:v1.0.0\n"
    install += "    extraKernelArgs: [quiet, a=b]\n"

    async def story():
        async with rig(config=None, slots=from_network()) as it:
            async with it.client(None) as client:
                await client.apply(config(machine=install))
            await it.until(lambda: it.platform.left == ["reboot"])
            assert it.platform.slots.done == ["install http://192.0.2.1/good:v1.0.0 /dev/vda quiet a=b"]

    play(story())


def test_before_1_13_maintenance_knew_few_calls(rig, play, config, from_network):
    async def story():
        old = NodeSettings(personality=Personality.V1_12)
        async with rig(config=None, slots=from_network(), settings=old) as it, it.client(None) as client:
            with pytest.raises(NodeError, match="takes a configuration and lists disks"):
                await client.version()
            assert await client.disks()
            await client.apply(config())

    play(story())


def test_a_foreign_authority_is_not_let_in(rig, play):
    async def story():
        async with rig() as it:
            await it.ready()
            stranger = CertificateAuthority.create()
            forged = MutualTls(it.ca, stranger.issue_client("os:admin"))
            with pytest.raises(NodeAccessDenied):
                async with NodeClient(f"127.0.0.1:{it.server.bound}", forged) as client:
                    await client.version()

    play(story())


def test_of_two_first_configurations_one_wins_and_the_other_is_not_taken_later(
    rig, play, config, from_network
):
    async def story():
        async with rig(config=None, slots=from_network()) as it:
            async with it.client(None) as one, it.client(None) as two:
                texts = [config(machine=f"  network:\n    hostname: n{number}\n") for number in (1, 2)]
                ends = await asyncio.gather(one.apply(texts[0]), two.apply(texts[1]), return_exceptions=True)
            refused = [end for end in ends if isinstance(end, Exception)]
            assert len(refused) == 1
            assert "from somebody else meanwhile" in str(refused[0])
            await it.ready()
            winner = 1 if ends[0] not in refused else 2
            assert it.platform.network.name == f"n{winner}"
            assert f"n{winner}" in it.platform.store.texts[CONFIG]

    play(story())
