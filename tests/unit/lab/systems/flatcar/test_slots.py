"""Boot attempts of two slots: tries go down, the other one is fallen back to, what is good stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lab.errors import UsageError
from lab.systems.flatcar.slots import Slot, attempt, choose, installed, marked_good, prioritize

SLOT = st.builds(Slot, st.integers(0, 15), st.integers(0, 15), st.booleans())
FRESH = {3: Slot(1, 0, True), 4: Slot(0, 0, False)}


@given(st.integers(0, 2**64 - 1), SLOT)
def test_bits_come_back_and_others_stay(attributes, slot):
    within = slot.within(attributes)
    assert Slot.of(within) == slot
    assert (within ^ attributes) & ~(0x1FF << 48) == 0


def test_the_bits_that_flatcars_own_tools_write():
    assert Slot(1, 0, True).within(0) == 0x0101_0000_0000_0000
    assert Slot(2, 1, False).within(0) == 0x0012_0000_0000_0000


def test_an_update_is_tried_once_and_given_up():
    slots = installed(FRESH, 4)
    assert slots == {3: Slot(1, 0, True), 4: Slot(2, 1, False)}
    first, slots = attempt(slots)
    assert (first, slots[4].tries) == (4, 0)
    assert attempt(slots) == (3, slots)  # the panic reboots it, and the old one boots


def test_an_update_that_runs_long_enough_stays():
    _, slots = attempt(installed(FRESH, 4))
    slots = marked_good(slots, 4)
    assert choose(slots) == 4
    assert choose(prioritize(slots, 3)) == 3  # the way back by hand


def test_of_equals_the_first_boots_and_priority_0_never_does():
    assert choose({3: Slot(2, 1), 4: Slot(2, 1)}) == 3
    assert choose({3: Slot(0, 5, True), 4: Slot(0, 0)}) is None


def test_what_cannot_be_is_said():
    with pytest.raises(UsageError, match="0 to 15"):
        Slot(16)
    with pytest.raises(UsageError, match="slots are 3, 4"):
        prioritize(FRESH, 7)


class Node(RuleBasedStateMachine):
    """A node that boots, updates, panics and marks itself good, in any order."""

    def __init__(self):
        super().__init__()
        self.slots, self.running, self.good = dict(FRESH), 3, {3}

    @rule(panics=st.booleans())
    def boots(self, panics):
        chosen, after = attempt(self.slots)
        assert chosen is not None, "a node with a good slot always boots"
        assert after[chosen].tries == self.slots[chosen].tries - (not self.slots[chosen].successful)
        self.slots, self.running = after, None if panics else chosen
        if chosen not in self.good and panics:
            assert choose(self.slots) in self.good  # one try: the next boot is of the good one

    @precondition(lambda self: self.running is not None)
    @rule()
    def runs_long_enough(self):
        self.slots = marked_good(self.slots, self.running)
        self.good.add(self.running)
        assert choose(self.slots) == self.running

    @precondition(lambda self: self.running is not None and self.running in self.good)
    @rule()
    def updates(self):
        other = 7 - self.running
        self.slots = installed(self.slots, other)
        self.good.discard(other)
        assert choose(self.slots) == other

    @rule(number=st.sampled_from([3, 4]))
    def somebody_prioritizes(self, number):
        before = choose(self.slots)
        self.slots = prioritize(self.slots, number)
        assert (choose(self.slots) == number) == bool(
            self.slots[number].successful or self.slots[number].tries
        ) or before == choose(self.slots)

    @invariant()
    def a_good_slot_can_always_boot(self):
        assert any(self.slots[n].successful and self.slots[n].priority for n in self.good)


TestNode = Node.TestCase
