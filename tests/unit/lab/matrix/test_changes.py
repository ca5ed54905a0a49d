import importlib.util
from pathlib import Path

import pytest

from lab.matrix.changes import Kind, changes
from lab.matrix.message import message_of
from lab.matrix.model import Cell, Noticed
from lab.matrix.night import Standing, earlier_nights

_spec = importlib.util.spec_from_file_location("nights", Path(__file__).with_name("nights.py"))
nights = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(nights)
around, write_night = nights.around, nights.write_night

CELLS = [
    (place, image, suite) for place in ("p1", "p2", "p3") for image in ("a", "b") for suite in ("s", "t")
]


def usual(number: int, **replaced) -> dict:
    cells = {cell: around(8 + n, seed=number * 100 + n) for n, cell in enumerate(CELLS)}
    return cells | {tuple(name.split("_")): times for name, times in replaced.items()}


def found(results, tonight, percent=5.0, seconds=0.1):
    return changes(tonight, list(earlier_nights(results, tonight)), Noticed(percent=percent, seconds=seconds))


def kinds(changed) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(c.kind.value, c.place, c.image, c.suites) for c in changed.found]


def test_exactly_what_changed(tmp_path):
    write_night(tmp_path, 1, usual(1))
    slow = {name: around(base, seed=5) for name, base in (("p1_a_s", 10.0), ("p1_a_t", 12.0))}
    broken = {"p2_b_s": [None] * 3, "p2_b_t": [None] * 3}
    gone = {f"p3_{image}_{suite}": [] for image in "ab" for suite in "st"}
    ended = {tuple(name.split("_")): "sick" for name in gone} | {("p2", "b", "s"): "given-up"}
    sick = {"p3": "network: it asked for no address"}
    tonight = write_night(tmp_path, 2, usual(2, **slow, **broken, **gone), sick=sick, ended=ended)
    changed = found(tmp_path, tonight)
    assert kinds(changed) == [
        ("sick", "p3", "", ()),
        ("failing", "p2", "b", ("s", "t")),
        ("slower", "p1", "a", ("s", "t")),
    ]
    message = message_of(tonight, changed)
    assert message.subject == "bootlab nightly: 1 sick, 1 failing, 1 slower"
    assert "SICK: p3 is sick: network: it asked for no address" in message.text
    assert "FAILING: b on p2 (s, t) fails: 3 of 3 boots failed" in message.text
    assert "kernel-panic (3): the kernel panicked" in message.text
    assert "SLOWER: a on p1 (s, t) is slower: the whole boot +" in message.text
    assert "http" not in message.text
    linked = message_of(tonight, changed, "https://boot.lab.test/")
    assert linked.text.splitlines()[-1] == f"https://boot.lab.test/#/nights/{tonight.id}"
    assert linked.document["page"] == linked.text.splitlines()[-1]
    assert message.document["cells"] == {"passed": 6, "flaky": 0, "failing": 2, "not-run": 4}


def test_the_night_after_says_what_is_well_again(tmp_path):
    write_night(tmp_path, 1, usual(1))
    write_night(
        tmp_path,
        2,
        usual(2, p1_a_s=[None] * 3, **{f"p3_{i}_{s}": [] for i in "ab" for s in "st"}),
        sick={"p3": "power: it does not switch"},
        ended={(p, i, s): "sick" for p, i, s in CELLS if p == "p3"},
    )
    tonight = write_night(tmp_path, 3, usual(3))
    assert kinds(found(tmp_path, tonight)) == [("back", "p3", "", ()), ("fixed", "p1", "a", ("s",))]
    nothing = found(tmp_path, write_night(tmp_path, 4, usual(4)))
    assert nothing.found == ()
    assert nothing.since.startswith("20261103")


def test_what_stays_broken_is_not_news(tmp_path):
    ended = {("p1", "a", "s"): "given-up"}
    write_night(tmp_path, 1, usual(1, p1_a_s=[None] * 3), ended=ended, sick={"p2": "power: no"})
    tonight = write_night(tmp_path, 2, usual(2, p1_a_s=[None] * 3), ended=ended, sick={"p2": "power: no"})
    assert kinds(found(tmp_path, tonight)) == []


def test_the_first_night_tells_what_fails(tmp_path):
    tonight = write_night(tmp_path, 1, usual(1, p1_a_s=[None] * 3))
    changed = found(tmp_path, tonight)
    assert (changed.since, kinds(changed)) == ("", [("failing", "p1", "a", ("s",))])


