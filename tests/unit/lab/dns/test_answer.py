"""Replies of the lab's DNS server, read back by dnslib, and any bytes at all."""

import dnslib
import pytest
from dnslib import QTYPE, RCODE, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from lab.dns.answer import Zone, answer
from lab.errors import UsageError

ZONE = Zone.parse(
    ["probe.lab.test=10.99.0.1", "probe.lab.test=fd00::1", "*.pool.lab.test=10.99.0.2"]
    + [f"many.lab.test=10.1.0.{n}" for n in range(100)]
)


def ask(name, kind="A", **options):
    query = DNSRecord.question(name, kind)
    told = answer(query.pack(), ZONE, **options)
    reply = DNSRecord.parse(told.reply)
    assert reply.header.id == query.header.id
    return told, reply


def test_a_name_and_its_address():
    told, reply = ask("Probe.LAB.test")
    assert (told.name, told.type, told.rcode, told.answer) == (
        "probe.lab.test",
        "A",
        "NOERROR",
        ("10.99.0.1",),
    )
    assert [(str(rr.rname), str(rr.rdata)) for rr in reply.rr] == [("Probe.LAB.test.", "10.99.0.1")]


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "answers"),
    [
        ("probe.lab.test", "AAAA", "NOERROR", ("fd00::1",)),
        ("probe.lab.test", "MX", "NOERROR", ()),
        ("a.b.pool.lab.test", "A", "NOERROR", ("10.99.0.2",)),
        ("lab.test", "A", "NOERROR", ()),
        ("other.test", "A", "NXDOMAIN", ()),
        (".", "NS", "NXDOMAIN", ()),
    ],
)
def test_what_is_there_and_what_is_not(name, kind, rcode, answers):
    told, reply = ask(name, kind)
    assert (told.rcode, told.answer) == (rcode, answers)
    assert reply.header.rcode == getattr(RCODE, rcode)


def test_a_long_reply_is_cut_over_udp_and_whole_over_tcp():
    assert ask("many.lab.test")[1].header.tc
    assert len(ask("many.lab.test", udp=False)[1].rr) == 100


def test_edns_is_answered_with_edns():
    query = DNSRecord.question("probe.lab.test")
    query.add_ar(dnslib.EDNS0(udp_len=4096))
    assert [record.rtype for record in DNSRecord.parse(answer(query.pack(), ZONE).reply).ar] == [QTYPE.OPT]


def test_a_reply_gets_no_answer():
    assert answer(DNSRecord.question("probe.lab.test").reply().pack(), ZONE) is None


def test_another_opcode_is_not_implemented():
    query = DNSRecord.question("probe.lab.test")
    query.header.opcode = dnslib.OPCODE.UPDATE
    told = answer(query.pack(), ZONE)
    assert DNSRecord.parse(told.reply).header.rcode == RCODE.NOTIMP


@given(
    st.binary(max_size=80) | st.binary(min_size=12, max_size=40).map(lambda raw: raw[:2] + b"\x01" + raw[3:])
)
def test_any_bytes(raw):
    told = answer(raw, ZONE)
    assert told is None or DNSRecord.parse(told.reply).header.id == int.from_bytes(raw[:2])


@given(st.data())
def test_a_query_that_was_damaged(data):
    raw = bytearray(DNSRecord.question("probe.lab.test").pack())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    told = answer(bytes(raw), ZONE)
    assert told is None or DNSRecord.parse(told.reply)


@pytest.mark.parametrize("text", ["probe", "probe=", "probe=10.99.0.300", "=x"])
def test_a_record_that_is_none(text):
    with pytest.raises(UsageError, match="write NAME=ADDRESS"):
        Zone.parse([text])
