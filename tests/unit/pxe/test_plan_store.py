import logging
import os
import threading
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from sqlalchemy import text

from pxe.boot.catalogue import Catalogue
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError, ServiceError
from pxe.events import PlanChanged
from pxe.plan import Asset, BootPlan, Machine
from pxe.plan_store import InUse, PlanStore, Unknown, configured
from pxe.state import open_state

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
IP = IPv4Address("10.99.0.50")


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "k").write_bytes(b"kernel")
    return BootPlan(name="p", kernel=Asset("k", tmp_path / "k"))


@pytest.fixture
def engine(tmp_path):
    engine = open_state(tmp_path / "state")
    yield engine
    engine.dispose()


class Rig:
    """A store over an empty or given base, with the events it emitted."""

    def __init__(self, engine, base=None):
        self.events = []
        base = base or Snapshot()
        self.catalogue = Catalogue(base)
        self.store = PlanStore(engine, base, self.catalogue, self.events.append)

    @property
    def now(self):
        return self.catalogue.snapshot

    def changes(self):
        assert all(isinstance(event, PlanChanged) for event in self.events)
        return [(event.mac, event.plan) for event in self.events]


def test_what_is_put_survives_a_restart(engine, plan):
    rig = Rig(engine)
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, ip=IP, plan="p"))
    assert rig.catalogue.plan_of(MAC) == plan
    again = Rig(engine)
    assert again.now == rig.now
    assert again.catalogue.reserved_for(IP) == MAC
    assert again.events == []


def test_changes_of_a_machines_plan_are_events(engine, plan):
    rig = Rig(engine)
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, plan="p"))
    rig.store.put_machine(Machine(mac=MAC, plan="p", name="new-name"))
    rig.store.put_plan(replace(plan, cmdline="quiet"))
    rig.store.put_machine(Machine(mac=MAC))
    rig.store.delete_machine(MAC)
    assert rig.changes() == [(MAC, "p"), (MAC, "p"), (MAC, None)]


def test_the_api_covers_the_configuration_and_uncovers_it(engine, plan):
    base = configured([Machine(mac=MAC, plan="p")], [plan])
    rig = Rig(engine, base)
    assert (rig.store.source(rig.now.plans["p"]), rig.store.source(rig.now.machines[MAC])) == ("config",) * 2
    rig.store.put_plan(replace(plan, cmdline="other"))
    rig.store.put_machine(Machine(mac=MAC))
    assert (rig.store.source(rig.now.plans["p"]), rig.store.source(rig.now.machines[MAC])) == ("api",) * 2
    assert rig.catalogue.plan_of(MAC) is None
    rig.store.delete_machine(MAC)
    rig.store.delete_plan("p")
    assert rig.now == base
    for delete in (lambda: rig.store.delete_machine(MAC), lambda: rig.store.delete_plan("p")):
        with pytest.raises(InUse, match="comes from the configuration"):
            delete()


def test_covering_is_said_at_start(engine, plan, caplog):
    base = configured([Machine(mac=MAC)], [plan])
    rig = Rig(engine, base)
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, plan="p"))
    with caplog.at_level(logging.INFO):
        Rig(engine, base)
    assert {"p", MAC} == {record.args[0] for record in caplog.records}


def test_delete_refuses_what_is_unknown_or_in_use(engine, plan):
    rig = Rig(engine)
    with pytest.raises(Unknown, match="plan p does not exist"):
        rig.store.delete_plan("p")
    with pytest.raises(Unknown, match=f"machine {MAC} does not exist"):
        rig.store.delete_machine(MAC)
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, plan="p"))
    with pytest.raises(InUse, match=f"machine {MAC} boots it"):
        rig.store.delete_plan("p")
    rig.store.delete_machine(MAC)
    rig.store.delete_plan("p")
    assert Rig(engine).now == Snapshot()


def test_a_refused_change_changes_nothing(engine, plan, tmp_path):
    rig = Rig(engine)
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, ip=IP, plan="p"))
    before = rig.now
    for change, message in [
        (lambda: rig.store.put_plan(replace(plan, cmdline="$x")), "cmdline"),
        (lambda: rig.store.put_plan(replace(plan, initrd=Asset("i", tmp_path / "no"))), "initrd: path"),
        (lambda: rig.store.put_machine(Machine(mac=OTHER, plan="q")), "plan: q does not exist"),
        (lambda: rig.store.put_machine(Machine(mac=OTHER, ip=IP)), f"ip: {IP} is reserved for {MAC}"),
        (lambda: rig.store.put_machine(Machine(mac="01:00:00:00:00:00")), "multicast"),
    ]:
        with pytest.raises(PlanError, match=message):
            change()
    assert rig.now is before
    assert Rig(engine).now == before


def test_a_database_that_takes_nothing_changes_nothing(engine, plan):
    rig = Rig(engine)
    with engine.begin() as db:
        db.execute(text("DROP TABLE plans"))
    with pytest.raises(ServiceError, match=r"state\.sqlite"):
        rig.store.put_plan(plan)
    assert rig.now == Snapshot()


def test_a_damaged_record_is_left_out_aloud(engine, plan, caplog):
    rig = Rig(engine)
    rig.store.put_plan(plan)
    rig.store.put_plan(replace(plan, name="q"))
    rig.store.put_machine(Machine(mac=MAC, plan="p"))
    with engine.begin() as db:
        db.execute(text("UPDATE plans SET body = '{' WHERE key = 'p'"))
        db.execute(text("UPDATE machines SET body = '{}'"))
    again = Rig(engine)
    assert (set(again.now.plans), set(again.now.machines)) == ({"q"}, set())
    assert "plan p in the state database cannot be used" in caplog.text
    assert f"machine {MAC} in the state database cannot be used" in caplog.text


def test_writers_at_once_lose_nothing(engine, plan):
    rig = Rig(engine)

    def put(first):
        for i in range(first, first + 10):
            rig.store.put_machine(Machine(mac=f"52:54:00:00:01:{i:02x}"))

    threads = [threading.Thread(target=put, args=(10 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rig.now.machines) == 40
    assert Rig(engine).now == rig.now


@pytest.mark.parametrize(
    ("machines", "twice", "message"),
    [
        ([], True, "plan p: given twice"),
        ([Machine(mac=MAC), Machine(mac=MAC)], False, f"machine {MAC}: given twice"),
        ([Machine(mac=MAC, plan="q")], False, f"machine {MAC}: plan: q does not exist"),
        ([Machine(mac=MAC, ip=IP), Machine(mac=OTHER, ip=IP)], False, f"machine {OTHER}: ip"),
    ],
)
def test_a_faulty_configuration_is_refused(plan, machines, twice, message):
    with pytest.raises(PlanError, match=message):
        configured(machines, [plan] * (1 + twice))


def test_a_configured_file_that_is_missing_is_refused_at_start(plan):
    os.unlink(plan.kernel.path)
    with pytest.raises(PlanError, match="plan p: kernel: path"):
        configured([], [plan])