def test_retries_are_seen(tmp_path):
    write_night(tmp_path, 1, usual(1))
    flaky = {("p1", "a", "s"): [1, 2, *[1] * 9]}
    times = [None, *around(8, 10)]
    tonight = write_night(tmp_path, 2, usual(2, p1_a_s=times), attempts=flaky)
    cell = tonight.cells[Cell("p1", "a", "s")]
    assert (cell.standing, cell.counts) == (Standing.FLAKY, (1, 10))
    (change,) = found(tmp_path, tonight).found
    assert change.kind is Kind.FLAKY
    assert change.sentence == "a on p1 (s) is flaky: 1 of 10 boots failed; none of 10 before"


def test_a_flake_has_its_lucky_nights(tmp_path):
    one = [None, *around(8, 9)]
    write_night(tmp_path, 1, usual(1, p1_a_s=one))
    assert kinds(found(tmp_path, write_night(tmp_path, 2, usual(2)))) == []
    assert kinds(found(tmp_path, write_night(tmp_path, 3, usual(3, p1_a_s=one)))) == []
    often = [None, *[8.0] * 1] * 5
    (change,) = found(tmp_path, write_night(tmp_path, 4, usual(4, p1_a_s=often))).found
    assert "fails more often: 5 of 10 boots failed; 2 of 30 before" in change.sentence


def test_small_changes_are_not_news(tmp_path):
    write_night(tmp_path, 1, {("p1", "a", "s"): around(10, 30, seed=1, spread=0.001)})
    tonight = write_night(tmp_path, 2, {("p1", "a", "s"): around(10.3, 30, seed=2, spread=0.001)})
    assert kinds(found(tmp_path, tonight)) == []  # 3 %, sure as it is
    assert kinds(found(tmp_path, tonight, percent=2.0)) == [("slower", "p1", "a", ("s",))]
    assert kinds(found(tmp_path, tonight, percent=2.0, seconds=0.5)) == []


@pytest.mark.parametrize("factor", [0.7, 1.5])
def test_a_busy_host_is_not_news_and_one_slow_image_is(tmp_path, factor):
    write_night(tmp_path, 1, usual(1))
    everything = {"_".join(cell): around((8 + n) * factor, seed=n) for n, cell in enumerate(CELLS)}
    tonight = write_night(tmp_path, 2, usual(2, **everything))
    changed = found(tmp_path, tonight)
    assert kinds(changed) == []
    assert "% slower" in changed.notes[0] or "% faster" in changed.notes[0]
    tonight = write_night(tmp_path, 3, usual(3, **(everything | {"p2_b_t": around(15 * factor * 2, seed=9)})))
    (change,) = changes(
        tonight, [n for n in earlier_nights(tmp_path, tonight) if "1101" in n.id], Noticed()
    ).found
    assert (change.kind, change.place, change.image) == (Kind.SLOWER, "p2", "b")


def test_another_matrix_is_another_story(tmp_path):
    write_night(tmp_path, 1, usual(1), matrix="other")
    tonight = write_night(tmp_path, 2, usual(2))
    assert found(tmp_path, tonight).since == ""


def test_what_no_longer_fits_is_said(tmp_path):
    write_night(tmp_path, 1, usual(1))
    tonight = write_night(tmp_path, 2, usual(2, p3_b_t=[]), ended={("p3", "b", "t"): "deadline"})
    (change,) = found(tmp_path, tonight).found
    assert change.sentence == "b on p3 (t) did not fit into the deadline"


def test_too_few_boots_are_said(tmp_path):
    few = {cell: around(8, 5, seed=n) for n, cell in enumerate(CELLS[:2])}
    write_night(tmp_path, 1, few)
    tonight = write_night(tmp_path, 2, {cell: around(20, 5, seed=9) for cell in few})
    changed = found(tmp_path, tonight)
    assert changed.found == ()
    needs = "2 cells have too few boots to call anything slower or faster: it takes 6 in both nights"
    assert changed.notes == (needs,)
    assert needs in message_of(tonight, changed).text


def test_a_load_that_differs_counts_where_no_other_cell_tells(tmp_path):
    """One emulated cell alone: nobody knows whether it was the image or the host. Among others, they tell."""
    one = {CELLS[0]: around(8, seed=1)}
    write_night(tmp_path / "a", 1, one, load=1.0)
    alone = found(tmp_path / "a", write_night(tmp_path / "a", 2, {CELLS[0]: around(12, seed=2)}, load=9.0))
    assert alone.found == ()
    assert alone.notes[0].startswith("the host was not equally busy")
    write_night(tmp_path / "b", 1, usual(1), load=1.0)
    tonight = write_night(tmp_path / "b", 2, usual(2, p1_a_s=around(12, seed=2)), load=9.0)
    among = found(tmp_path / "b", tonight)
    assert kinds(among) == [("slower", "p1", "a", ("s",))]
    assert among.notes == ()
