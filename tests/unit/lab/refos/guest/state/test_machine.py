"""The state machine, one story at a time."""

import pytest

from lab.machineapi import machine_pb2
from lab.refos.guest.model import Slot, SlotHealth, SlotName, Slots
from lab.refos.guest.state import sequences
from lab.refos.guest.state.configuration import ApplyMode, Configuration, Refused, Unsupported
from lab.refos.guest.state.eventlog import EventLog
from lab.refos.guest.state.machine import Action, Machine
from lab.refos.guest.state.sequences import Stage
from lab.refos.guest.state.trial import SwitchRecord, judge

TRIAL = Slots(
    SlotName.B,
    SlotName.B,
    {SlotName.A: Slot("v1", SlotHealth.GOOD), SlotName.B: Slot("v2", SlotHealth.TRIAL)},
)
SWITCHED = SwitchRecord("upgrade", SlotName.A, SlotName.B, "v1", switched=True)


@pytest.fixture
def machine():
    return Machine(EventLog(b"boot"), trial_seconds=60)


def run(machine, sequence, now=0.0):
    machine.begin(sequence, now)
    tasks = []
    while (task := machine.next_task(now)) is not None:
        tasks.append(task)
    return tasks


def words(machine):
    """What the events say, in short."""
    found = []
    for event in machine.log.since(0):
        message = getattr(machine_pb2, event.name.rpartition(".")[2]).FromString(event.payload)
        if event.name == "machine.MachineStatusEvent":
            continue
        what = getattr(message, "sequence", "") or getattr(message, "phase", "") or message.task
        found.append(f"{what} {type(message).Action.Name(message.action)}")
    return found


def test_a_boot_tells_its_sequence_phases_and_tasks(machine):
    machine.boot(Slots(None, None), None, "config", 0.0)
    assert run(machine, sequences.BOOT) == ["applyConfiguration", "startAPI"]
    assert words(machine) == [
        "boot START",
        "config START",
        "applyConfiguration START",
        "applyConfiguration STOP",
        "config STOP",
        "services START",
        "startAPI START",
        "startAPI STOP",
        "services STOP",
        "boot STOP",
    ]
    assert machine.stage is Stage.RUNNING
    assert machine.ready


def test_a_failed_upgrade_leaves_the_machine_running_and_says_why(machine):
    machine.boot(Slots(None, None), None, "config", 0.0)
    run(machine, sequences.BOOT)
    machine.begin(sequences.UPGRADE, 1.0, actor="me")
    assert machine.next_task(1.0) == "writeImage"
    machine.fail("signature verification failed", 2.0)
    assert machine.stage is Stage.RUNNING
    events = [e for e in machine.log.since(0) if e.name == "machine.SequenceEvent" and e.actor == "me"]
    last = machine_pb2.SequenceEvent.FromString(events[-1].payload)
    assert (last.sequence, last.error.message) == ("upgrade", "signature verification failed")


def test_a_slot_on_trial_is_marked_good_when_ready_and_not_before(machine):
    machine.boot(TRIAL, SWITCHED, "config", 0.0)
    machine.miss("network", "no address", 0.0)
    run(machine, sequences.BOOT)
    assert machine.take_actions() == []
    machine.meet("network", 5.0)
    assert machine.take_actions() == [Action.MARK_GOOD]
    assert machine.get_timer() is None


def test_a_slot_on_trial_that_does_not_become_ready_is_given_up(machine):
    machine.boot(TRIAL, SWITCHED, "config", 10.0)
    machine.miss("network", "no address", 10.0)
    run(machine, sequences.BOOT, 10.0)
    assert machine.get_timer() == 70.0
    machine.handle_timer(69.9)
    assert machine.take_actions() == []
    machine.handle_timer(70.0)
    assert machine.take_actions() == [Action.GIVE_UP]


def test_a_slot_on_trial_without_a_configuration_is_not_good(machine):
    machine.boot(TRIAL, SWITCHED, None, 0.0)
    run(machine, sequences.INITIALIZE)
    assert machine.ready
    machine.handle_timer(60.0)
    assert machine.take_actions() == [Action.GIVE_UP]


def test_a_slot_that_was_good_before_stays_so_without_a_network(machine):
    machine.boot(TRIAL, None, "config", 0.0)
    machine.miss("network", "the cable is out", 0.0)
    run(machine, sequences.BOOT)
    assert machine.take_actions() == [Action.MARK_GOOD]
    machine.handle_timer(1000.0)
    assert machine.take_actions() == []


