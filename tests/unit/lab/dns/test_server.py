"""The server on real sockets, its log, and who follows that."""

import asyncio
import json
import socket

import pytest
from dnslib import DNSRecord

from lab.dns.answer import Answer, Zone
from lab.dns.log import Follower, QueryLog
from lab.dns.server import serving
from lab.errors import InfrastructureError

ZONE = Zone.parse(["probe.lab.test=10.99.0.1"])
LOCAL = "127.0.0.1"


@pytest.fixture
def log(tmp_path):
    log = QueryLog(tmp_path / "dns.jsonl")
    yield log
    log.close()


def ask(port, *, tcp=False, name="probe.lab.test"):
    raw = DNSRecord.question(name).send(LOCAL, port, tcp=tcp, timeout=60)
    return [str(rr.rdata) for rr in DNSRecord.parse(raw).rr]


def test_both_protocols_are_answered_and_logged(tmp_path, log):
    async def run():
        async with serving(LOCAL, 0, ZONE, log) as port:
            return [await asyncio.to_thread(ask, port, tcp=tcp) for tcp in (False, True)]

    assert asyncio.run(run()) == [["10.99.0.1"]] * 2
    lines = [json.loads(line) for line in (tmp_path / "dns.jsonl").read_text().splitlines()]
    assert [(line["client"], line["over"], line["name"], line["answer"]) for line in lines] == [
        (LOCAL, "udp", "probe.lab.test", ["10.99.0.1"]),
        (LOCAL, "tcp", "probe.lab.test", ["10.99.0.1"]),
    ]
    assert lines[0]["t_ns"] < lines[1]["t_ns"]


@pytest.mark.parametrize("raw", [b"", b"\x00", b"\x00\x05hello", b"\xff\xff" + bytes(100), bytes(14)])
def test_garbage_over_tcp_ends_that_connection_alone(log, raw):
    async def run():
        async with serving(LOCAL, 0, ZONE, log) as port:
            with socket.create_connection((LOCAL, port)) as sock:
                sock.sendall(raw)
                sock.shutdown(socket.SHUT_WR)
                return await asyncio.to_thread(ask, port, tcp=True)

    assert asyncio.run(run()) == ["10.99.0.1"]


def test_a_port_that_is_taken(log):
    async def run():
        async with serving(LOCAL, 0, ZONE, log) as port, serving(LOCAL, port, ZONE, log):
            pass

    with pytest.raises(InfrastructureError, match="DNS cannot listen on"):
        asyncio.run(run())


def told(name, answer=("10.99.0.1",)):
    return Answer(b"", name, "A", "NOERROR" if answer else "NXDOMAIN", answer)


def test_a_follower_hears_of_the_right_query_only(tmp_path, log):
    async def run():
        follower = Follower(tmp_path / "dns.jsonl")
        waiting = asyncio.create_task(follower.answered("10.0.0.1", "probe.lab.test", 0))
        log.write("10.0.0.2", "udp", told("probe.lab.test"))
        log.write("10.0.0.1", "udp", told("other.test"))
        log.write("10.0.0.1", "udp", told("probe.lab.test", ()))
        await follower.answered("10.0.0.1", "", 0)  # any name
        assert not waiting.done()
        log.write("10.0.0.1", "udp", told("probe.lab.test"))
        await waiting
        late = asyncio.create_task(follower.answered("10.0.0.2", "probe.lab.test", 2**62))
        await follower.answered("10.0.0.2", "probe.lab.test", 0)  # an earlier query is remembered
        assert not late.done()
        late.cancel()
        await follower.close()

    asyncio.run(run())


def test_a_follower_of_a_log_that_comes_later_and_is_replaced(tmp_path):
    path = tmp_path / "late.jsonl"
    follower = Follower(path)
    assert follower.read() == set()
    line = {"t_ns": 5, "client": "10.0.0.1", "name": "a", "rcode": "NOERROR", "answer": ["1.1.1.1"]}
    path.write_text(json.dumps(line) + "\n" + "not ours\n" + json.dumps(line)[:9])
    assert follower.read() == {"10.0.0.1"}
    path.write_text(json.dumps(line | {"client": "10.0.0.2"}) + "\n")
    assert follower.read() == {"10.0.0.2"}
