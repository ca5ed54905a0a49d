import logging
import os
import threading
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from sqlalchemy import text

from pxe.boot.catalogue import Catalogue
from pxe.boot.classify import Client
from pxe.boot.snapshot import Snapshot
from pxe.errors import PlanError, ServiceError
from pxe.events import PlanChanged
from pxe.plan import Action, Arch, Asset, BootPlan, Firmware, Machine, PlanRule, Selector
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


def rule(name, plan="p", **when):
    return PlanRule(name=name, when=Selector(**when), plan=plan)


def test_rules_cover_the_configured_ones_and_survive(engine, plan):
    base = configured([Machine(mac=MAC)], [plan, replace(plan, name="q")], [rule("r", mac="52:54:00")])
    rig = Rig(engine, base)
    assert rig.catalogue.plan_of(MAC) == plan
    rig.store.put_rule(rule("r", "q", mac="52:54:00"))
    rig.store.put_rule(rule("s", "p", arch=Arch.X86))
    assert rig.changes() == [(MAC, "q")]
    assert rig.store.source(rig.now.rules[0]) == "api"
    again = Rig(engine, base)
    assert set(again.now.rules) == set(rig.now.rules)
    again.store.delete_rule("r")
    assert again.catalogue.plan_of(MAC) == plan
    with pytest.raises(InUse, match="rule r comes from the configuration"):
        again.store.delete_rule("r")
    again.store.put_plan(replace(plan, name="t"))
    again.store.put_rule(rule("s", "t", arch=Arch.X86))
    with pytest.raises(InUse, match="rule s names it"):
        again.store.delete_plan("t")


def test_what_ties_is_refused_and_changes_nothing(engine, plan):
    rig = Rig(engine)
    rig.store.put_plan(plan)
    rig.store.put_rule(rule("lab", tags=frozenset({"lab"})))
    rig.store.put_rule(rule("rack", tags=frozenset({"rack"})))
    before = rig.now
    with pytest.raises(PlanError, match="rules lab and rack select the same machine"):
        rig.store.put_machine(Machine(mac=MAC, tags=frozenset({"lab", "rack"})))
    with pytest.raises(PlanError, match="rules again and lab select the same machine"):
        rig.store.put_rule(rule("again", tags=frozenset({"lab"})))
    assert rig.now is before
    assert Rig(engine).now == before


def test_holds_and_next_plans_survive_and_leave_no_trace(engine, plan):
    base = configured([Machine(mac=MAC, plan="p")], [plan, replace(plan, name="q")])
    rig = Rig(engine, base)
    rig.store.hold(MAC)
    rig.store.boot_next(MAC, "q")
    again = Rig(engine, base)
    assert (again.now.machines[MAC].hold, again.now.machines[MAC].next_plan) == (True, "q")
    assert again.catalogue.plan_of(MAC).action is Action.HOLD
    again.store.hold(MAC, hold=False)
    assert again.catalogue.plan_of(MAC).name == "q"
    again.store.finished(MAC, "q")
    assert again.changes() == [(MAC, "q"), (MAC, "p")]
    assert again.store.source(again.now.machines[MAC]) == "config"
    with pytest.raises(Unknown, match=f"machine {OTHER} does not exist"):
        again.store.hold(OTHER)


def test_no_uboot_machine_gets_an_efi_zboot_kernel(engine, plan, tmp_path):
    (tmp_path / "zboot").write_bytes(b"MZ\0\0zimg" + b"\0" * 100)
    zboot = replace(plan, name="z", kernel=Asset("z", tmp_path / "zboot"))
    rig = Rig(engine)
    assert "zboot" in rig.store.put_plan(zboot)[0]
    rig.store.put_machine(Machine(mac=OTHER, plan="z"))  # nobody knows its firmware
    with pytest.raises(PlanError, match=r"plan: z: kernel: .*U-Boot's booti cannot start"):
        rig.store.put_rule(rule("boards", "z", firmware=Firmware.UBOOT))
    rig.store.put_machine(Machine(mac=MAC))
    rig.catalogue.admit(Client(mac=MAC, firmware=Firmware.UBOOT), 1.0)
    with pytest.raises(PlanError, match=f"machine {MAC} is a U-Boot: kernel: "):
        rig.store.boot_next(MAC, "z")
    rig.store.put_plan(plan)
    rig.store.put_machine(Machine(mac=MAC, plan="p"))
    rig.store.put_rule(rule("boards", "p", firmware=Firmware.UBOOT))
    with pytest.raises(PlanError, match="zboot"):
        rig.store.put_plan(replace(zboot, name="p"))
    assert rig.now.plans["p"] == plan


@pytest.mark.parametrize(
    ("rules", "more", "message"),
    [
        ((rule("r", "gone", mac=MAC),), {}, "rule r: plan: gone does not exist"),
        ((rule("r"),), {}, "rule r: when: selects every machine"),
        ((rule("r", mac=MAC), rule("r", mac=MAC)), {}, "rule r: given twice"),
        ((rule("r", mac=MAC), rule("s", mac=MAC)), {}, "rules r and s select the same machine"),
        ((), {"discovery": "gone"}, "discovery: there is no plan gone"),
    ],
)
def test_configured_rules_are_checked(plan, rules, more, message):
    with pytest.raises(PlanError, match=message):
        configured([], [plan], rules, **more)
