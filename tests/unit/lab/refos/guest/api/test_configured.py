"""A configured node: changes of its configuration and of its system, over mutual TLS."""

import asyncio
import base64
import re

import pytest

from lab.clients.talos import ApplyMode, CertificateAuthority, NodeAccessDenied, NodeError
from lab.clients.talos.upgrade import install, upgrade
from lab.refos.guest.model import Slot, SlotHealth, SlotName, Slots
from lab.refos.guest.node import SWITCH
from lab.refos.guest.saved import CONFIG
from lab.refos.guest.settings import NodeSettings
from lab.refos.guest.state.sequences import Stage
from lab.refos.guest.state.trial import SwitchRecord
from lab.testing.machine_platform import MemoryPlatform, MemorySlots

RESOLVER = "---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers:\n  - address: 192.0.2.53\n"
OTHER = RESOLVER.replace("192.0.2.53", "192.0.2.54")
ON_TRIAL = Slots(
    SlotName.B,
    SlotName.B,
    {SlotName.A: Slot("v0.9.0", SlotHealth.GOOD), SlotName.B: Slot("v1.0.0", SlotHealth.TRIAL)},
)
RECORD = SwitchRecord("upgrade", SlotName.A, SlotName.B, "v0.9.0", switched=True).dump()


def platform_on_trial(**changes):
    platform = MemoryPlatform(slots=MemorySlots(ON_TRIAL), **changes)
    platform.store.texts[SWITCH] = RECORD
    return platform


