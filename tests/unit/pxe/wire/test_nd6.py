import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.wire.nd6 import NO_ROUTER, solicitor

MAC = bytes.fromhex("525400aa0005")
HEADER = bytes((133, 0, 0x12, 0x34, 0, 0, 0, 0))


def test_what_ipxe_sends():
    assert solicitor(HEADER + b"\x01\x01" + MAC) == "52:54:00:aa:00:05"


def test_other_options_are_passed_over():
    assert solicitor(HEADER + b"\x0e\x02" + bytes(14) + b"\x01\x01" + MAC) == "52:54:00:aa:00:05"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        HEADER[:7],
        HEADER,  # from a host without an address
        b"\x86" + HEADER[1:] + b"\x01\x01" + MAC,  # an advertisement
        b"\x85\x01" + HEADER[2:] + b"\x01\x01" + MAC,
        HEADER + b"\x01\x00" + MAC,  # an option of length zero
        HEADER + b"\x01\x02" + MAC,  # longer than the message
        HEADER + b"\x02\x01" + MAC,  # a target's address
    ],
)
def test_what_is_not_answered(message):
    assert solicitor(message) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(message):
    assert solicitor(message) is None or len(solicitor(message)) == 17


def test_the_answer_offers_nothing():
    assert len(NO_ROUTER) == 16
    assert NO_ROUTER[0] == 134
    assert NO_ROUTER[5] == 0, "no flags: no DHCPv6"
    assert NO_ROUTER[6:8] == b"\0\0", "lifetime 0: not a default router"
