"""The state machine under any order of what can happen to it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lab.machineapi import machine_pb2
from lab.refos.guest.model import Slot, SlotHealth, SlotName, Slots
from lab.refos.guest.state import sequences
from lab.refos.guest.state.configuration import ApplyMode, Refused, Unsupported
from lab.refos.guest.state.eventlog import EventLog
from lab.refos.guest.state.machine import Action, Machine
from lab.refos.guest.state.sequences import Stage
from lab.refos.guest.state.trial import SwitchRecord

ALL = [
    sequences.BOOT,
    sequences.INSTALL,
    sequences.STAGE_UPGRADE,
    sequences.UPGRADE,
    sequences.ROLLBACK,
    sequences.REBOOT,
    sequences.RESET,
    sequences.SHUTDOWN,
]
CONDITIONS = st.sampled_from(["network", "services", "time"])


class MachineRules(RuleBasedStateMachine):
    """One boot. `marked` and `given_up` are what the boot loader would have heard."""

    @initialize(
        booted=st.sampled_from([None, *SlotName]),
        health=st.sampled_from([SlotHealth.GOOD, SlotHealth.TRIAL]),
        switched_to=st.sampled_from([None, *SlotName]),
        config=st.sampled_from([None, "one"]),
    )
    def boot(self, booted, health, switched_to, config):
        self.now = 0.0
        self.log = EventLog(b"boot", capacity=10_000)
        self.machine = Machine(self.log, trial_seconds=60)
        table = {name: Slot("v1", SlotHealth.GOOD) for name in SlotName}
        if booted is not None:
            table[booted] = Slot("v2", health)
        record = None
        if switched_to is not None:
            record = SwitchRecord("upgrade", switched_to.other, switched_to, "v1", switched=True)
        self.marked, self.given_up = 0, 0
        self.verdict = self.machine.boot(Slots(booted, booted, table), record, config, self.now)
        self.machine.begin(sequences.BOOT if config else sequences.INITIALIZE, self.now)
        self.take()

    def take(self):
        for action in self.machine.take_actions():
            self.marked += action is Action.MARK_GOOD
            self.given_up += action is Action.GIVE_UP

    @rule(name=CONDITIONS, met=st.booleans())
    def condition(self, name, met):
        if met:
            self.machine.meet(name, self.now)
        else:
            self.machine.miss(name, "because", self.now)
        self.take()

    @rule(sequence=st.sampled_from(ALL))
    def begin(self, sequence):
        if self.machine.running is None:
            self.machine.begin(sequence, self.now)
            assert self.machine.stage is sequence.stage
        else:
            before = self.machine.stage
            with pytest.raises(Refused, match="one operation at a time"):
                self.machine.begin(sequence, self.now)
            assert self.machine.stage is before
        self.take()

    @precondition(lambda self: self.machine.running is not None)
    @rule()
    def task(self):
        sequence = self.machine.running
        if self.machine.next_task(self.now) is None:
            assert self.machine.running is None
            assert self.machine.stage is sequence.after
        self.take()

    @precondition(lambda self: self.machine.running is not None)
    @rule()
    def failure(self):
        self.machine.fail("it broke", self.now)
        assert self.machine.stage in (Stage.RUNNING, Stage.MAINTENANCE)
        self.take()

    @rule(mode=st.sampled_from(list(ApplyMode)), text=st.sampled_from(["one", "two"]))
    def apply(self, mode, text):
        configuration = self.machine.configuration
        before = (configuration.active, configuration.persistent)
        first = configuration.active is None
        try:
            decision = configuration.decide(mode, maintenance=first, reboot_mode=False)
        except (Refused, Unsupported):
            assert (configuration.active, configuration.persistent) == before
            return
        configuration.commit(decision, text, self.now, 30)
        assert (configuration.active == text) if decision.activate else (configuration.active == before[0])
        assert (
            (configuration.persistent == text) if decision.save else (configuration.persistent == before[1])
        )

    @rule(seconds=st.sampled_from([1, 31, 61]))
    def time_passes(self, seconds):
        self.now += seconds
        due = self.machine.get_timer()
        self.machine.handle_timer(self.now)
        if due is not None and due <= self.now:
            left = self.machine.get_timer()
            assert left is None or left > self.now, "a deadline that is over does not stay"
        self.take()

    @invariant()
    def ready_is_what_it_says(self):
        if self.machine.ready:
            assert self.machine.unmet == ()
            assert self.machine.stage in (Stage.RUNNING, Stage.MAINTENANCE)

    @invariant()
    def a_slot_is_marked_once_and_never_after_it_was_given_up(self):
        assert self.marked + self.given_up <= 1
        if self.verdict.confirmed:
            assert self.marked == 0

    @invariant()
    def only_a_slot_on_trial_is_given_up(self):
        assert not self.given_up or self.verdict.on_trial

    @invariant()
    def a_tried_configuration_is_not_on_disk(self):
        configuration = self.machine.configuration
        if configuration.revert_at is not None:
            assert configuration.persistent is not None

    @invariant()
    def events_tell_the_present_status_last(self):
        told = [event for event in self.log.since(0) if event.name == "machine.MachineStatusEvent"]
        last = machine_pb2.MachineStatusEvent.FromString(told[-1].payload)
        assert last == self.machine.status()
        assert last.stage == self.machine.stage.value

    @invariant()
    def starts_and_stops_are_balanced(self):
        open_tasks = 0
        for event in self.log.since(0):
            if event.name == "machine.TaskEvent":
                action = machine_pb2.TaskEvent.FromString(event.payload).action
                open_tasks += 1 if action == machine_pb2.TaskEvent.START else -1
                assert open_tasks in (0, 1)
            elif event.name == "machine.SequenceEvent":
                open_tasks = 0  # a failure ends the task with its sequence


TestMachineRules = MachineRules.TestCase
TestMachineRules.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
