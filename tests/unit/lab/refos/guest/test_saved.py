"""What a node does with a configuration that it cannot read: never ask strangers for another."""

import socket

import pytest

from lab.machineconfig import load
from lab.refos.guest.model import Slot, SlotHealth, SlotName, Slots
from lab.refos.guest.node import SWITCH
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.state.trial import SwitchRecord
from lab.testing.machine_platform import MemoryPlatform, MemorySlots

NEWER = "  aKeyOfTomorrow: 1\n"
TRIAL = Slots(
    SlotName.B,
    SlotName.B,
    {SlotName.A: Slot("v1.0.0", SlotHealth.GOOD), SlotName.B: Slot("v2.0.0", SlotHealth.TRIAL)},
)


def is_closed(it):
    """Nobody listens where the API would."""
    return it.server._listener is None


def test_the_copy_before_runs_where_the_last_is_not_valid_and_the_node_says_so(rig, play, config):
    async def story():
        platform = MemoryPlatform()
        platform.store.texts[CONFIG] = config(machine=NEWER)
        platform.store.before[CONFIG] = config(machine="  network: {hostname: before}\n")
        async with rig(config=None, platform=platform) as it, it.client("os:admin") as client:
            await it.until(lambda: it.platform.network.name == "before")
            status = await client.resources.machine_status()
            assert (status.stage, status.ready) == ("running", False)
            assert dict(status.unmet)["config"] == "the saved configuration is not valid for this version"
            assert any("aKeyOfTomorrow: unknown key" in line for line in it.platform.lines)
            await client.apply(config(machine="  network: {hostname: after}\n"))
            await it.ready()
            assert it.platform.network.name == "after"

    play(story())


@pytest.mark.parametrize(
    "text", [None, "version: v1alpha1\nmachine: 7\n", "{{{"], ids=["damaged", "invalid", "none"]
)
def test_without_any_copy_the_api_stays_closed(rig, play, text):
    async def story():
        platform = MemoryPlatform()
        if text is None:
            platform.store.faults[CONFIG] = "config is damaged (its checksum is wrong)"
        else:
            platform.store.texts[CONFIG] = text
        async with rig(config=None, platform=platform) as it:
            await it.until(lambda: dict(it.node.machine.unmet).get("services", "").startswith("locked"))
            assert is_closed(it)
            assert any(line.startswith("locked: no copy") for line in platform.lines)
            assert not any("fingerprint" in line for line in platform.lines)
            # The slot is not marked good: its attempts run out, and the board asks the network
            assert not any(line.startswith("mark") for line in platform.slots.done)
            assert not it.node.machine.proven

    play(story())


def test_a_slot_on_trial_that_cannot_read_it_goes_back(rig, play, config):
    async def story():
        platform = MemoryPlatform(slots=MemorySlots(TRIAL))
        platform.store.texts[SWITCH] = SwitchRecord(
            "upgrade", SlotName.A, SlotName.B, "v1.0.0", switched=True
        ).dump()
        platform.store.texts[CONFIG] = config(machine=NEWER)
        platform.store.before[CONFIG] = config()
        async with rig(config=None, platform=platform) as it:
            await it.until(lambda: it.platform.left == ["reboot"])
            assert "mark B bad" in platform.slots.done

    play(story())


def test_a_node_that_was_never_configured_is_in_maintenance(rig, play, from_network):
    async def story():
        async with rig(config=None, slots=from_network()) as it:
            assert not is_closed(it)
            with socket.create_connection(("127.0.0.1", it.server.bound), timeout=30):
                pass
            assert it.node.maintenance
            assert not it.node.locked

    play(story())


def test_what_was_switched_can_be_lost(rig, play, config):
    async def story():
        platform = MemoryPlatform()
        platform.store.faults[SWITCH] = "upgrade is damaged (it has no header of ours)"
        async with rig(config=config(), platform=platform) as it:
            await it.ready()
            assert load(platform.store.texts[CONFIG]).complete

    play(story())
