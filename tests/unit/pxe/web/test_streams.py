"""Readers of events: real socket pairs, the real thread."""

import json
import socket
import threading

import pytest

from pxe.eventlog import EventLog
from pxe.events import PlanChanged, to_json
from pxe.web.streams import HEAD, READERS, Streams, encoded

WAIT = 30.0  # seconds; only a failure lasts that long


def event(number, text=""):
    return PlanChanged(t_ns=number, mac=None, plan=text or f"p{number}")


@pytest.fixture
def log():
    return EventLog(capacity=500)


@pytest.fixture
def streams(log):
    streams = Streams(log, encoded)
    thread = threading.Thread(target=streams.serve)
    thread.start()
    yield streams
    log.close()
    thread.join(WAIT)
    assert not thread.is_alive()


@pytest.fixture
def connect(streams):
    """Make a reader: our end of its connection."""
    ours_all = []

    def make(since):
        ours, theirs = socket.socketpair()
        ours.settimeout(WAIT)
        ours_all.append(ours)
        streams.hold(theirs, since)
        assert streams.take(theirs)
        return ours

    yield make
    for ours in ours_all:
        ours.close()


def read_until(sock, last):
    """Everything up to and with the event numbered `last`: the events as objects."""
    data = b""
    while f"id: {last}\n".encode() not in data or not data.endswith(b"\n\n"):
        more = sock.recv(65536)
        assert more, data[-300:]
        data += more
    assert data.startswith(HEAD)
    found = []
    for block in data[len(HEAD) :].decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            body = json.loads(fields["data"])
            assert (int(fields["id"]), fields["event"]) == (body["seq"], body["kind"])
            found.append(body)
    return found


def test_events_arrive_as_they_happen_and_from_where_the_reader_was(log, connect):
    log.append(event(1))
    first = log.newest()
    log.append(event(2))
    late, new = connect(first), connect(log.newest())
    assert [e["plan"] for e in read_until(late, log.newest())] == ["p2"]
    log.append(event(3))
    (got,) = read_until(new, log.newest())
    assert got == {"seq": log.newest(), **to_json(event(3))}


def test_a_reader_from_the_beginning_is_told_what_is_gone(log, connect):
    for number in range(600):
        log.append(event(number))
    got = read_until(connect(log.newest() - 550), log.newest())
    assert (got[0]["kind"], got[0]["last"] - got[0]["first"]) == ("events-lost", 49)
    assert [e["plan"] for e in got[1:]] == [f"p{n}" for n in range(100, 600)]


def test_a_reader_that_does_not_read_holds_nobody_up_and_is_told_what_it_lost(log, connect):
    slow, quick = connect(log.newest()), connect(log.newest())
    quick_data = b""
    for _ in range(60):
        for number in range(50):
            log.append(event(number, "x" * 1000))
        while f"id: {log.newest()}\n".encode() not in quick_data[-200_000:]:
            quick_data += quick.recv(1 << 20)
    assert b"events-lost" not in quick_data
    assert quick_data.count(b"event: plan-changed") == 3000
    got = read_until(slow, log.newest())
    lost = [e for e in got if e["kind"] == "events-lost"]
    assert lost
    numbers = [n for e in got for n in (range(e["first"], e["last"] + 1) if e in lost else [e["seq"]])]
    assert numbers == list(range(numbers[0], log.newest() + 1))


def test_a_reader_that_left_is_forgotten(log, streams, connect):
    reader, stays = connect(log.newest()), connect(log.newest())
    log.append(event(1))
    read_until(reader, log.newest())
    assert streams.count() == 2
    reader.close()
    for _ in range(1000):
        log.append(event(2))
        if streams.count() == 1:
            break
        threading.Event().wait(0.01)
    assert streams.count() == 1
    assert read_until(stays, log.newest())


def test_only_a_held_connection_is_taken(log):
    streams = Streams(log, encoded)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert not streams.take(theirs)
        assert not streams.full
        for number in range(READERS):
            streams._held[number] = 0
        assert streams.full
