import random

import pytest

from lab.bisect.journal import Header, Journal, Observation
from lab.bisect.search import LOOKS, Goal, Search
from lab.errors import UsageError

VERSIONS = tuple(f"v{n}" for n in range(10))


def journal(tmp_path, versions=VERSIONS) -> Journal:
    return Journal.open(tmp_path / "j.jsonl", Header(versions=versions))


class Boots:
    """Boots that fail, or take seconds, from version `first_bad` on."""

    def __init__(self, first_bad: int, seed: int = 1, skip: frozenset[int] = frozenset()) -> None:
        self.first_bad, self.random, self.skip, self.count = first_bad, random.Random(seed), skip, 0

    def __call__(self, version: str) -> Observation:
        number, self.count = VERSIONS.index(version), self.count + 1
        if number in self.skip:
            return Observation(version=version, failed=False, skip=True)
        return self.seen(version, number >= self.first_bad)

    def seen(self, version: str, bad: bool) -> Observation:
        return Observation(version=version, failed=self.random.random() < (0.9 if bad else 0.05))


class TimedBoots(Boots):
    def seen(self, version: str, bad: bool) -> Observation:
        seconds = (11.0 if bad else 10.0) * self.random.lognormvariate(0, 0.03)
        return Observation(version=version, failed=False, seconds=seconds)


@pytest.mark.parametrize("first_bad", [1, 5, 9])
def test_the_first_that_fails(tmp_path, first_bad):
    found = Search(VERSIONS, Goal(), Boots(first_bad), journal(tmp_path)).run()
    assert found.candidates == (f"v{first_bad}",)
    assert found.decided
    assert found.sure >= 0.99
    assert sum(tally.good + tally.bad for tally in found.tallies) == found.boots


@pytest.mark.parametrize("first_bad", [1, 5, 9])
def test_the_first_that_is_ten_percent_slower(tmp_path, first_bad):
    found = Search(VERSIONS, Goal(timed=True), TimedBoots(first_bad), journal(tmp_path)).run()
    assert found.candidates == (f"v{first_bad}",)
    assert 10.2 < found.limit < 10.8


def test_a_limit_that_is_given_needs_no_boots_of_the_ends(tmp_path):
    found = Search(VERSIONS, Goal(timed=True, limit=10.5), TimedBoots(4), journal(tmp_path)).run()
    assert (found.candidates, found.limit) == (("v4",), 10.5)


def test_ends_that_do_not_differ_are_nothing_to_bisect(tmp_path):
    boots = TimedBoots(99)
    with pytest.raises(UsageError, match=r"20 boots of v9 are not slower than those of v0 \(median"):
        Search(VERSIONS, Goal(timed=True), boots, journal(tmp_path)).run()
    assert boots.count == 2 * LOOKS[-1]


def test_where_nothing_fails_it_says_so(tmp_path):
    found = Search(
        VERSIONS, Goal(), lambda version: Observation(version=version, failed=False), journal(tmp_path)
    ).run()
    assert found.same
    assert found.candidates == ()


def test_a_search_that_was_killed_goes_on_and_comes_to_the_same(tmp_path):
    whole = Search(VERSIONS, Goal(), Boots(6), journal(tmp_path / "a")).run()
    boots = Boots(6)

    def killed(version: str) -> Observation:
        if boots.count >= 5:
            raise KeyboardInterrupt
        return boots(version)

    with pytest.raises(KeyboardInterrupt):
        Search(VERSIONS, Goal(), killed, journal(tmp_path / "b")).run()
    assert len(journal(tmp_path / "b").observations) == 5
    found = Search(VERSIONS, Goal(), boots, journal(tmp_path / "b")).run()
    assert found == whole
    assert boots.count == whole.boots


def test_a_search_that_is_over_boots_nothing(tmp_path):
    done = Search(VERSIONS, Goal(), Boots(6), journal(tmp_path)).run()
    boots = Boots(6)
    assert Search(VERSIONS, Goal(), boots, journal(tmp_path)).run() == done
    assert boots.count == 0


def test_no_more_boots_than_allowed(tmp_path):
    found = Search(VERSIONS, Goal(most=4), Boots(6), journal(tmp_path)).run()
    assert (found.boots, found.decided) == (4, False)
    assert len(found.candidates) > 1
    timed = Search(VERSIONS, Goal(most=4, timed=True), TimedBoots(6), journal(tmp_path / "t")).run()
    assert (timed.boots, timed.decided, timed.candidates) == (4, False, ())


def test_versions_that_cannot_be_tried_stay_candidates(tmp_path):
    found = Search(VERSIONS, Goal(), Boots(5, skip=frozenset({4, 5})), journal(tmp_path)).run()
    assert found.decided
    assert found.candidates == ("v4", "v5", "v6")
    assert [tally.version for tally in found.tallies if tally.skipped] == ["v4", "v5"]


@pytest.mark.parametrize("goal", [Goal(), Goal(timed=True)])
def test_an_end_that_cannot_be_tried(tmp_path, goal):
    boots = TimedBoots(5, skip=frozenset({0, 9, *range(1, 9)}))
    with pytest.raises(UsageError, match="cannot be tried, and it is an end"):
        Search(VERSIONS, goal, boots, journal(tmp_path)).run()


def test_a_last_version_that_mostly_fails_is_slow_too(tmp_path):
    class Mixed(TimedBoots):
        def seen(self, version: str, bad: bool) -> Observation:
            return Observation(version=version, failed=True) if bad else super().seen(version, bad)

    found = Search(VERSIONS, Goal(timed=True), Mixed(7), journal(tmp_path)).run()
    assert found.candidates == ("v7",)


@pytest.mark.parametrize(
    ("versions", "words"), [(("a",), "two versions"), (("a", "b", "a"), "given twice: a")]
)
def test_versions_that_make_no_search(tmp_path, versions, words):
    with pytest.raises(UsageError, match=words):
        Search(versions, Goal(), Boots(1), journal(tmp_path, versions))


def test_each_boot_is_told(tmp_path):
    told = []
    found = Search(VERSIONS, Goal(), Boots(3), journal(tmp_path)).run(
        lambda seen, state: told.append((seen, state))
    )
    assert len(told) == found.boots
    assert told[-1][1] == found
