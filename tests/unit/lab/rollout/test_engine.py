"""The engine: examples of what operators rely on, and a state machine with kills at any moment."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lab.rollout.engine import Engine, NodeRecord, Phase, PhaseRecord, State, Task
from lab.rollout.plan import Pace, Pause, Scope


def pace(*sizes, **others):
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    steps = tuple(range(end - size, end) for size, end in zip(sizes, ends, strict=True))
    return Pace(steps=steps, **others)


def finish(engine, node, *states, cause=""):
    for state in states:
        engine.answer(node, state, cause if state in (State.FAILED, State.STUCK) else "")


GOOD = (State.CHANGING, State.CHANGED, State.DONE)


def begun(engine, now=0.0):
    return [node for node, task in engine.due(now).work if task is Task.CHANGE]


def test_the_canary_goes_first_and_alone():
    engine = Engine(pace(1, 3, canary=True, concurrency=3))
    assert begun(engine) == [0]
    finish(engine, 0, State.CHANGING, State.CHANGED)
    assert begun(engine) == [], "changed is not done: its gates are still open"
    finish(engine, 0, State.DONE)
    assert begun(engine) == [1, 2, 3]


def test_no_more_than_concurrency_at_once():
    engine = Engine(pace(5, concurrency=2))
    assert begun(engine) == [0, 1]
    finish(engine, 1, *GOOD)
    assert begun(engine) == [2]


def test_the_next_step_waits_for_the_soak():
    engine = Engine(pace(1, 1, soak_seconds=10))
    assert begun(engine) == [0]
    finish(engine, 0, *GOOD)
    due = engine.due(100.0)
    assert (due.work, due.wake, due.over) == ([], 110.0, False)
    assert begun(engine, 109.0) == []
    assert begun(engine, 110.0) == [1]


def test_a_failed_canary_halts_whatever_the_limit():
    engine = Engine(pace(1, 9, canary=True, limit=5))
    begun(engine)
    finish(engine, 0, State.FAILED, cause="no route to host")
    assert engine.due(0.0).over
    assert (engine.phase, engine.reason) == (Phase.HALTED, "a canary failed")


def test_those_under_way_are_finished_when_it_halts_and_none_is_begun():
    engine = Engine(pace(6, concurrency=2, limit=1))
    begun(engine)
    finish(engine, 0, State.CHANGING, State.FAILED, cause="timed out")
    due = engine.due(0.0)
    assert (due.work, due.over, engine.phase) == ([], False, Phase.HALTED)
    finish(engine, 1, *GOOD)
    assert engine.due(0.0).over
    assert engine.counts[State.WAITING] == 4


@pytest.mark.parametrize(("scope", "expected"), [(Scope.FAILED, [1]), (Scope.ALL, [0, 1])])
def test_after_a_halt_the_failed_or_all_changed_ones_are_put_back(scope, expected):
    engine = Engine(pace(4, concurrency=1, limit=2, revert=scope))
    for _ in range(3):
        ((node, _),) = engine.due(0.0).work
        if node == 0:
            finish(engine, node, *GOOD)
        elif node == 1:
            finish(engine, node, State.CHANGING, State.FAILED, cause="did not get ready")
        else:
            finish(engine, node, State.FAILED, cause="permission denied")  # never touched
    reverted = []
    while not (due := engine.due(0.0)).over:
        for node, task in due.work:
            assert task is Task.REVERT
            reverted.append(node)
            finish(engine, node, State.REVERTED)
    assert reverted == expected
    assert engine.phase is Phase.REVERTED


def test_a_node_that_needed_nothing_is_not_put_back():
    engine = Engine(pace(1))
    begun(engine)
    finish(engine, 0, State.CHANGED, State.DONE)
    assert engine.due(0.0).over
    engine.revert("asked for")
    assert engine.due(0.0).work == []
    assert engine.phase is Phase.REVERTED


def test_a_pause_of_the_plan_needs_a_resume():
    engine = Engine(pace(1, 1, canary=True, pause=Pause.CANARY))
    begun(engine)
    finish(engine, 0, *GOOD)
    assert engine.due(0.0).over
    assert engine.reason == "the canary is through; the plan pauses here"
    engine.resume()
    assert begun(engine) == [1]


def test_failures_before_a_resume_do_not_halt_again():
    engine = Engine(pace(5, concurrency=1, limit=2))
    for _ in range(2):
        ((node, _),) = engine.due(0.0).work
        finish(engine, node, State.FAILED, cause="x")
    assert engine.due(0.0).over
    engine.resume()
    ((node, _),) = engine.due(0.0).work
    finish(engine, node, State.FAILED, cause="x")
    assert engine.phase is Phase.RUNNING
    assert begun(engine) == [3]


def test_a_node_cannot_be_done_before_it_was_changed():
    engine = Engine(pace(1))
    begun(engine)
    with pytest.raises(ValueError, match="cannot go from waiting to done"):
        engine.answer(0, State.DONE)


def test_a_kill_between_the_failure_and_the_halt_forgets_neither():
    killed = Engine(pace(2, concurrency=1), [NodeRecord(0, State.FAILED, "x")])
    assert killed.due(0.0).records == [PhaseRecord(Phase.HALTED, "1 failed, and the plan halts at 1")]


class Kills(RuleBasedStateMachine):
    """A world of nodes that count how often they were changed, and a driver that is killed at any moment."""

    @initialize(
        sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4),
        concurrency=st.integers(1, 4),
        limit=st.integers(1, 4),
        canary=st.booleans(),
        soak=st.sampled_from([0.0, 5.0]),
        pause=st.sampled_from(Pause),
        revert=st.sampled_from(Scope),
    )
    def begin(self, sizes, concurrency, limit, canary, soak, pause, revert):
        self.pace = pace(*sizes, concurrency=concurrency, limit=limit, canary=canary, soak_seconds=soak,
                         pause=pause, revert=revert)  # fmt: skip
        self.engine = Engine(self.pace)
        self.disk, self.unsaved, self.tasks = [], [], {}
        self.now = 0.0
        self.changed = [0] * self.pace.count  # how often each node was changed, less how often put back

    def write(self, records):
        self.unsaved += records

    def save(self):
        self.disk += self.unsaved
        self.unsaved = []

    @rule()
    def look(self):
        due = self.engine.due(self.now)
        self.write(due.records)
        if due.work:
            self.save()
        for node, task in due.work:
            assert node not in self.tasks, "two at the same node"
            self.tasks[node] = task
        if due.over:
            assert not self.tasks

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def wait(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.tasks)
    @rule(data=st.data(), fails=st.booleans())
    def work(self, data, fails):
        node = data.draw(st.sampled_from(sorted(self.tasks)))
        task, state = self.tasks[node], self.engine.states[node]
        if task is Task.REVERT:
            self.changed[node] = 0  # the old configuration as a whole: the same however often
            self.settle(node, State.STUCK if fails else State.REVERTED)
        elif fails:
            self.settle(node, State.FAILED)
        elif state is State.WAITING:
            self.write(self.engine.answer(node, State.CHANGING))
            self.save()
        elif state is State.CHANGING:
            if task is Task.CHANGE or not self.changed[node]:  # who goes on looks at the node first
                self.changed[node] += 1
            self.tasks[node] = Task.GO_ON  # no second time in this life
            if data.draw(st.booleans()):  # else: changed, and nobody has heard of it yet
                self.write(self.engine.answer(node, State.CHANGED))
        else:
            self.settle(node, State.DONE)

    def settle(self, node, state):
        del self.tasks[node]
        self.write(self.engine.answer(node, state, "x" if state in (State.FAILED, State.STUCK) else ""))

    @rule(data=st.data())
    def kill(self, data):
        kept = data.draw(st.integers(0, len(self.unsaved)))
        self.disk += self.unsaved[:kept]
        self.unsaved, self.tasks = [], {}
        self.engine = Engine(self.pace, self.disk)

    @rule()
    def pause(self):
        self.write(self.engine.pause("asked for"))

    @rule()
    def resume(self):
        self.write(self.engine.resume())

    @precondition(lambda self: not self.tasks)
    @rule()
    def revert(self):
        self.write(self.engine.revert("asked for"))

    @invariant()
    def as_promised(self):
        if not hasattr(self, "engine"):
            return
        engine = self.engine
        assert len(engine.busy) <= self.pace.concurrency
        assert set(self.tasks) == engine.busy
        assert max(self.changed) <= 1, "changed twice"
        for node, state in enumerate(engine.states):
            if state is State.WAITING:
                assert not self.changed[node]
            elif engine.phase is Phase.REVERTING:
                continue  # put back, and killed before that was on disk: it is put back once more
            elif state is State.DONE and engine.touched[node]:
                assert self.changed[node], "confirmed and not changed"
            elif state is State.REVERTED:
                assert not self.changed[node]
        for step in self.pace.steps[engine.step + 1 :]:
            assert all(engine.states[node] is State.WAITING for node in step), "a step was overtaken"
        if engine.phase is Phase.DONE:
            assert State.WAITING not in engine.states, "a node was skipped"

    @invariant()
    def the_journal_tells_the_same(self):
        if hasattr(self, "engine"):
            again = Engine(self.pace, self.disk + self.unsaved)
            assert (again.states, again.phase, again.step) == (
                self.engine.states, self.engine.phase, self.engine.step)  # fmt: skip


def test_a_node_left_half_way_is_put_back_and_then_left_alone():
    started = Engine(pace(2, concurrency=2))
    disk = [*started.due(0.0).records, *started.answer(0, State.CHANGING)]
    again = Engine(pace(2, concurrency=2), disk)
    again.revert("asked for")
    assert again.due(0.0).work == [(0, Task.REVERT)]
    again.answer(0, State.REVERTED)
    assert again.due(0.0).over
    due = again.due(0.0)
    assert (due.work, due.over) == ([], True)


TestKills = Kills.TestCase
TestKills.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