def test_a_fallback_is_told(machine):
    fallen = Slots(
        SlotName.A,
        SlotName.B,
        {SlotName.A: Slot("v1", SlotHealth.GOOD), SlotName.B: Slot("v2", SlotHealth.BAD)},
    )
    verdict = machine.boot(fallen, SWITCHED, "config", 0.0)
    assert verdict.finding == "fell back to slot A version v1: slot B version v2 did not become good"
    assert verdict.forget
    first = next(machine.log.since(0))
    assert machine_pb2.SequenceEvent.FromString(first.payload).error.message == verdict.finding


def test_an_upgrade_that_was_cut_off_is_no_fallback():
    record = SwitchRecord("upgrade", SlotName.A, SlotName.B, "v1", switched=False)
    here = Slots(SlotName.A, SlotName.A, {SlotName.A: Slot("v1", SlotHealth.GOOD)})
    verdict = judge(here, record)
    assert verdict.finding == "the upgrade of slot B was interrupted; slot A is as it was"


def test_a_record_is_kept_as_text_and_a_damaged_one_is_none():
    assert SwitchRecord.load(SWITCHED.dump()) == SWITCHED
    for damaged in ("", "{}", "[]", SWITCHED.dump()[:-3], SWITCHED.dump().replace('"B"', '"C"')):
        assert SwitchRecord.load(damaged) is None


class TestConfiguration:
    def test_auto_is_no_reboot(self):
        decision = Configuration("a", "a").decide(ApplyMode.AUTO, maintenance=False, reboot_mode=False)
        assert (decision.mode, decision.activate, decision.save) == (ApplyMode.NO_REBOOT, True, True)

    def test_a_tried_one_ends_by_itself(self, machine):
        machine.boot(Slots(None, None), None, "old", 0.0)
        configuration = machine.configuration
        decision = configuration.decide(ApplyMode.TRY, maintenance=False, reboot_mode=False)
        configuration.commit(decision, "new", 10.0, 60.0)
        assert (configuration.active, configuration.persistent) == ("new", "old")
        with pytest.raises(Refused, match="being tried already"):
            configuration.decide(ApplyMode.TRY, maintenance=False, reboot_mode=False)
        machine.handle_timer(69.0)
        assert configuration.active == "new"
        machine.handle_timer(70.0)
        assert configuration.active == "old"
        assert machine.take_actions() == [Action.REVERT_TRIED]

    def test_applying_it_ends_the_trial(self):
        configuration = Configuration("old", "old")
        tried = configuration.decide(ApplyMode.TRY, maintenance=False, reboot_mode=False)
        configuration.commit(tried, "new", 0.0)
        kept = configuration.decide(ApplyMode.NO_REBOOT, maintenance=False, reboot_mode=False)
        configuration.commit(kept, "new", 1.0)
        assert (configuration.persistent, configuration.revert_at) == ("new", None)

    def test_a_staged_one_waits_for_the_next_boot(self):
        configuration = Configuration("old", "old")
        decision = configuration.decide(ApplyMode.STAGED, maintenance=False, reboot_mode=False)
        configuration.commit(decision, "new", 0.0)
        assert (configuration.active, configuration.persistent) == ("old", "new")

    def test_reboot_is_gone_since_1_14(self):
        configuration = Configuration("a", "a")
        with pytest.raises(Unsupported):
            configuration.decide(ApplyMode.REBOOT, maintenance=False, reboot_mode=False)
        assert configuration.decide(ApplyMode.REBOOT, maintenance=False, reboot_mode=True).save

    @pytest.mark.parametrize("mode", [ApplyMode.TRY, ApplyMode.STAGED])
    def test_the_first_one_is_neither_tried_nor_staged(self, mode):
        with pytest.raises(Refused, match="no configuration yet"):
            Configuration().decide(mode, maintenance=True, reboot_mode=False)


class TestEventLog:
    def test_readers_start_where_they_ask(self):
        log = EventLog(b"boot", capacity=4)
        recorded = [log.add(machine_pb2.RestartEvent(cmd=n), now=float(n)) for n in range(6)]
        assert [event.number for event in log.since(0)] == [2, 3, 4, 5]
        assert log.start_of(tail=-1) == 2
        assert log.start_of(tail=1) == 5
        assert log.start_of() == 6
        assert log.start_of(seconds=2, now=6.0) == 4
        assert log.start_of(after_id=recorded[4].id) == 5
        assert log.start_of(after_id=recorded[0].id) == 2, "what is lost is lost, the rest is sent"

    def test_ids_are_xids_in_order_and_of_this_boot(self):
        log, other = EventLog(b"boot one."), EventLog(b"boot two.")
        ids = [log.add(machine_pb2.RestartEvent(), 0.0).id for _ in range(300)]
        assert ids == sorted(set(ids))
        assert {len(name) for name in ids} == {20}
        assert other.add(machine_pb2.RestartEvent(), 0.0).id not in ids
