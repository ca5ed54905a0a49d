import itertools

from hypothesis import given
from hypothesis import strategies as st

from lab.powercut.log import Entry, Flag
from lab.powercut.plan import survivors

SECTORS = 16
seeds = st.integers(0, 2**32 - 1)


@st.composite
def logs(draw):
    """Entries on a disk of SECTORS sectors, each write's data at a place of its own in the log."""
    entries, at = [], 512
    for _ in range(draw(st.integers(0, 30))):
        flags = draw(st.sampled_from([Flag(0), Flag(0), Flag(0), Flag.FUA, Flag.FLUSH, Flag.DISCARD]))
        if flags is Flag.FLUSH:
            entries.append(Entry(flags))
            continue
        first = draw(st.integers(0, SECTORS - 1))
        count = draw(st.integers(1, SECTORS - first))
        entries.append(Entry(flags, first * 512, count * 512, at))
        at += count * 512
    return entries


def disk_of(pieces):
    """sector -> the 512 bytes of the log that it holds"""
    disk = {}
    for piece in pieces:
        for n in range(piece.length // 512):
            disk[piece.offset // 512 + n] = piece.data_at + 512 * n
    return disk


def written(entries):
    return [e for e in entries if e.length and e.flags is not Flag.DISCARD]


@given(logs(), seeds)
def test_every_sector_holds_something_that_a_disk_could_hold(log, seed):
    last = max((n for n, e in enumerate(log) if e.flags is Flag.FLUSH), default=-1)
    flushed, later = disk_of(written(log[: last + 1])), written(log[last + 1 :])
    found = disk_of(survivors(log, seed).pieces)
    for sector in range(SECTORS):
        allowed = {flushed.get(sector)}
        for entry in later:
            if entry.offset <= 512 * sector < entry.offset + entry.length:
                data = entry.data_at + 512 * sector - entry.offset
                allowed = {data} if entry.flags is Flag.FUA else {*allowed, data}
        assert found.get(sector) in allowed


@given(logs(), seeds)
def test_the_counts_are_those_of_the_log(log, seed):
    made = survivors(log, seed)
    assert made.flushed + made.unflushed == len(written(log))
    assert made.lost + made.torn <= made.unflushed
    assert len(made.pieces) == made.flushed + made.unflushed - made.lost


@given(logs(), seeds, st.integers(1, 40))
def test_a_cut_during_a_write_has_that_one_under_way_and_none_later(log, seed, during):
    made = survivors(log, seed, during=during)
    wanted = written(log)[:during]
    assert made.flushed + made.unflushed == len(wanted)
    assert {p.data_at for p in made.pieces} <= {e.data_at for e in wanted}
    if during <= len(written(log)):
        assert made.unflushed >= 1


def test_even_a_forced_write_is_torn_while_it_is_under_way():
    log = [Entry(Flag.FUA, n * 2048, 2048, 512 + n * 2560) for n in range(4)]
    made = [survivors(log, seed, during=3) for seed in range(100)]
    assert {tuple(p.length for p in one.pieces[:2]) for one in made} == {(2048, 2048)}
    assert {sum(p.length for p in one.pieces[2:]) for one in made} == {0, 512, 1024, 1536, 2048}


def test_a_lying_disk_loses_what_it_said_it_had():
    log = [*(Entry(Flag.FUA, n * 512, 512, 512 + n * 1024) for n in range(9)), Entry(Flag.FLUSH)]
    assert survivors(log, 1).unflushed == 0
    made = [survivors(log, seed, lying=True) for seed in range(50)]
    assert {one.unflushed for one in made} == {9}
    assert max(one.lost for one in made) >= 8


@given(logs(), seeds)
def test_one_seed_one_answer(log, seed):
    assert survivors(log, seed) == survivors(tuple(log), seed)


def test_the_answer_of_a_seed_is_the_same_in_every_process_and_version():
    log = [Entry(Flag(0), n * 4096, 4096, 512 + n * 4608) for n in range(6)]
    assert [p.length for p in survivors(log, 12).pieces] == [4096, 4096, 4096, 2560, 4096, 512]


def test_seeds_lose_nothing_all_and_something():
    log = [Entry(Flag.FLUSH), *(Entry(Flag(0), n * 4096, 4096, 512 + n * 4608) for n in range(8))]
    lost = {survivors(log, seed).lost for seed in range(200)}
    assert {0, 4, 7, 8} <= lost


def test_the_last_write_stops_at_any_of_its_sectors():
    log = [Entry(Flag(0), 0, 2048, 512)]
    lengths = {sum(p.length for p in survivors(log, seed).pieces) for seed in range(200)}
    assert lengths == {0, 512, 1024, 1536, 2048}


def test_nothing_was_written():
    made = survivors([], 1)
    assert (made.pieces, made.flushed, made.unflushed) == ((), 0, 0)


def test_a_flush_at_the_end_leaves_nothing_to_chance():
    log = [*(Entry(Flag(0), n * 512, 512, 512 + n * 1024) for n in range(9)), Entry(Flag.FLUSH)]
    assert {survivors(log, seed) for seed in range(50)} == {survivors(log, 0)}
    assert list(itertools.accumulate(p.length for p in survivors(log, 0).pieces))[-1] == 9 * 512
