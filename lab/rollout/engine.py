"""What happens next in a rollout: a pure state machine. Time and answers are arguments; records come out.

Everything that the machine knows comes from records (`fold`), so what is read back from the journal after a
kill leads to the same state. A record has to be on disk before the work that follows from it is begun.

One node: waiting -> changing -> changed -> done, or failed; then reverted, or stuck (could not be reverted).
`changing` is written before the node is touched: a node found in it after a kill is looked at first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lab.rollout.plan import Pace, Pause, Scope


class State(StrEnum):
    """How far a node is."""

    WAITING = "waiting"
    CHANGING = "changing"
    CHANGED = "changed"
    DONE = "done"
    FAILED = "failed"
    REVERTED = "reverted"
    STUCK = "stuck"


class Phase(StrEnum):
    """How far the rollout is. Paused, halted, done and reverted ones have an end of their own: `over`."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    REVERTING = "reverting"
    REVERTED = "reverted"
    DONE = "done"


class Task(StrEnum):
    """What is to be done with a node: change it; go on after a kill (look whether it has changed, change it
    if not); run its gates only; put it back."""

    CHANGE = "change"
    GO_ON = "go on"
    CHECK = "check"
    REVERT = "revert"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A node is in another state now. `cause`: one sentence, of failed and stuck ones."""

    node: int
    to: State
    cause: str = ""


@dataclass(frozen=True, slots=True)
class PhaseRecord:
    """The rollout is in another phase now. `scope` goes with reverting, `forgiven` with running."""

    to: Phase
    reason: str = ""
    scope: Scope = Scope.NONE
    forgiven: int = 0


@dataclass(frozen=True, slots=True)
class StepRecord:
    """All nodes of step `step` are settled, and it counts as passed."""

    step: int


Record = NodeRecord | PhaseRecord | StepRecord

_SETTLED = frozenset({State.DONE, State.FAILED, State.REVERTED, State.STUCK})
_OPEN = frozenset({State.CHANGING, State.CHANGED})
_NEXT = {
    State.WAITING: frozenset({State.CHANGING, State.CHANGED, State.FAILED}),  # CHANGED: nothing was to do
    State.CHANGING: frozenset({State.CHANGED, State.FAILED}),
    State.CHANGED: frozenset({State.DONE, State.FAILED}),
}
_REVERTED = frozenset({State.REVERTED, State.STUCK})
_UNDONE = frozenset({State.CHANGING, State.CHANGED, State.FAILED, State.STUCK})  # stuck ones are tried again


@dataclass(frozen=True, slots=True)
class Due:
    """`records` were made just now: on disk first, then begin `work`. `wake`: when to ask again at the latest
    (the clock's seconds), None: at the next answer. `over`: nothing is left to do."""

    records: list[Record]
    work: list[tuple[int, Task]]
    wake: float | None = None
    over: bool = False


class Engine:
    """The rollout as far as the records tell; `busy` are the nodes that somebody works on now."""

    def __init__(self, pace: Pace, records: Iterable[Record] = ()) -> None:
        self.pace = pace
        self.phase = Phase.RUNNING
        self.reason = ""
        self.scope = Scope.NONE
        self.step = 0
        self.states = [State.WAITING] * pace.count
        self.touched = bytearray(pace.count)  # 1: the node may have been changed
        self.counts = dict.fromkeys(State, 0) | {State.WAITING: pace.count}
        self.causes: dict[int, str] = {}
        self.busy: set[int] = set()
        self._forgiven = 0
        self._cursor = 0  # all nodes of the step before it were begun
        self._soak_until: float | None = None
        for record in records:
            self.fold(record)
        self._left = [node for node, state in enumerate(self.states) if state in _OPEN]  # by a killed tool
        self._revert_cursor = 0

    def fold(self, record: Record) -> None:
        """Take in what a record says."""
        match record:
            case NodeRecord(node, to, cause):
                self.counts[self.states[node]] -= 1
                self.counts[to] += 1
                self.states[node] = to
                if to is State.CHANGING:
                    self.touched[node] = 1
                if cause:
                    self.causes[node] = cause
            case PhaseRecord(to, reason, scope, forgiven):
                self.phase, self.reason = to, reason
                self.scope = scope
                if to is Phase.RUNNING:
                    self._forgiven = forgiven
            case StepRecord(step):
                self.step = step + 1
                self._cursor = 0

    @property
    def failed(self) -> int:
        """How many nodes have failed, those reverted since included."""
        return len(self.causes)

    @property
    def settled(self) -> int:
        """How many nodes have come to an end of their own."""
        return sum(self.counts[state] for state in _SETTLED)

    def due(self, now: float) -> Due:
        """Return what is to be done at `now`, and take it as begun."""
        records: list[Record] = []
        if self.phase is Phase.REVERTING:
            self._left = []  # they are put back with the others, not gone on with
        work = self._unfinished()
        self._halt(records)
        work += self._advance(records, now)
        if self.phase is Phase.HALTED and not self.busy and self.pace.revert is not Scope.NONE:
            self._note(records, PhaseRecord(Phase.REVERTING, self.reason, self.pace.revert))
        if self.phase is Phase.REVERTING:
            work += self._revert(records)
        wake = self._soak_until if self.phase is Phase.RUNNING else None
        over = not self.busy and self.phase not in (Phase.RUNNING, Phase.REVERTING)
        return Due(records, work, wake, over)

    def answer(self, node: int, to: State, cause: str = "") -> list[Record]:
        """Take in what became of a node; it stays busy until it is settled. Returns the records."""
        reverting = self.phase is Phase.REVERTING
        if to not in (_REVERTED if reverting else _NEXT.get(self.states[node], frozenset())):
            raise ValueError(f"node {node} cannot go from {self.states[node]} to {to}")
        records: list[Record] = []
        self._note(records, NodeRecord(node, to, cause))
        if to in _SETTLED:
            self.busy.discard(node)
        return records

    def pause(self, reason: str) -> list[Record]:
        """Begin no further node; those under way are finished."""
        records: list[Record] = []
        if self.phase is Phase.RUNNING:
            self._note(records, PhaseRecord(Phase.PAUSED, reason))
        return records

    def resume(self) -> list[Record]:
        """Go on after a pause or a halt; after a halt the failures so far do not count again.

        What halted and is to be reverted does not go on: the nodes are put back.
        """
        records: list[Record] = []
        if self.phase is Phase.PAUSED:
            self._note(records, PhaseRecord(Phase.RUNNING, "resumed", forgiven=self._forgiven))
        elif self.phase is Phase.HALTED and self.pace.revert is Scope.NONE:
            self._note(records, PhaseRecord(Phase.RUNNING, "resumed", forgiven=self.failed))
        return records

    def revert(self, reason: str) -> list[Record]:
        """Put every changed node back, also those left half way. Nobody may be busy."""
        records: list[Record] = []
        self._revert_cursor = 0
        self._note(records, PhaseRecord(Phase.REVERTING, reason, Scope.ALL))
        return records

    def _note(self, records: list[Record], record: Record) -> None:
        self.fold(record)
        records.append(record)

    def _free(self) -> int:
        return self.pace.concurrency - len(self.busy)

    def _take(self, node: int, task: Task, work: list[tuple[int, Task]]) -> None:
        self.busy.add(node)
        work.append((node, task))

    def _unfinished(self) -> list[tuple[int, Task]]:
        """Nodes that a killed tool left half way: these first, whatever the phase."""
        work: list[tuple[int, Task]] = []
        while self._left and self._free() > 0:
            node = self._left.pop()
            task = Task.GO_ON if self.states[node] is State.CHANGING else Task.CHECK
            self._take(node, task, work)
        return work

    def _advance(self, records: list[Record], now: float) -> list[tuple[int, Task]]:
        """Begin nodes of this step; leave the step once all of its nodes are settled."""
        work: list[tuple[int, Task]] = []
        while self.phase is Phase.RUNNING:
            if self._soak_until is not None and now < self._soak_until:
                break
            self._soak_until = None
            if self.step == len(self.pace.steps):
                self._note(records, PhaseRecord(Phase.DONE))
                break
            work = self._begin(self.pace.steps[self.step])
            if self.busy:
                break
            self._pass(records, now)
        return work

    def _begin(self, step: range) -> list[tuple[int, Task]]:
        """Begin nodes of this step as far as there is room."""
        work: list[tuple[int, Task]] = []
        self._cursor = max(self._cursor, step.start)
        while self._cursor < step.stop and self._free() > 0:
            if self.states[self._cursor] is State.WAITING:
                self._take(self._cursor, Task.CHANGE, work)
            self._cursor += 1
        return work

    def _pass(self, records: list[Record], now: float) -> None:
        """Leave this step: into a pause, into a soak, or at once into the next."""
        step = self.step
        self._note(records, StepRecord(step))
        if self.step == len(self.pace.steps):
            return
        canary = self.pace.canary and step == 0
        if self.pace.pause is Pause.STEP or (self.pace.pause is Pause.CANARY and canary):
            which = "the canary" if canary else f"step {step + 1}"
            self._note(records, PhaseRecord(Phase.PAUSED, f"{which} is through; the plan pauses here"))
        elif self.pace.soak_seconds:
            self._soak_until = now + self.pace.soak_seconds

    def _halt(self, records: list[Record]) -> None:
        """Note that too many have failed. From the state, not from the last answer: a kill may have come
        between the two records."""
        failed = self.failed - self._forgiven
        if self.phase is not Phase.RUNNING or failed <= 0:
            return
        if self.pace.canary and self.step == 0:
            self._note(records, PhaseRecord(Phase.HALTED, "a canary failed"))
        elif failed >= self.pace.limit:
            reason = f"{failed} failed, and the plan halts at {self.pace.limit}"
            self._note(records, PhaseRecord(Phase.HALTED, reason))

    def _revert(self, records: list[Record]) -> list[tuple[int, Task]]:
        """Begin to put nodes back as far as there is room; note the end once all are."""
        work: list[tuple[int, Task]] = []
        while self._revert_cursor < len(self.states) and self._free() > 0:
            if self._to_revert(self._revert_cursor):
                self._take(self._revert_cursor, Task.REVERT, work)
            self._revert_cursor += 1
        if not self.busy:
            self._note(records, PhaseRecord(Phase.REVERTED, self.reason))
        return work

    def _to_revert(self, node: int) -> bool:
        done = self.states[node] is State.DONE and self.scope is Scope.ALL
        return bool(self.touched[node]) and (done or self.states[node] in _UNDONE)
