from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sandbox.impairment import Impairment, Wire

SECOND = 1.0
frames = st.lists(st.binary(min_size=15, max_size=80), max_size=60)
seeds = st.integers(0, 1000)


def carried(impairment: Impairment, sent: list[bytes], spacing: float = 0.0) -> list[bytes]:
    """What comes out of a wire into which `sent` go, `spacing` seconds apart."""
    wire, now, out = Wire(impairment, "test"), 0.0, []
    for frame in sent:
        out += wire.take(now)
        wire.put(frame, now)
        now += spacing
    while (at := wire.next_at()) is not None:
        out += wire.take(at)
    return out


@given(frames, seeds, st.floats(0, 50))
def test_a_good_wire_loses_nothing_and_keeps_the_order(sent, seed, delay):
    assert carried(Impairment(seed=seed, delay_ms=delay), sent) == sent


@given(frames, seeds)
def test_loss_of_1_loses_all(sent, seed):
    assert carried(Impairment(loss=1, duplicate=0.5, seed=seed), sent) == []


@given(frames, seeds, st.floats(0, 1))
def test_without_reordering_the_order_is_kept_whatever_is_lost(sent, seed, loss):
    numbered = [bytes([i]) * 20 for i in range(len(sent))]
    got = carried(Impairment(loss=loss, duplicate=0.3, delay_ms=3, seed=seed), numbered, 0.001)
    assert got == sorted(got)
    assert set(got) <= set(numbered)


@given(frames, seeds)
def test_duplicate_of_1_doubles_each(sent, seed):
    assert Counter(carried(Impairment(duplicate=1, seed=seed), sent)) == Counter(sent + sent)


@given(frames, seeds, st.floats(0, 1))
def test_reordering_loses_and_makes_nothing(sent, seed, reorder):
    assert Counter(carried(Impairment(reorder=reorder, seed=seed), sent, 0.001)) == Counter(sent)


@given(frames.filter(bool), seeds)
def test_corruption_inverts_one_bit_behind_the_header(sent, seed):
    for frame, got in zip(sent, carried(Impairment(corrupt=1, seed=seed), sent), strict=True):
        assert got[:14] == frame[:14]
        assert (int.from_bytes(got, "big") ^ int.from_bytes(frame, "big")).bit_count() == 1


@given(frames, seeds, st.floats(0, 1))
def test_the_same_seed_gives_the_same_faults(sent, seed, p):
    faults = Impairment(loss=p, duplicate=p, reorder=p, corrupt=p, seed=seed)
    assert carried(faults, sent) == carried(faults, sent)


def test_a_reordered_frame_is_overtaken_and_comes_by_itself():
    wire = Wire(Impairment(reorder=1, reorder_ms=5, delay_ms=2), "test")
    wire.put(b"late", 0.0)
    assert wire.take(0.006) == []
    assert wire.next_at() == pytest.approx(0.007)
    assert wire.take(0.0071) == [b"late"]
    assert wire.next_at() is None


def test_a_fifth_is_about_a_fifth_and_the_directions_differ():
    sent = [i.to_bytes(2, "big") * 10 for i in range(5000)]
    faults = Impairment(loss=0.2)
    there, back = Wire(faults, "there"), Wire(faults, "back")
    for frame in sent:
        there.put(frame, 0)
        back.put(frame, 0)
    first, second = there.take(0), back.take(0)
    assert 0.17 < 1 - len(first) / len(sent) < 0.23
    assert first != second


@pytest.mark.parametrize("wrong", [{"loss": 1.1}, {"duplicate": -0.1}, {"delay_ms": -1}])
def test_what_no_cable_can_do(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Impairment(**wrong)


@given(seeds, st.floats(0, 1), st.floats(0, 100))
def test_words_carry_it_all(seed, p, ms):
    faults = Impairment(loss=p, duplicate=1 - p, reorder=p, corrupt=p, delay_ms=ms, reorder_ms=ms, seed=seed)
    assert Impairment.of_words(faults.to_words()) == faults
