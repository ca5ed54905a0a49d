"""The resolver's client: encoding against another library, real servers on loopback, anything on the wire."""

import asyncio
import contextlib

import dnslib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.refos.guest.linux import dns
from lab.refos.guest.linux.dns import AAAA, DnsFault, decode_answer, encode_query

LABELS = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20), min_size=1, max_size=6
)


@settings(max_examples=40, deadline=None)
@given(LABELS, st.integers(0, 0xFFFF))
def test_a_query_is_what_dnslib_reads(labels, number):
    name = ".".join(labels)
    parsed = dnslib.DNSRecord.parse(encode_query(name, number))
    assert (str(parsed.q.qname), parsed.q.qtype, parsed.header.id) == (f"{name}.", dnslib.QTYPE.A, number)
    assert parsed.header.rd


def answer(query, *records, code=0):
    reply = dnslib.DNSRecord.parse(query).reply()
    reply.header.rcode = code
    for record in records:
        reply.add_answer(*dnslib.RR.fromZone(record))
    return reply.pack()


def test_addresses_behind_an_alias():
    query = encode_query("www.test", 7)
    reply = answer(query, "www.test CNAME a.test", "a.test A 192.0.2.1", "a.test A 192.0.2.2")
    assert decode_answer(reply, query) == ("192.0.2.1", "192.0.2.2")
    query = encode_query("www.test", 7, AAAA)
    assert decode_answer(answer(query, "www.test AAAA 2001:db8::1"), query) == ("2001:db8::1",)


def test_a_name_that_does_not_exist_is_an_answer():
    query = encode_query("none.test", 7)
    assert decode_answer(answer(query, code=3), query) == ()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda query: query, "no answer to this query"),
        (lambda query: answer(query, code=2), "error 2"),
        (lambda query: b"\xff\xff" + answer(query)[2:], "no answer to this query"),
        (lambda query: answer(encode_query("else.test", 7)), "another question"),
        (lambda query: answer(query, "www.test A 192.0.2.1")[:-6], "cut off"),
        (lambda query: b"", "too short"),
    ],
    ids=["the query itself", "server failure", "other number", "other question", "cut off", "empty"],
)
def test_what_is_no_answer(change, reason):
    query = encode_query("www.test", 7)
    if reason == "cut off":
        data = change(query)[:-2]
        with pytest.raises(DnsFault, match=reason):
            decode_answer(data[:30], query)
        return
    with pytest.raises(DnsFault, match=reason):
        decode_answer(change(query), query)


@given(st.binary(max_size=200))
def test_anything_on_the_wire(noise):
    query = encode_query("www.test", 7)
    for data in (noise, query[:2] + b"\x80\x00\x00\x01\x00\x05\x00\x00\x00\x00" + query[12:] + noise):
        with contextlib.suppress(DnsFault):
            assert all(isinstance(found, str) for found in decode_answer(data, query))


@pytest.mark.parametrize("name", ["a" * 64, ".".join(["a" * 60] * 5)])
def test_what_is_no_name(name):
    with pytest.raises(DnsFault, match="no name"):
        encode_query(name, 1)


class Server(asyncio.DatagramProtocol):
    """Answers with what `reply` makes of a query; a list: one after the other."""

    def __init__(self, reply):
        self.reply = reply

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        for reply in self.reply(data):
            self.transport.sendto(reply, addr)


def asked(reply, timeout=20.0):
    async def story():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Server(reply), ("127.0.0.1", 0))
        try:
            port = transport.get_extra_info("sockname")[1]
            return await dns.ask("127.0.0.1", "www.test", port=port, timeout=timeout)
        finally:
            transport.close()

    return asyncio.run(story())


def test_a_forged_datagram_does_not_end_the_exchange():
    def reply(query):
        return [b"\0\0forged", answer(query, "www.test A 192.0.2.1")]

    assert asked(reply) == ("192.0.2.1",)


def test_an_error_of_the_server_does():
    with pytest.raises(DnsFault, match="error 5"):
        asked(lambda query: [answer(query, code=5)])


def test_silence_has_an_end():
    with pytest.raises(TimeoutError):
        asked(lambda query: [], timeout=0.1)
