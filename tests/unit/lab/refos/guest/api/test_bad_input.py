"""Bad input, all that issue 5 names: refused with the field and the reason, the node untouched."""

import asyncio
from datetime import timedelta

import pytest

from lab.clients.talos import (
    CertificateAuthority,
    MutualTls,
    NodeAccessDenied,
    NodeClient,
    NodeError,
    NodeUnreachable,
)
from lab.clients.talos.upgrade import upgrade
from lab.refos.guest.node import SWITCH

HOSTNAME = "---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: {}\n"


def state(it):
    """All that could have been touched."""
    slots, network = it.platform.slots, it.platform.network
    return (
        dict(it.platform.store.texts),
        slots.state,
        tuple(slots.done),
        network.name,
        tuple(it.platform.left),
    )


@pytest.mark.parametrize(
    ("machine", "documents", "reasons"),
    [
        ("  hostnam: x\n", "", ["machine.hostnam: unknown key"]),
        (
            "  sysctls: 7\n  certSANs: {a: 1}\n",
            "",
            [
                "machine.sysctls: must be keys with values, not 7",
                "machine.certSANs: must be a list, not keys with values",
            ],
        ),
        (
            "  network: {hostname: a}\n",
            HOSTNAME.format("b"),
            ["machine.network.hostname: is said in a HostnameConfig"],
        ),
        ("", HOSTNAME.format("a") + HOSTNAME.format("b"), ["HostnameConfig: is there twice"]),
        (
            "",
            "---\napiVersion: v1alpha1\nkind: HostnamConfig\n",
            ["HostnamConfig", "did you mean HostnameConfig?"],
        ),
        ("", HOSTNAME.format("a_b"), ["HostnameConfig.hostname: 'a_b' is no name"]),
        ("", "---\n[", ["not YAML"]),
    ],
    ids=["unknown-key", "wrong-types", "conflict", "twice", "kind", "value", "yaml"],
)
def test_a_configuration(rig, play, config, machine, documents, reasons):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            before = state(it)
            with pytest.raises(NodeError) as refused:
                await client.apply(config(machine=machine, documents=documents))
            for reason in reasons:
                assert reason in str(refused.value)
            assert "line " in str(refused.value)
            assert state(it) == before
            assert it.node.machine.ready

    play(story())


def test_an_image_that_is_not_for_this_machine(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            before = state(it)
            with pytest.raises(NodeError, match="bad-arch: signature verification failed"):
                async for _ in upgrade(client, "bad-arch"):
                    pass
            await it.until(lambda: it.node.machine.running is None)
            assert state(it) == before

    play(story())


def test_certificates(rig, play):
    async def story():
        async with rig() as it:
            await it.ready()
            before = state(it)
            own, stranger = it.authority, CertificateAuthority.create()
            for pair, words in (
                (own.issue_client("os:admin", timedelta(seconds=-60)), "expired"),
                (stranger.issue_client("os:admin"), "certificate"),
            ):
                where = f"127.0.0.1:{it.server.bound}"
                with pytest.raises(NodeAccessDenied, match=words):
                    async with NodeClient(where, MutualTls(it.ca, pair), timeout=30) as client:
                        await client.reset()
            assert state(it) == before

    play(story())


def test_a_reader_who_resets(rig, play):
    async def story():
        async with rig() as it:
            await it.ready()
            before = state(it)
            for role in ("os:reader", "os:operator"):
                async with it.client(role) as client:
                    with pytest.raises(NodeAccessDenied, match=f"Reset is not allowed.*has the role {role}"):
                        await client.reset()
            assert state(it) == before

    play(story())


def test_two_upgrades_at_once(rig, play):
    async def story():
        async with rig() as it, it.client() as one, it.client() as two:
            await it.ready()
            it.platform.slots.gate = asyncio.Event()
            running = asyncio.ensure_future(_all(upgrade(one, "good:v2.0.0")))
            await it.until(lambda: SWITCH in it.platform.store.texts)
            before = state(it)
            with pytest.raises(NodeError, match="is running: one operation at a time"):
                await _all(upgrade(two, "good:v3.0.0"))
            assert state(it) == before
            it.platform.slots.gate.set()
            await running
            assert it.platform.left == ["reboot"]

    play(story())


def test_a_node_that_goes_away_in_the_middle(rig, play):
    async def story():
        async with rig() as it, it.client() as client:
            await it.ready()
            it.platform.slots.gate = asyncio.Event()
            running = asyncio.ensure_future(_all(upgrade(client, "good:v2.0.0")))
            await it.until(lambda: it.node.machine.running is not None)
            await it.server.close()
            with pytest.raises(NodeUnreachable, match="went away in the middle of Upgrade"):
                await running

    play(story())


async def _all(steps):
    return [step async for step in steps]
