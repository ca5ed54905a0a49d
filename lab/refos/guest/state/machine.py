"""The machine of a node: one stage, one operation at a time, conditions, and deadlines.

The caller performs the tasks and actions that it is given and says how they ended; `now` is in seconds on any
clock that does not jump. What happened is in `log`, as the events that the API sends.
"""

from enum import Enum, auto

from lab.machineapi import common_pb2, machine_pb2
from lab.refos.guest.model import Slots
from lab.refos.guest.state.configuration import Configuration, Refused
from lab.refos.guest.state.eventlog import EventLog
from lab.refos.guest.state.sequences import Sequence, Stage
from lab.refos.guest.state.trial import TRIAL_SECONDS, SwitchRecord, Verdict, judge

_SEQUENCE = machine_pb2.SequenceEvent
_PHASE = machine_pb2.PhaseEvent
_TASK = machine_pb2.TaskEvent


class Action(Enum):
    """What the machine wants done outside of a sequence."""

    MARK_GOOD = auto()  # tell the boot loader
    GIVE_UP = auto()  # mark the booted slot bad and reboot into the other
    REVERT_TRIED = auto()  # apply the configuration that is active now


class _Run:
    """A sequence that runs: where it is."""

    def __init__(self, sequence: Sequence, actor: str) -> None:
        self.sequence = sequence
        self.actor = actor
        self.steps = [(phase.name, task) for phase in sequence.phases for task in phase.tasks]
        self.at = -1

    def phase(self, at: int) -> str | None:
        return self.steps[at][0] if 0 <= at < len(self.steps) else None


