"""The order of answers under a flood: sockets that are lists, a clock that is a number."""

import pytest

from pxe.net import inbox as module
from pxe.net.inbox import Inbox
from pxe.net.mmsg import AT_ONCE

OURS, STRANGER = b"\x52\x54\x00\x00\x00\x01", b"\x02\x00\x00\x00\x00\x01"
DISCOVER, REQUEST = 1, 3


class Socket:
    """Holds datagrams, and has no more after the last."""

    def __init__(self, *datagrams: bytes) -> None:
        self.datagrams = list(datagrams)

    def receive(self) -> list[tuple[bytes, tuple[str, int]]]:
        taken, self.datagrams = self.datagrams[:AT_ONCE], self.datagrams[AT_ONCE:]
        return [(data, ("10.99.0.5", 68)) for data in taken]


class Office:
    """An inbox with its clock; one machine is known."""

    def __init__(self) -> None:
        self.now = 0
        self.inbox: Inbox[str] = Inbox(lambda mac: mac == OURS.hex(":"), lambda: self.now, Socket.receive)

    def comes(self, *datagrams: bytes) -> None:
        self.inbox.drain("link", Socket(*datagrams))

    def takes(self) -> list[int]:
        return [int.from_bytes(came.data[4:6]) for came in self.inbox.take()]


def message(kind: int, number: int, mac: bytes = STRANGER) -> bytes:
    head = bytearray(240)
    head[4:6], head[28:34] = number.to_bytes(2), mac
    return bytes(head) + bytes((53, 1, kind, 255))


@pytest.fixture
def office() -> Office:
    return Office()


def test_what_finishes_an_exchange_comes_first_and_in_order(office):
    office.comes(message(DISCOVER, 1), message(REQUEST, 2), message(DISCOVER, 3, OURS), message(REQUEST, 4))
    assert office.takes() == [2, 3, 4, 1]
    assert not office.inbox.waits()


def test_of_strangers_the_one_who_asked_last_is_answered_first(office):
    office.comes(*(message(DISCOVER, number) for number in range(300)))
    taken = office.takes()
    assert len(taken) < 300
    while office.inbox.waits():
        taken += office.takes()
    assert taken == list(range(299, -1, -1))


def test_nobody_is_answered_who_has_asked_again_by_now(office):
    office.comes(message(DISCOVER, 1), message(DISCOVER, 2))
    office.now = 600_000_000
    office.comes(message(DISCOVER, 3))
    office.now = 900_000_000
    assert office.takes() == [3]
    assert office.inbox.take_dropped() == 2
    assert not office.inbox.waits()


def test_a_request_is_answered_however_long_it_waited(office):
    office.comes(message(REQUEST, 1))
    office.now = 5_000_000_000
    assert office.takes() == [1]


def test_what_waits_is_bounded_and_the_oldest_makes_room(office, monkeypatch):
    monkeypatch.setattr(module, "_WAITING", 3)
    monkeypatch.setattr(module, "_URGENT", 2)
    office.comes(*(message(DISCOVER, number) for number in range(5)))
    office.comes(*(message(REQUEST, number) for number in range(10, 15)))
    assert office.takes() == [13, 14, 4, 3, 2]
    assert office.inbox.take_dropped() == 5
    assert office.inbox.take_dropped() == 0


def test_bytes_that_are_no_message_are_handed_on(office):
    office.comes(b"", b"x" * 239)
    assert [came.data for came in office.inbox.take()] == [b"", b"x" * 239]
