"""ICMP echo: what the kernel answers, and anything at all."""

import contextlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP

from pxe.errors import WireError
from pxe.wire.icmp import decode_echo_reply, echo_request

SOMEBODY = IPv4Address("10.20.0.9")


@given(st.integers(0, 65535), st.binary(max_size=64))
def test_a_question_and_its_answer_as_scapy_has_them(ident, data):
    sent = echo_request(ident, data)
    assert bytes(ICMP(type="echo-request", id=ident, seq=0) / data) == sent
    packet = bytes(IP(src=str(SOMEBODY), dst="10.0.0.1") / ICMP(type="echo-reply", id=ident) / data)
    reply = decode_echo_reply(packet)
    assert (reply.source, reply.ident, reply.data) == (SOMEBODY, ident, data)


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_to_be_refused(noise):
    with contextlib.suppress(WireError):
        decode_echo_reply(noise)
    with contextlib.suppress(WireError):
        decode_echo_reply(b"\x46" + noise)


@pytest.mark.parametrize("kind", ["echo-request", "dest-unreach"])
def test_what_is_no_answer_is_refused(kind):
    with pytest.raises(WireError, match="no ICMP echo reply"):
        decode_echo_reply(bytes(IP(src=str(SOMEBODY)) / ICMP(type=kind) / b"12345678"))
