"""Configurations with keys and documents that only the node knows, as a real Talos has them."""

import yaml

from lab.machineconfig import MachineConfig
from lab.machineconfig.config import Document
from lab.machineconfig.loading import read_parts
from lab.rollout.dryrun import look
from lab.rollout.engine import Phase
from lab.rollout.status import ASKED
from lab.testing.nodes import newdns
from lab.testing.nodes.scene import NEW, OLD

PLAN = newdns.plan("batches: [3, 100%], concurrency: 4", gates=newdns.ready())
PATCH = "machine: {kubelet: {image: k:2}}\n---\nkind: WatchdogTimerConfig\ntimeout: 3m\n"
MORE = """---
apiVersion: v1alpha1
kind: WatchdogTimerConfig
device: /dev/watchdog0
timeout: 2m
"""


def read_all(text):
    """Take any key and any kind of document, as a node does that knows more than refos."""
    parts, faults = read_parts(text, any_kind=True)
    assert not faults
    return MachineConfig(tuple(Document(part.kind, part.name, part.yaml.data) for part in parts))


async def teach(scene):
    """Give each node a configuration with keys and a document that we do not know."""
    (scene.folder / "patch.yaml").write_text(PATCH)
    for node in scene.nodes:
        await node.stop()
        text = node.store.texts["config"]
        text = text.replace("  type: worker\n", "  type: worker\n  kubelet: {image: k:1}\n")
        node.store.texts["config"] = text + MORE
        await node.on()


def saved(node):
    documents = yaml.safe_load_all(node.store.texts["config"])
    return {document.get("kind", ""): document for document in documents}


def test_a_rollout_changes_what_it_names_and_leaves_the_rest_as_it_is(with_fleet):
    async def work(scene):
        await teach(scene)
        before = [saved(node) for node in scene.nodes]
        engine = await scene.roll(PLAN)
        assert engine.phase is Phase.DONE, engine.causes
        for old, node in zip(before, scene.nodes, strict=True):
            new = saved(node)
            assert new[""]["machine"].pop("kubelet") == {"image": "k:2"}
            assert old[""]["machine"].pop("kubelet") == {"image": "k:1"}
            assert new["WatchdogTimerConfig"].pop("timeout") == "3m"
            assert old["WatchdogTimerConfig"].pop("timeout") == "2m"
            assert new == old

    with_fleet(work, 3, read_config=read_all)


def test_it_is_put_back_and_resumed_as_any_other(with_fleet):
    async def work(scene):
        await teach(scene)
        before = [saved(node) for node in scene.nodes]
        await scene.roll(PLAN)
        await scene.roll(PLAN, fresh=False, before=lambda engine: engine.revert(ASKED))
        assert [saved(node) for node in scene.nodes] == before
        scene.journal.unlink()
        await scene.roll(PLAN)
        raw = scene.journal.read_bytes()
        scene.journal.write_bytes(raw[: int(len(raw) * 0.6)])
        engine = await scene.roll(PLAN, fresh=False)
        assert engine.phase is Phase.DONE, engine.causes
        assert [node.store.saved for node in scene.nodes] == [3] * 4

    with_fleet(work, 4, read_config=read_all)


def test_a_key_that_the_node_does_not_know_is_refused_by_the_node(with_fleet):
    async def work(scene):
        (scene.folder / "patch.yaml").write_text("machine: {kubelt: {image: k:2}}\n")
        plan = scene.plan(PLAN)
        (dry, _) = await look(plan, lambda _: None)
        engine = await scene.roll(PLAN)
        assert engine.phase is Phase.HALTED
        (cause,) = engine.causes.values()
        assert "ApplyConfiguration refused (invalid_argument): " in cause
        assert "machine.kubelt: " in cause
        assert cause.endswith("(lines of its configuration with the patch)")
        assert (dry.verdict, dry.detail) == ("fails", cause)

    with_fleet(work, 2)


def test_a_dry_run_shows_what_the_node_says_would_change(with_fleet):
    async def work(scene):
        (found,) = await look(scene.plan(), lambda _: None)
        assert found.verdict == "change"
        assert f"-- address: {OLD}\n" in found.detail
        assert found.detail.endswith(f"+- address: {NEW}")
        assert [node.store.saved for node in scene.nodes] == [0]

    with_fleet(work, 1)
