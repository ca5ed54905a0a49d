"""Any nodes, in any order, at any time, over restarts: the record never shows more at once than allowed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lab.testing.updaters.scene import BEGIN, NEW, Scene
from lab.updates.omaha.instance import Instance
from lab.updates.record import Told, check_limits
from lab.updates.settings import Policy

NODES = st.sampled_from("abcdefgh")


class Limits(RuleBasedStateMachine):
    @initialize(limit=st.integers(1, 3), period=st.integers(1, 4), safe=st.booleans())
    def begin(self, limit, period, safe):
        self.policy = Policy(
            max_concurrent=limit,
            max_per_period=period,
            period_seconds=50.0,
            update_timeout_seconds=100.0,
            safe_mode=safe,
            max_failures=2,
        )
        self.scene, self.now, self.past = Scene(self.policy), 0.0, []
        self.scene.changes.tell(BEGIN, self.scene.group.label, "", "limits", max_concurrent=limit)

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds):
        self.now += seconds
        self.scene.ledger.expire(BEGIN + self.now)

    @rule(node=NODES, group=st.sampled_from(("stable", "stable", "beta")))
    def ask(self, node, group):
        self.scene.ask(node, self.now, track=group)

    @rule(node=NODES, kind=st.sampled_from((3, 13, 14, 800)), result=st.sampled_from((0, 1, 1, 2, 9)))
    def say(self, node, kind, result):
        self.scene.says(node, kind, result, self.now, code=9)

    @rule(node=NODES, previous=st.sampled_from(("", "0.0.0.0", "1")), version=st.sampled_from((NEW, "1.0")))
    def reboot(self, node, previous, version):
        self.scene.rebooted(node, self.now, version=version, previous=previous)

    @rule(node=NODES)
    def roll_back(self, node):
        self.scene.rolled_back(node, self.now)

    @rule()
    def release(self):
        self.scene.group.paused = ""

    @rule()
    def restart(self):
        """From what is on disk alone."""
        taken = self.scene.changes.take()
        self.past += taken.events
        rows = {key: row for (table, key), row in taken.rows.items() if table == "omaha_nodes"}
        rows = {i.key: i.row() for i in self.scene.ledger.instances.values()} | rows
        paused = self.scene.group.paused
        self.scene = Scene(self.policy)
        since = BEGIN + self.now - self.policy.period_seconds
        grants = [(e.group, e.at) for e in self.past if e.kind == "granted" and e.at > since]
        self.scene.ledger.load([Instance(*row) for row in rows.values()], grants)
        self.scene.group.paused = paused

    @invariant()
    def limits_are_kept(self):
        if not hasattr(self, "scene"):
            return
        events = [*self.past, *self.scene.changes.events]
        told = [Told(n, e.at, e.group, e.node, e.kind, e.detail) for n, e in enumerate(events)]
        kept = check_limits(iter(told))[self.scene.group.label]
        assert not kept.broken
        assert kept.holders == set(self.scene.group.slots)
        grants = [e.at for e in events if e.kind == "granted" and e.group == self.scene.group.label]
        for at in grants:
            lately = [other for other in grants if at - self.policy.period_seconds < other <= at]
            assert len(lately) <= self.policy.max_per_period


Limits.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLimits = Limits.TestCase
