from hypothesis import given
from hypothesis import strategies as st

from lab.console.echo import ECHOED, MISMATCH, Echo


def verdict(typed, pieces):
    echo = Echo(typed)
    for number, piece in enumerate(pieces):
        if matches := echo.feed(number, piece):
            return matches[0].pattern, matches[0].end, number
    return None


TYPED = st.binary(min_size=1, max_size=16)


@given(TYPED, st.binary(max_size=8))
def test_what_was_typed_is_echoed(typed, rest):
    assert verdict(typed, [typed + rest]) == (ECHOED, len(typed), 0)


@given(TYPED, st.data())
def test_the_first_wrong_byte_is_the_verdict(typed, data):
    at = data.draw(st.integers(0, len(typed) - 1))
    wrong = typed[:at] + bytes([typed[at] ^ 1]) + typed[at + 1 :]
    assert verdict(typed, [wrong[i : i + 1] for i in range(len(wrong))]) == (MISMATCH, at, at)
    assert verdict(typed, [wrong]) == (MISMATCH, at, 0)


@given(TYPED)
def test_nothing_is_said_before_all_has_come(typed):
    assert verdict(typed, [typed[:-1]]) is None
