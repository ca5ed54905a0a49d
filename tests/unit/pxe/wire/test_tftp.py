import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pxe.errors import WireError
from pxe.wire import tftp
from pxe.wire.tftp import Ack, Data, Error, OptionAck, ReadRequest, WriteRequest, decode, encode

NAMES = (
    st.binary(max_size=80).filter(lambda b: 0 not in b).map(lambda b: b.decode("utf-8", "surrogateescape"))
)
LATIN = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)
OPTIONS = st.lists(st.tuples(LATIN, LATIN), max_size=5).map(tuple)
MODES = st.sampled_from(["octet", "netascii", "mail", ""])
U16 = st.integers(0, 0xFFFF)
MESSAGES = st.one_of(
    st.builds(ReadRequest, NAMES, MODES, OPTIONS),
    st.builds(WriteRequest, NAMES, MODES, OPTIONS),
    st.builds(Data, U16, st.binary(max_size=1468)),
    st.builds(Ack, U16),
    st.builds(Error, U16, NAMES),
    st.builds(OptionAck, OPTIONS),
)


@given(MESSAGES)
def test_decode_gives_back_what_was_encoded(message):
    assert decode(encode(message)) == message


@given(st.binary(max_size=600))
def test_decode_raises_nothing_but_wire_error(data):
    with contextlib.suppress(WireError):
        decode(data)


@given(st.integers(0, 7), st.binary(max_size=600))
def test_decode_of_a_known_opcode_raises_nothing_but_wire_error(opcode, body):
    with contextlib.suppress(WireError):
        decode(bytes([0, opcode]) + body)


def test_a_request_of_edk2_is_read_in_order_and_spelling():
    fields = [b"boot/BOOTX64.EFI", b"OCTET", b"tsize", b"0", b"BlkSize", b"1468", b"windowsize", b"4", b""]
    packet = b"\x00\x01" + b"\x00".join(fields)
    assert decode(packet) == ReadRequest(
        "boot/BOOTX64.EFI", "octet", (("tsize", "0"), ("BlkSize", "1468"), ("windowsize", "4"))
    )


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (b"", "opcode"),
        (b"\0", "opcode"),
        (b"\0\x07", "none of TFTP's"),
        (b"\0\x01", "without file name"),
        (b"\0\x01name\0", "without file name"),
        (b"\0\x01name\0octet", "NUL"),
        (b"\0\x01name\0octet\0blksize\0", "no value"),
        (b"\0\x01" + b"a" * 2000 + b"\0octet\0", "longer than"),
        (b"\0\x04\x01", "too short"),
        (b"\0\x05\x01", "too short"),
        (b"\0\x06blksize", "NUL"),
    ],
)
def test_a_fault_is_named(packet, words):
    with pytest.raises(WireError, match=words):
        decode(packet)


def test_an_ack_with_padding_and_an_error_without_nul_are_taken():
    assert decode(b"\0\4\0\7" + b"\0" * 42) == Ack(7)
    assert decode(b"\0\5\0\1no such") == Error(1, "no such")


@pytest.mark.parametrize(
    "message", [ReadRequest("a\0b"), Error(1, "a\0b"), Ack(0x10000), Ack(-1), OptionAck((("a", "b\0"),))]
)
def test_what_the_wire_cannot_carry_is_refused(message):
    with pytest.raises(ValueError, match=r"NUL|16 bit"):
        encode(message)


@given(NAMES)
def test_printable_holds_no_control_character_and_encodes(name):
    shown = tftp.printable(name)
    shown.encode("utf-8")
    assert shown.isprintable()
