from hypothesis import given
from hypothesis import strategies as st

from lab.matrix.agenda import Agenda, Ended, guess, steps_of
from lab.matrix.model import Cell, ImageSpec, Settings, Suite, SuiteKind, Task
from lab.matrix.planner import forecast


def task(place="p", image="i", suite="boot", kind=SuiteKind.BOOT, emulated=True, **settings) -> Task:
    return Task(
        cell=Cell(place, image, suite),
        board_type="b",
        emulated=emulated,
        suite=Suite(name=suite, kind=kind),
        image=ImageSpec(name=image),
        settings=Settings(**settings),
    )


A, B = Cell("p", "a", "boot"), Cell("p", "b", "boot")


def played(agenda: Agenda, outcomes: dict[Cell, list[bool]], seconds: float = 1.0) -> list[tuple[str, int]]:
    done = []
    while (step := agenda.next()) is not None:
        done.append((step.task.cell.image, step.attempt))
        queue = outcomes.get(step.task.cell, [])
        agenda.settle(step.task.cell, seconds, ready=queue.pop(0) if queue else True)
    return done


def test_cells_take_turns():
    agenda = Agenda([task(image="a", boots=3), task(image="b", boots=2)], {})
    assert played(agenda, {}) == [("a", 1), ("b", 1), ("a", 1), ("b", 1), ("a", 1)]
    assert {p.ended for p in agenda.progress.values()} == {Ended.DONE}


def test_a_failed_boot_comes_again_and_counts_once():
    agenda = Agenda([task(image="a", boots=2, retries=1)], {})
    assert played(agenda, {A: [False, True, False, False]}) == [("a", 1), ("a", 2), ("a", 1), ("a", 2)]
    assert (agenda.progress[A].settled, agenda.progress[A].failed) == (2, 1)


def test_a_cell_that_only_fails_is_given_up():
    agenda = Agenda([task(image="a", boots=10, retries=0, give_up_after=3), task(image="b", boots=4)], {})
    played(agenda, {A: [False] * 10})
    assert (agenda.progress[A].settled, agenda.progress[A].ended) == (3, Ended.GIVEN_UP)
    assert agenda.progress[B].ended is Ended.DONE


def test_a_flaky_cell_is_not_given_up():
    agenda = Agenda([task(image="a", boots=6, retries=0, give_up_after=2)], {})
    played(agenda, {A: [False, True] * 3})
    assert (agenda.progress[A].failed, agenda.progress[A].ended) == (3, Ended.DONE)


def test_only_what_fits_before_the_deadline():
    agenda = Agenda([task(image="a"), task(image="b")], {A: 10.0, B: 5.0})
    assert agenda.next(7.0).task.cell == B
    assert agenda.next(4.0) is None
    agenda.settle(B, 20.0, ready=True)  # it takes longer than it did: that is what counts tonight
    assert agenda.next(12.0).task.cell == A
    assert agenda.end(Ended.DEADLINE) == [agenda.tasks[A], agenda.tasks[B]]
    assert agenda.next() is None


def test_other_suites_are_one_step():
    suite = task(suite="smoke", kind=SuiteKind.PYTEST, boots=10, retries=3)
    agenda = Agenda([suite], {})
    assert steps_of(suite) == 1
    assert guess(suite) == 300
    agenda.settle(suite.cell, 5.0, ready=False)  # and are not run again where they fail
    assert agenda.next() is None


def test_places_beside_each_other():
    tasks = [task(place=place, boots=4, emulated=False) for place in "xyz"]
    found = forecast(tasks, {t.cell: 10.0 for t in tasks}, emulators=1, deadline=None)
    assert found.seconds == 40
    assert not found.cut


def test_emulators_are_shared():
    tasks = [task(place=place, boots=4) for place in "xyz"]
    found = forecast(tasks, {t.cell: 10.0 for t in tasks}, emulators=2, deadline=None)
    assert found.seconds == 60


def test_a_deadline_cuts_all_cells_alike():
    tasks = [task(place=place, image=image, boots=10) for place in "xy" for image in "ab"]
    found = forecast(tasks, {t.cell: 10.0 for t in tasks}, emulators=2, deadline=125)
    assert set(found.steps.values()) == {6}
    assert found.cut == {t.cell: 4 for t in tasks}
    assert forecast(tasks, {}, emulators=2, deadline=5).steps == dict.fromkeys((t.cell for t in tasks), 0)


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=4),
    st.lists(st.booleans(), max_size=200),
)
def test_every_cell_ends(cells, outcomes):
    tasks = [
        task(image=str(n), boots=boots, retries=retries, give_up_after=give_up)
        for n, (boots, retries, give_up) in enumerate(cells)
    ]
    agenda, queue, tries = Agenda(tasks, {}), list(outcomes), 0
    while (step := agenda.next()) is not None:
        assert agenda.progress[step.task.cell].ended is None
        assert 1 <= step.attempt <= step.task.settings.retries + 1
        agenda.settle(step.task.cell, 1.0, ready=queue.pop(0) if queue else True)
        tries += 1
        assert tries <= sum(boots * (retries + 1) for boots, retries, _ in cells)
    for each in tasks:
        progress = agenda.progress[each.cell]
        assert progress.settled == each.settings.boots or progress.ended is Ended.GIVEN_UP
        assert progress.failed <= progress.settled
