"""Rollouts to simulated nodes: the guest's own API, real TLS, real DNS queries."""

import asyncio
import re
import stat
import sys

import pytest

from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.talosconfig import Context, Talosconfig, save
from lab.errors import InfrastructureError, UsageError
from lab.rollout.driver import pause_file
from lab.rollout.engine import Phase, State
from lab.rollout.record import Writer
from lab.rollout.status import ASKED
from lab.testing.nodes.behaviour import Fault
from lab.testing.nodes.scene import PLAN

ALL = PLAN + "halt: {percent: 100}\n"
UPGRADE = """talosconfig: fleet/talosconfig
nodes: {all: {file: fleet/nodes.txt}}
change: {upgrade: {image: "sim://refos-1.1.0", version: 1.1.0}}
steps: {canary: 0}
gates: [{ready: {seconds: 100}}]
halt: {percent: 100}
"""


def test_the_dns_servers_are_changed_and_each_node_asks_the_new_one(with_fleet):
    async def work(scene):
        steps = []
        engine = await scene.roll(tell=lambda engine: steps.append((engine.step, engine.counts[State.DONE])))
        assert (engine.phase, scene.resolvers()) == (Phase.DONE, ["new"] * 8)
        assert scene.asked() == {node.address for node in scene.nodes}
        assert [node.store.saved for node in scene.nodes] == [1] * 8
        assert max(done for step, done in steps if step == 0) <= 1, "the canary goes alone"
        assert stat.S_IMODE(scene.journal.stat().st_mode) == 0o600, "it holds keys"

    with_fleet(work, 8)


def test_a_second_rollout_of_the_same_has_nothing_to_do(with_fleet):
    async def work(scene):
        await scene.roll()
        with pytest.raises(UsageError, match="begun already: --resume goes on with it"):
            await scene.roll()
        scene.journal.unlink()
        engine = await scene.roll()
        assert engine.phase is Phase.DONE
        assert [node.store.saved for node in scene.nodes] == [1] * 2
        assert not any(engine.touched)

    with_fleet(work, 2)


@pytest.mark.parametrize(
    ("fault", "text", "cause"),
    [
        (Fault.GONE, "ready: {seconds: 100}", r"is not ready after 1 s: .*nothing listens there"),
        (
            Fault.UNREADY,
            "ready: {seconds: 100}",
            r"is not ready after 1 s: stage running, network: node-00002",
        ),
        (Fault.MUTE, "log: new.jsonl, seconds: 100", r"did not ask the DNS server within 1 s: .*new.jsonl"),
        (Fault.FULL, "x", r"ApplyConfiguration refused .*no space left on the STATE partition"),
    ],
    ids=["gone", "unready", "mute", "full"],
)
def test_a_bad_node_ends_with_one_cause_and_halts_the_others(with_fleet, fault, text, cause):
    async def work(scene):
        shorter = text.replace("100", "1")
        plan = PLAN.replace(text, shorter).replace("batches: [3, 100%]", "batches: [1]")
        engine = await scene.roll(plan)
        assert engine.phase is Phase.HALTED
        assert [str(state) for state in engine.states] == ["done", "failed", "waiting", "waiting"]
        (told,) = engine.causes.values()
        assert "\n" not in told
        assert re.search(cause, told), told
        assert scene.resolvers()[2:] == ["old", "old"]

    with_fleet(work, 4, {"node-00002": fault})


@pytest.mark.parametrize(("scope", "expected"), [("failed", "new old old"), ("all", "old old old")])
def test_what_was_changed_is_put_back(with_fleet, scope, expected):
    async def work(scene):
        plan = PLAN.replace("log: new.jsonl, seconds: 100", "log: new.jsonl, seconds: 1")
        engine = await scene.roll(plan.replace("batches: [3, 100%]", "batches: [1]") + f"revert: {scope}\n")
        assert engine.phase is Phase.REVERTED
        assert " ".join(scene.resolvers()) == expected

    with_fleet(work, 3, {"node-00002": Fault.MUTE})


def test_a_reader_may_not_and_is_told_so(with_fleet):
    async def work(scene):
        authority = CertificateAuthority.load(scene.settings.folder)
        context = Context("fleet", authority.pair.certificate, authority.issue_client("os:reader"))
        save(Talosconfig("fleet", {"fleet": context}), scene.settings.folder / "talosconfig")
        engine = await scene.roll()
        (cause,) = engine.causes.values()
        assert cause.startswith(
            "Get is not allowed (not authorized): the certificate that we show has the role"
        )
        assert scene.resolvers() == ["old"]

    with_fleet(work, 1)


def test_a_pause_finishes_what_is_under_way_and_a_resume_goes_on(with_fleet):
    async def work(scene):
        def tell(engine):
            if 2 <= engine.counts[State.DONE] < 5:
                pause_file(scene.journal).touch()

        engine = await scene.roll(tell=tell)
        assert engine.phase is Phase.PAUSED
        assert not engine.busy
        assert 0 < engine.counts[State.WAITING] < 10
        pause_file(scene.journal).unlink()
        engine = await scene.roll(fresh=False, before=lambda engine: engine.resume())
        assert engine.phase is Phase.DONE
        assert [node.store.saved for node in scene.nodes] == [1] * 10

    with_fleet(work, 10)


@pytest.mark.parametrize("cut", [0.15, 0.4, 0.6, 0.85])
def test_a_journal_cut_at_any_place_goes_on_and_changes_nothing_twice(with_fleet, cut):
    async def work(scene):
        await scene.roll()
        raw = scene.journal.read_bytes()
        scene.journal.write_bytes(raw[: int(len(raw) * cut)])  # as if the disk had got no more
        engine = await scene.roll(fresh=False)
        assert engine.phase is Phase.DONE
        assert [str(state) for state in engine.states] == ["done"] * 6
        assert [node.store.saved for node in scene.nodes] == [1] * 6

    with_fleet(work, 6)


