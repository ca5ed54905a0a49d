from types import SimpleNamespace

from lab.upgrades.operate import Knowledge, Order, next_order
from lab.upgrades.plan import Operation
from lab.upgrades.system import WRITTEN, Observation


class System:
    versions = ("1", "2")
    milestones = (SimpleNamespace(name="slot"), SimpleNamespace(name="good"))

    def config(self, number, fault=""):
        return f"config {number}"


class Rig:
    system = System()


def known(slot="A", version="1", slots=None):
    seen = Observation(version=version, slot=slot, config="config 0", ready=True)
    return Knowledge(seen, {slot: version, **(slots or {})})


def test_an_upgrade_goes_to_the_version_that_does_not_run():
    assert next_order(Rig(), known(), Operation.UPGRADE).version == "2"
    assert next_order(Rig(), known(version="2"), Operation.UPGRADE).version == "1"


def test_after_a_cut_the_old_and_the_new_are_allowed():
    allowed = Order(Operation.UPGRADE, version="2").allowed(Rig(), known())
    assert allowed.systems == {("A", "1"), ("B", "2")}
    assert allowed.configs == {"config 0"}


def test_what_somebody_was_told_is_done_must_be():
    assert Order(Operation.UPGRADE, version="2").allowed(Rig(), known(), "good").systems == {("B", "2")}
    assert Order(Operation.CONFIG, number=3).allowed(Rig(), known(), WRITTEN).configs == {"config 3"}


def test_a_disk_that_is_installed_is_slot_a():
    blank = Knowledge(Observation(version="", slot="", config="", ready=False))
    order = next_order(Rig(), blank, Operation.INSTALL)
    allowed = order.allowed(Rig(), blank)
    assert (allowed.systems, allowed.configs) == ({("A", "1")}, {"config 0"})


def test_a_configuration_is_the_old_or_the_new_one():
    one = known()
    order = next_order(Rig(), one, Operation.CONFIG)
    assert order.allowed(Rig(), one).configs == {"config 0", "config 1"}
    assert next_order(Rig(), one, Operation.CONFIG).number == 2


def test_there_is_nothing_to_go_back_to():
    assert next_order(Rig(), known(), Operation.ROLLBACK).operation is Operation.UPGRADE
    both = known("B", "2", {"A": "1"})
    order = next_order(Rig(), both, Operation.ROLLBACK)
    assert order.operation is Operation.ROLLBACK
    assert order.allowed(Rig(), both).systems == {("B", "2"), ("A", "1")}


def test_a_slot_that_was_being_written_is_not_relied_on_any_more():
    one = known("A", "1", {"B": "2"})
    one.learn(one.seen, Operation.CONFIG)
    assert one.slots == {"A": "1", "B": "2"}
    one.learn(one.seen, Operation.UPGRADE)
    assert one.slots == {"A": "1"}


def test_what_an_upgrade_left_is_known():
    one = known()
    one.learn(Observation(version="2", slot="B", config="config 0", ready=True), Operation.UPGRADE)
    assert one.slots == {"A": "1", "B": "2"}
