"""The claims about many nodes, on simulated ones: the code that answers in refos, without QEMU.

They say what the lab's driver and one host can do, and what a node's API promises; of the nodes' own speed
they say nothing.
"""

import asyncio
import json
import time
from collections import Counter

import pytest

from lab.claims.measure import config, enrol, fleet
from lab.claims.model import Verdict
from lab.clients.talos.certs import CertificateAuthority
from lab.clients.talos.sync import Node
from lab.clients.talos.tls import MutualTls
from lab.errors import LabError
from lab.machineconfig import load, merge
from lab.rollout.engine import Phase, State
from lab.testing.nodes import newdns
from lab.testing.nodes.behaviour import Behaviour
from lab.testing.nodes.scene import NEW, OLD, scene

pytestmark = [pytest.mark.hil, pytest.mark.timeout(1800)]
SIZES = (1, 10, 100, 1000)
ALLOWED = 10
HOW = (
    "Simulated nodes with TLS and an address each; nodes, driver and DNS servers share one process and host."
)
WHY = "A simulated node has no kernel, disk or console of its own."
NOT_THEIRS = (
    "C01",
    "C02",
    "C03",
    "C05",
    "C06",
    "C07",
    "C08",
    "C12",
    "C13",
    "C14",
    "C15",
    "C17",
    "C18",
    "C20",
)
QUICK = Behaviour(reboot_seconds=(0.1, 0.3), write_seconds=(0.1, 0.3))


@pytest.fixture(scope="module")
def book(notebook):
    made = notebook("simulated", "Talos API, simulated", "simulated nodes that speak the Talos API")
    yield made
    made.leave({number: WHY for number in NOT_THEIRS})


async def rolled(folder, count, plan, behaviour=QUICK):
    """A rollout over a new fleet; the engine at its end, and its seconds."""
    async with scene(folder, count, behaviour) as made:
        began = time.monotonic()
        engine = await made.roll(plan)
        return engine, time.monotonic() - began, made


def at_once(journal):
    """How many nodes were under way at once at most, by the journal alone."""
    going, most = set(), 0
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        if record.get("to") == State.CHANGING:
            going.add(record["node"])
        elif record.get("to") in (State.DONE, State.FAILED, State.REVERTED, State.STUCK):
            going.discard(record["node"])
        most = max(most, len(going))
    return most


def failed(engine):
    return sum(count for state, count in Counter(engine.states).items() if state is not State.DONE)


def test_c10_one_or_many(book, tmp_path):
    found = []
    for count in SIZES:
        (tmp_path / str(count)).mkdir()
        plan = newdns.plan("canary: 1, batches: [100%], concurrency: 64")
        engine, seconds, made = asyncio.run(rolled(tmp_path / str(count), count, plan))
        assert engine.phase is Phase.DONE
        assert len(made.asked()) == count, "each asked the new server"
        found.append(fleet.Rolled(count, failed(engine), seconds, at_once(made.journal)))
    result = book.add(fleet.one_or_many(found, f"The rollout of docs/rollout.md. {HOW}"))
    assert "0 failed" in result.sentence


def test_c19_a_fleet_is_upgraded(book, tmp_path):
    change = "change: {upgrade: {image: 'sim://refos-2.0.0', version: 2.0.0}}\n"
    plan = newdns.plan(f"canary: 1, batches: [100%], concurrency: {ALLOWED}", gates=newdns.ready())
    plan = plan.replace("change: {patch: {file: patch.yaml}}\n", change)
    behaviour = QUICK
    engine, seconds, made = asyncio.run(rolled(tmp_path, 60, plan, behaviour))
    assert engine.phase is Phase.DONE, Counter(engine.states)
    found = fleet.Rolled(60, failed(engine), seconds, at_once(made.journal))
    how = "An upgrade by LifecycleService and a reboot, by `bootlab rollout`; its journal read afterwards. "
    result = book.add(fleet.updated(found, ALLOWED, how + HOW))
    assert result.verdict is Verdict.HOLDS, result


def test_c09_c16_one_node(book, tmp_path):
    asyncio.run(_one_node(book, tmp_path))


async def _one_node(book, folder):
    async with scene(folder, 1, QUICK) as made:
        authority = CertificateAuthority.load(made.settings.folder)
        address = f"{made.settings.address(0)}:{made.settings.port}"
        log = folder / "new.jsonl"
        dns, checks = await asyncio.to_thread(_ask, address, authority, log)
    book.add(enrol.dns(*dns, (NEW,), f"ApplyConfiguration without a reboot; the DNS server's log. {HOW}"))
    found = book.add(enrol.let_in(checks, f"TLS connections with each identity. {HOW}"))
    assert found.verdict is Verdict.HOLDS, found


def _ask(address, authority, log):
    def admin(role, of=authority):
        return MutualTls(authority.pair.certificate, of.issue_client(role))

    checks = {}
    with Node(address, admin("os:admin")) as node:
        before = node.machine_config()
        assert OLD in before
        patched = merge(load(before), newdns.patch(NEW)).dump()
        began = time.monotonic()
        node.apply(patched)
        while list(node.resolvers().servers) != [NEW]:
            assert time.monotonic() < began + 60
            time.sleep(0.01)
        told = time.monotonic() - began
        while not (log.exists() and newdns.asked(log)):
            assert time.monotonic() < began + 60
            time.sleep(0.01)
        asked = time.monotonic() - began
    cases = (
        ("an administrator reads", admin("os:admin"), True, lambda n: n.machine_config()),
        ("a reader asks for the version", admin("os:reader"), True, lambda n: n.version()),
        ("a reader resets", admin("os:reader"), False, lambda n: n.reset()),
        ("an operator applies", admin("os:operator"), False, lambda n: n.apply(before)),
        ("strangers", admin("os:admin", CertificateAuthority.create("x")), False, lambda n: n.version()),
    )
    for name, credentials, good, call in cases:
        try:
            with Node(address, credentials) as node:
                call(node)
            checks[name] = (good, "let in")
        except LabError as error:
            checks[name] = (not good, str(error))
    return (told, asked), checks


def test_c11_configurations_compose(book):
    base = "version: v1alpha1\nmachine:\n  type: worker\n"
    lists = tuple(
        f"apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{{address: 10.0.0.{n}}}]\n"
        for n in (1, 2)
    )
    found = book.add(config.composable(merge, load(base), lists))
    assert found.verdict is Verdict.PARTLY, found