class TestApply:
    def test_the_resolvers_change_and_the_node_is_not_ready_before_they_answer(self, rig, play, config):
        async def story():
            async with rig(config=config(documents=RESOLVER)) as it:
                await it.ready()
                it.platform.network.answering = False
                async with it.client() as client:
                    await client.apply(config(documents=OTHER))
                    assert not it.node.machine.ready
                    await it.until(lambda: it.platform.network.servers == ("192.0.2.54",))
                    await it.until(lambda: ("network", "no resolver answers") in it.node.machine.unmet)
                    it.platform.network.answering = True
                    await it.ready()
                assert "192.0.2.54" in it.platform.store.texts[CONFIG]

        play(story())

    def test_a_dry_run_says_what_would_change_and_changes_nothing(self, rig, play, config):
        async def story():
            async with rig() as it, it.client() as client:
                saved = it.platform.store.texts[CONFIG]
                applied = await client.apply(config(documents=RESOLVER), dry_run=True)
                assert applied.details.startswith("Dry run summary:")
                assert "192.0.2.53" in applied.details
                same = await client.apply(config(), dry_run=True)
                assert same.details.endswith("No changes.")
                assert it.platform.store.texts[CONFIG] == saved
                assert it.platform.network.servers == ()

        play(story())

    def test_a_tried_configuration_is_taken_back(self, rig, play, config):
        async def story():
            async with rig(config=config(documents=RESOLVER)) as it, it.client() as client:
                await it.ready()
                await client.apply(config(documents=OTHER), mode=ApplyMode.TRY, try_seconds=1)
                await it.until(lambda: it.platform.network.servers == ("192.0.2.54",))
                with pytest.raises(NodeError, match="being tried already"):
                    await client.apply(config(), mode=ApplyMode.TRY)
                await it.until(lambda: it.platform.network.servers == ("192.0.2.53",))
                assert "192.0.2.54" not in it.platform.store.texts[CONFIG]

        play(story())

    def test_a_staged_configuration_is_only_saved(self, rig, play, config):
        async def story():
            async with rig() as it, it.client() as client:
                await client.apply(config(documents=RESOLVER), mode=ApplyMode.STAGED)
                assert "192.0.2.53" in it.platform.store.texts[CONFIG]
                assert "192.0.2.53" not in await client.resources.machine_config("v1alpha1")
                assert "192.0.2.53" in await client.resources.machine_config("persistent")
                assert it.platform.network.servers == ()

        play(story())

    def test_who_is_trusted_cannot_be_taken_away(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                with pytest.raises(NodeError, match=r"machine\.ca"):
                    await client.apply("version: v1alpha1\nmachine:\n  network:\n    hostname: other\n")
                assert not it.node.maintenance

        play(story())

    def test_an_authority_that_the_node_could_not_serve_with_is_refused(self, rig, play, config):
        async def story():
            async with rig() as it, it.client() as client:
                stranger = CertificateAuthority.create().pair
                key = base64.b64encode(stranger.key).decode()
                wrong = re.sub(r"key: .*", f"key: {key}", config())
                with pytest.raises(NodeError, match=r"machine\.ca: openssl"):
                    await client.apply(wrong)
                assert (await client.version()).tag == "v1.0.0"

        play(story())

    def test_what_cannot_be_applied_is_an_unmet_condition(self, rig, play, config):
        async def story():
            bad = config(machine="  sysctls:\n    no.such: '1'\n")
            async with rig() as it, it.client() as client:
                await client.apply(bad)
                unmet = ("kernelParams", "sysctls: no.such: no such kernel parameter")
                await it.until(lambda: it.node.machine.unmet == (unmet,))
                await client.apply(config())
                await it.ready()

        play(story())

    def test_a_full_disk_refuses_the_change_and_keeps_the_old_one(self, rig, play, config):
        async def story():
            from lab.refos.guest.model import PlatformError

            async with rig() as it, it.client() as client:

                async def full(name, text):
                    raise PlatformError("config cannot be saved: No space left on device")

                it.platform.store.save = full
                with pytest.raises(NodeError, match="No space left"):
                    await client.apply(config(documents=RESOLVER))
                assert "192.0.2.53" not in it.node.machine.configuration.active

        play(story())

    def test_a_damaged_store_is_told(self, rig, play, config):
        async def story():
            platform = MemoryPlatform()
            platform.store.faults[CONFIG] = "config is damaged; took config.old"
            async with rig(platform=platform) as it:
                assert "configuration: config is damaged; took config.old" in it.platform.lines
                assert any(event.name.endswith("ConfigLoadErrorEvent") for event in it.node.events.since(0))

        play(story())


class TestUpgrade:
    def test_by_lifecycle_the_caller_reboots(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                steps = [step async for step in upgrade(client, "good:v2.0.0", reboot=False)]
                assert any("100%" in str(step) for step in steps)
                assert it.platform.slots.state.first is SlotName.B
                assert it.platform.left == []
                record = SwitchRecord.load(it.platform.store.texts[SWITCH])
                assert (record.target, record.switched) == (SlotName.B, True)

        play(story())

    def test_two_at_once_are_refused(self, rig, play):
        async def story():
            slots = MemorySlots()
            slots.gate = asyncio.Event()
            async with rig(slots=slots) as it, it.client() as client, it.client() as other:
                await it.ready()
                first = asyncio.ensure_future(_all(upgrade(client, "good:v2.0.0", reboot=False)))
                await it.until(lambda: it.node.machine.stage is Stage.UPGRADING)
                with pytest.raises(NodeError, match="one operation at a time"):
                    await _all(upgrade(other, "good:v3.0.0", reboot=False))
                with pytest.raises(NodeError, match="stageUpgrade is running"):
                    await other.rollback()
                slots.gate.set()
                await first
                assert it.node.machine.stage is Stage.RUNNING

        play(story())

    def test_it_goes_on_where_the_caller_goes_away(self, rig, play):
        async def story():
            slots = MemorySlots()
            slots.gate = asyncio.Event()
            async with rig(slots=slots) as it:
                await it.ready()
                async with it.client() as client:
                    going = asyncio.ensure_future(_all(upgrade(client, "good:v2.0.0", reboot=False)))
                    await it.until(lambda: it.node.machine.stage is Stage.UPGRADING)
                    going.cancel()
                slots.gate.set()
                await it.until(lambda: slots.state.first is SlotName.B)

        play(story())

    def test_a_bad_image_leaves_the_node_as_it_was(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                with pytest.raises(NodeError, match="signature verification failed"):
                    await _all(upgrade(client, "bad:v2.0.0"))
                assert it.platform.slots.state.first is SlotName.A
                assert SWITCH not in it.platform.store.texts
                await it.ready()

        play(story())

    def test_a_slot_becomes_good_when_the_node_is_ready(self, rig, play):
        async def story():
            async with rig(platform=platform_on_trial()) as it:
                await it.until(lambda: "mark B good" in it.platform.slots.done)
                await it.until(lambda: SWITCH not in it.platform.store.texts)
                assert any(line.startswith("marked good: slot B") for line in it.platform.lines)

        play(story())

    def test_a_slot_that_is_not_healthy_is_given_up(self, rig, play):
        async def story():
            platform = platform_on_trial(broken={"updater": "does not start"})
            settings = NodeSettings(retry=0.05, trial_seconds=0.3)
            async with rig(platform=platform, settings=settings) as it:
                await it.until(lambda: it.platform.left == ["reboot"])
                assert it.platform.slots.done == ["mark B bad"]
                assert any("going back to slot A" in line for line in it.platform.lines)

        play(story())

    def test_a_network_that_dies_when_the_api_is_up_is_seen_before_the_slot_is_good(self, rig, play):
        async def story():
            platform = platform_on_trial()
            said = platform.say

            def say(line):
                said(line)
                if line.startswith("api up"):
                    platform.network.faults["gateway"] = "the gateway does not answer"

            platform.say = say
            async with rig(platform=platform, settings=NodeSettings(retry=0.05, trial_seconds=1)) as it:
                await it.until(lambda: it.platform.left == ["reboot"])
                assert it.platform.slots.done == ["mark B bad"]

        play(story())

    def test_a_configuration_that_the_new_version_cannot_read_ends_its_trial(self, rig, play):
        async def story():
            platform = platform_on_trial()
            async with rig(platform=platform, config="version: v9\n") as it:
                await it.until(lambda: it.platform.left == ["reboot"])
                assert it.platform.slots.done == ["mark B bad"]

        play(story())

    def test_no_upgrade_from_a_slot_that_is_not_good_yet(self, rig, play):
        async def story():
            platform = platform_on_trial(broken={"updater": "does not start"})
            async with rig(platform=platform) as it, it.client() as client:
                with pytest.raises(NodeError, match="not marked good yet"):
                    await _all(upgrade(client, "good:v2.0.0"))

        play(story())

    def test_the_old_version_tells_that_it_was_fallen_back_to(self, rig, play):
        async def story():
            fallen = Slots(SlotName.A, SlotName.B, ON_TRIAL.slots)
            platform = MemoryPlatform(slots=MemorySlots(fallen))
            platform.store.texts[SWITCH] = RECORD
            async with rig(platform=platform) as it:
                assert any(line.startswith("fell back to slot A") for line in it.platform.lines)
                assert SWITCH not in it.platform.store.texts

        play(story())


class TestOtherOperations:
    def test_rollback_needs_something_to_go_back_to(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                with pytest.raises(NodeError, match="slot B is empty"):
                    await client.rollback()
                it.node.machine.slots = Slots(SlotName.A, SlotName.A, ON_TRIAL.slots)
                await client.rollback()
                await it.until(lambda: it.platform.left == ["reboot"])
                assert "activate B" in it.platform.slots.done

        play(story())

    def test_roles(self, rig, play):
        async def story():
            async with rig() as it:
                async with it.client("os:reader") as reader:
                    assert await reader.mounts()
                    for call in (reader.reset, reader.reboot, reader.rollback, reader.shutdown):
                        with pytest.raises(NodeAccessDenied):
                            await call()
                    with pytest.raises(NodeAccessDenied):
                        await reader.resources.machine_config()
                async with it.client("os:operator") as operator:
                    with pytest.raises(NodeAccessDenied):
                        await operator.reset()
                    await operator.reboot()
                await it.until(lambda: it.platform.left == ["reboot"])

        play(story())

    def test_reset_erases_what_is_named(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                await client.reset(labels=["STATE"], reboot=True)
                await it.until(lambda: it.platform.left == ["reboot"])
                assert it.platform.slots.done == ["wipe STATE"]

        play(story())

    def test_shutdown(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                await client.shutdown()
                await it.until(lambda: it.platform.left == ["power off"])

        play(story())

    def test_what_is_installed_is_not_installed_again(self, rig, play):
        async def story():
            async with rig() as it, it.client() as client:
                await it.ready()
                with pytest.raises(NodeError, match="already installed"):
                    await _all(install(client, "good:v2.0.0", "/dev/vda"))

        play(story())


async def _all(answers):
    return [answer async for answer in answers]