class Machine:
    """State of one node. `ready` once it runs and every condition is met."""

    def __init__(self, log: EventLog, trial_seconds: float = TRIAL_SECONDS) -> None:
        self.log = log
        self.stage = Stage.BOOTING
        self.configuration = Configuration()
        self.slots = Slots(None, None)
        self.verdict = Verdict()
        self._unmet: dict[str, str] = {}
        self._run: _Run | None = None
        self._trial_seconds = trial_seconds
        self._give_up_at: float | None = None
        self._decided = False  # about the booted slot: good, or given up
        self._told: tuple[Stage, tuple[tuple[str, str], ...]] | None = None
        self._actions: list[Action] = []

    # -- what is

    @property
    def unmet(self) -> tuple[tuple[str, str], ...]:
        """(name, reason) of each condition that is not met, by name."""
        return tuple(sorted(self._unmet.items()))

    @property
    def ready(self) -> bool:
        """It does what it is for."""
        return self.stage in (Stage.RUNNING, Stage.MAINTENANCE) and not self._unmet

    @property
    def running(self) -> Sequence | None:
        """The sequence that runs."""
        return self._run.sequence if self._run is not None else None

    def take_actions(self) -> list[Action]:
        """Return what is to be done, once."""
        actions, self._actions = self._actions, []
        return actions

    # -- boot

    def boot(self, slots: Slots, record: SwitchRecord | None, config: str | None, now: float) -> Verdict:
        """Take in what the boot found; the caller then begins BOOT, or INITIALIZE where `config` is None."""
        self.slots = slots
        self.verdict = judge(slots, record)
        self.configuration = Configuration(config, config)
        if self.verdict.on_trial:
            self._give_up_at = now + self._trial_seconds
        if self.verdict.finding and record is not None:
            error = common_pb2.Error(code=common_pb2.FATAL, message=self.verdict.finding)
            self.log.add(_SEQUENCE(sequence=record.kind, action=_SEQUENCE.STOP, error=error), now)
        self._tell(now)
        return self.verdict

    # -- conditions

    def meet(self, name: str, now: float) -> None:
        """A condition is met."""
        if self._unmet.pop(name, None) is not None:
            self._tell(now)

    def miss(self, name: str, reason: str, now: float) -> None:
        """A condition is not met, and why."""
        if self._unmet.get(name) != reason:
            self._unmet[name] = reason
            self._tell(now)

    def _tell(self, now: float) -> None:
        """Record the status where it changed, and see whether the slot is good now."""
        if self._told != (self.stage, self.unmet):
            self._told = (self.stage, self.unmet)
            self.log.add(self.status(), now)
        if self.proven and not self._decided:
            self._decided = True
            self._give_up_at = None
            if not self.verdict.confirmed:
                self._actions.append(Action.MARK_GOOD)

    @property
    def proven(self) -> bool:
        """Whether the booted slot is good: on trial it must be ready, else its services must run."""
        if self.verdict.on_trial:
            return self.stage is Stage.RUNNING and not self._unmet
        return self.stage in (Stage.RUNNING, Stage.MAINTENANCE) and "services" not in self._unmet

    def status(self) -> machine_pb2.MachineStatusEvent:
        """Return stage and readiness."""
        status = machine_pb2.MachineStatusEvent.MachineStatus
        return machine_pb2.MachineStatusEvent(
            stage=machine_pb2.MachineStatusEvent.MachineStage.Name(self.stage.value),
            status=status(
                ready=self.ready,
                unmet_conditions=[status.UnmetCondition(name=n, reason=r) for n, r in self.unmet],
            ),
        )

    # -- sequences

    def check_idle(self) -> None:
        """Raise Refused where a sequence runs."""
        if self._run is not None:
            raise Refused(f"{self._run.sequence.name} is running: one operation at a time")

    def begin(self, sequence: Sequence, now: float, actor: str = "") -> None:
        """Start a sequence. Raises Refused where one runs."""
        self.check_idle()
        self._run = _Run(sequence, actor)
        self.stage = sequence.stage
        self.log.add(_SEQUENCE(sequence=sequence.name, action=_SEQUENCE.START), now, actor)
        self._tell(now)

    def next_task(self, now: float) -> str | None:
        """End the task that ran, and return the next; None where the sequence is over."""
        run = self._run
        if run is None:
            return None
        self._end_step(run, now)
        if run.at == len(run.steps):
            self._end(run.sequence.after, None, now)
            return None
        phase, task = run.steps[run.at]
        if phase != run.phase(run.at - 1):
            self.log.add(_PHASE(phase=phase, action=_PHASE.START), now, run.actor)
        self.log.add(_TASK(task=task, action=_TASK.START), now, run.actor)
        return task

    def _end_step(self, run: _Run, now: float) -> None:
        """Close the task that ran and, behind its last one, the phase."""
        run.at += 1
        before = run.phase(run.at - 1)
        if before is not None:
            self.log.add(_TASK(task=run.steps[run.at - 1][1], action=_TASK.STOP), now, run.actor)
            if before != run.phase(run.at):
                self.log.add(_PHASE(phase=before, action=_PHASE.STOP), now, run.actor)

    def fail(self, reason: str, now: float) -> None:
        """End the sequence badly: a machine that had a stage to be in goes back to it."""
        if self._run is None:
            return
        configured = self.configuration.active is not None
        error = common_pb2.Error(code=common_pb2.FATAL, message=reason)
        self._end(Stage.RUNNING if configured else Stage.MAINTENANCE, error, now)

    def _end(self, stage: Stage, error: common_pb2.Error | None, now: float) -> None:
        assert self._run is not None
        run, self._run = self._run, None
        self.stage = stage
        event = _SEQUENCE(sequence=run.sequence.name, action=_SEQUENCE.STOP)
        if error is not None:
            event.error.CopyFrom(error)
        self.log.add(event, now, run.actor)
        self._tell(now)

    # -- time

    def give_up(self, now: float) -> None:
        """A slot on trial that cannot become good need not wait for its deadline."""
        if self._give_up_at is not None:
            self._give_up_at = now

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is to be called."""
        times = [t for t in (self._give_up_at, self.configuration.revert_at) if t is not None]
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        """Let time pass: a tried configuration ends, a slot on trial is given up."""
        revert_at = self.configuration.revert_at
        if revert_at is not None and now >= revert_at:
            self.configuration.revert()
            self._actions.append(Action.REVERT_TRIED)
        if self._give_up_at is not None and now >= self._give_up_at:
            self._give_up_at = None
            self._decided = True
            self._actions.append(Action.GIVE_UP)
