import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.wire.negotiate import MAX_WINDOW_BYTES, negotiate
from pxe.wire.tftp import OptionAck, decode


def granted(options, size=1000, mtu=1500):
    oack = negotiate(options, size=size, mtu=mtu).oack
    if oack is None:
        return None
    message = decode(oack)
    assert isinstance(message, OptionAck)
    return message.options


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        # what firmware really asks: EDK2, iPXE, U-Boot
        (
            (("tsize", "0"), ("blksize", "1468"), ("windowsize", "4")),
            (("tsize", "1000"), ("blksize", "1468"), ("windowsize", "4")),
        ),
        ((("blksize", "1432"), ("tsize", "0")), (("blksize", "1432"), ("tsize", "1000"))),
        ((("timeout", "5"), ("blksize", "1468")), (("timeout", "5"), ("blksize", "1468"))),
        # spelling and order are the client's
        ((("WindowSize", "8"), ("BLKSIZE", "512")), (("WindowSize", "8"), ("BLKSIZE", "512"))),
        # clamped
        ((("blksize", "65464"),), (("blksize", "1468"),)),
        ((("blksize", "99999999"),), (("blksize", "1468"),)),
        ((("windowsize", "65535"),), (("windowsize", "64"),)),
        # left out
        ((("blksize", "7"),), None),
        ((("blksize", "-1"),), None),
        ((("blksize", "0x200"),), None),
        ((("blksize", ""),), None),
        ((("blksize", "1e3"),), None),
        ((("blksize", "²"),), None),
        ((("blksize", "9" * 400),), None),
        ((("windowsize", "0"),), None),
        ((("windowsize", "65536"),), None),
        ((("timeout", "0"),), None),
        ((("timeout", "61"),), None),
        ((("multicast", ""), ("rollover", "0")), None),
        # once is enough (RFC 2347)
        ((("blksize", "1024"), ("blksize", "512")), (("blksize", "1024"),)),
        ((), None),
    ],
)
def test_what_is_granted(asked, answer):
    assert granted(asked) == answer


def test_a_size_that_is_not_known_is_not_told():
    assert granted((("tsize", "0"),), size=None) is None


@pytest.mark.parametrize(("mtu", "blksize"), [(1500, "1468"), (9000, "8968"), (65536, "65464"), (576, "544")])
def test_a_block_never_needs_fragments(mtu, blksize):
    assert granted((("blksize", "65464"),), mtu=mtu) == (("blksize", blksize),)


NUMBERS = st.one_of(st.integers(-5, 10**12).map(str), st.text(max_size=5))
ASKED = st.lists(
    st.tuples(st.sampled_from(["blksize", "BLKSIZE", "windowsize", "timeout", "tsize", "x"]), NUMBERS),
    max_size=6,
).map(tuple)


@given(ASKED, st.integers(68, 65536))
def test_nothing_is_granted_that_was_not_asked_or_exceeds_it(asked, mtu):
    result = negotiate(asked, size=77, mtu=mtu)
    wanted = {}
    for name, value in asked:
        wanted.setdefault(name.lower(), []).append(value)
    assert set(result.echoed) <= set(wanted)
    assert result.blksize in (512, 65464, mtu - 32) or str(result.blksize) in wanted["blksize"]
    assert 1 <= result.windowsize <= 64
    assert result.windowsize * (result.blksize + 4) <= max(MAX_WINDOW_BYTES, result.blksize + 4)
    if result.timeout is not None:
        assert any(value.isdigit() and int(value) == result.timeout for value in wanted["timeout"])
    assert (result.oack is None) == (not result.echoed)