def test_a_cancelled_rollout_goes_on_where_it_stood(with_fleet):
    async def work(scene):
        reached = asyncio.Event()

        def tell(engine):
            if engine.step == 2:
                reached.set()

        task = asyncio.create_task(scene.roll(tell=tell))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(scene.states()) & {"waiting", "changing", "changed"}
        engine = await scene.roll(fresh=False)
        assert engine.phase is Phase.DONE
        assert [node.store.saved for node in scene.nodes] == [1] * 20

    with_fleet(work, 20)


def test_a_killed_tool_goes_on_and_changes_nothing_twice(with_fleet):
    async def bootlab(scene, *argv):
        words = [sys.executable, "-m", "lab", "rollout", "plan.yaml", *argv]
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*words, cwd=scene.folder, stdout=pipe, stderr=pipe)

    async def work(scene):
        scene.plan(PLAN.replace("concurrency: 4", "concurrency: 2"))
        tool = await bootlab(scene)
        while not scene.journal.exists() or scene.journal.read_bytes().count(b'"done"') < 3:
            assert tool.returncode is None
            await asyncio.sleep(0.01)
        tool.kill()
        await tool.wait()
        assert scene.journal.read_bytes().count(b'"done"') < 30, "it was killed in the middle"
        tool = await bootlab(scene, "--resume")
        out, err = await tool.communicate()
        assert tool.returncode == 0, (out + err).decode()
        assert out.decode().splitlines()[-1] == "new-dns: done; 30 nodes: 30 done"
        assert [node.store.saved for node in scene.nodes] == [1] * 30

    with_fleet(work, 30)


def test_a_configuration_that_somebody_else_changed_meanwhile_is_left_alone(with_fleet):
    async def work(scene):
        await scene.roll()
        raw = scene.journal.read_bytes()
        scene.journal.write_bytes(raw[: raw.index(b'"to":"changed"') - 20])
        store = scene.nodes[0].store
        store.texts["config"] = store.texts["config"].replace("node-00001", "other")
        await scene.nodes[0].stop()
        await scene.nodes[0].on()
        engine = await scene.roll(fresh=False)
        cause = "its configuration is neither the old nor the new one: somebody else changed it"
        assert engine.causes == {0: cause}

    with_fleet(work, 1)


def test_a_journal_of_other_nodes_is_refused(with_fleet):
    async def work(scene):
        await scene.roll()
        (scene.folder / "fleet" / "nodes.txt").write_text("other 127.0.0.9\n")
        with pytest.raises(UsageError, match=r"begun with other nodes.*--new"):
            Writer(scene.plan(), scene.journal, fresh=False)

    with_fleet(work, 1)


def test_a_damaged_journal_names_the_line(with_fleet):
    async def work(scene):
        await scene.roll()
        lines = scene.journal.read_bytes().splitlines(keepends=True)
        scene.journal.write_bytes(b"".join([lines[0], b"{]\n", *lines[1:]]))
        with pytest.raises(InfrastructureError, match=r"rollout.jsonl:2: the journal is damaged"):
            Writer(scene.plan(), scene.journal, fresh=False)

    with_fleet(work, 1)


def test_two_at_once_are_refused(with_fleet):
    async def work(scene):
        with (
            Writer(scene.plan(), scene.journal, fresh=True),
            pytest.raises(UsageError, match="another `bootlab rollout` is at this rollout"),
        ):
            Writer(scene.plan(), scene.journal, fresh=False)

    with_fleet(work, 1)


def test_an_upgrade_reboots_into_the_new_version_and_back_on_demand(with_fleet):
    async def work(scene):
        engine = await scene.roll(UPGRADE)
        assert [str(state) for state in engine.states] == ["done", "failed"]
        assert engine.causes[1] == "runs 1.0.0 and not 1.1.0: it fell back, or was given another"
        engine = await scene.roll(UPGRADE, fresh=False, before=lambda engine: engine.revert(ASKED))
        assert [str(state) for state in engine.states] == ["reverted", "reverted"]
        upgrade = 'upgrade: {image: "sim://refos-1.1.0", version: 1.1.0}'
        again = UPGRADE.replace(upgrade, "rollback: {version: 1.1.0}").replace("seconds: 100", "seconds: 5")
        scene.journal.unlink()
        engine = await scene.roll(again)
        assert engine.states[0] is State.DONE

    with_fleet(work, 2, {"node-00002": Fault.BAD_IMAGE})


def test_programs_of_ones_own(with_fleet):
    async def work(scene):
        plan = """nodes: {all: {list: [{name: a, address: 127.0.0.1}, {name: b, address: 127.0.0.2}]}}
change:
  command:
    apply: [sh, -c, "test {name} = a && touch FOLDER/{name}.on || { echo no {name} today; exit 3; }"]
    check: [test, -e, "FOLDER/{name}.on"]
    revert: [rm, "FOLDER/{name}.on"]
gates: [{command: {argv: [test, "{address}", "=", 127.0.0.1], seconds: 1}}]
halt: {failures: 5}
"""
        plan = plan.replace("FOLDER", str(scene.folder))
        engine = await scene.roll(plan)
        assert engine.states == [State.DONE, State.FAILED]
        assert engine.causes[1] == "sh ended with 3: no b today"
        assert (scene.folder / "a.on").exists()
        engine = await scene.roll(plan, fresh=False, before=lambda engine: engine.revert(ASKED))
        assert engine.states[0] is State.REVERTED
        assert not (scene.folder / "a.on").exists()

    with_fleet(work, 1)
