"""The time client: one exchange, and everything that is no answer to it."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.refos.guest.linux.sntp import SntpFault, encode, offset

NOW = 1_800_000_000.25


def reply(request, *, received, sent, leap=0, stratum=1, mode=4):
    def stamp(unix):
        return struct.pack(">II", (int(unix) + 2_208_988_800) & 0xFFFFFFFF, int(unix % 1 * 2**32))

    head = bytes([leap << 6 | 4 << 3 | mode, stratum]) + bytes(22)
    return head + request[40:48] + stamp(received) + stamp(sent)


def test_the_offset_is_the_mean_of_both_ways():
    request = encode(NOW)
    data = reply(request, received=NOW + 100.5, sent=NOW + 100.5)
    assert offset(data, request, NOW, NOW + 1.0) == pytest.approx(100.0, abs=1e-6)


def test_from_2036_on_the_seconds_begin_anew():
    late = 2_200_000_000.0
    request = encode(late)
    assert offset(reply(request, received=late, sent=late), request, late, late) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"leap": 3}, "has no time itself"),
        ({"stratum": 0}, "has no time itself"),
        ({"stratum": 16}, "has no time itself"),
        ({"mode": 3}, "no answer to our request"),
    ],
)
def test_what_is_not_taken(change, reason):
    request = encode(NOW)
    with pytest.raises(SntpFault, match=reason):
        offset(reply(request, received=NOW, sent=NOW, **change), request, NOW, NOW)


def test_an_answer_to_somebody_else():
    with pytest.raises(SntpFault, match="no answer to our request"):
        offset(reply(encode(NOW - 5), received=NOW, sent=NOW), encode(NOW), NOW, NOW)


@given(st.binary(max_size=80))
def test_anything_on_the_wire(data):
    with contextlib.suppress(SntpFault):
        assert isinstance(offset(data, encode(NOW), NOW, NOW), float)
