"""Many datagrams in one system call, over real sockets."""

import errno
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from pxe.net.mmsg import AT_ONCE, LONGEST, Receiver, Sender
from pxe.net.outbox import Outbox

HERE, SOURCE = IPv4Address("127.0.0.1"), IPv4Address("127.0.0.5")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind(("", 0))
        other.bind((str(HERE), 0))
        yield one, other


def port(sock: socket.socket) -> int:
    return sock.getsockname()[1]


def test_each_datagram_comes_whole_with_its_sender(pair):
    one, other = pair
    texts = [bytes([number]) * (number * 7 % 1472) for number in range(AT_ONCE)]
    assert Sender(SOURCE).send(one, [(text, HERE, port(other)) for text in texts]) == [None] * AT_ONCE
    receiver = Receiver()
    assert receiver.receive(other) == [(text, (str(SOURCE), port(one))) for text in texts]
    assert receiver.receive(other) == []
    other.sendto(b"x" * 65507, ("127.0.0.1", port(one)))  # after a long one, a short one is short
    other.sendto(b"y", ("127.0.0.1", port(one)))
    assert [len(data) for data, _ in receiver.receive(one)] == [65507, 1]


def test_what_cannot_be_sent_is_said_and_the_rest_goes(pair):
    one, other = pair
    wanted = [(b"a", HERE, port(other)), (b"b", HERE, 0), (b"c", HERE, port(other)), (b"d", HERE, 0)]
    faults = Sender(SOURCE).send(one, wanted)
    assert [fault.errno if fault else None for fault in faults] == [None, errno.EINVAL, None, errno.EINVAL]
    assert [data for data, _ in Receiver().receive(other)] == [b"a", b"c"]


def test_a_closed_socket_is_an_error(pair):
    one, _ = pair
    one.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        Receiver().receive(one)


def test_an_outbox_keeps_the_order_and_tells_of_each(pair):
    one, other = pair
    told = []
    outbox = Outbox(lambda item, fault: told.append((item, fault.errno if fault else None)))
    for number in range(AT_ONCE + 3):
        source = SOURCE if number % 10 else HERE
        outbox.put(one, source, b"%d" % number, (HERE, port(other)), number)
    outbox.put(one, SOURCE, bytes(LONGEST + 1), (HERE, port(other)), "long")
    outbox.put(one, SOURCE, b"last", (HERE, 0), "nowhere")
    outbox.flush()
    outbox.flush()
    came = [item for item in (Receiver().receive(other), Receiver().receive(other)) for item in item]
    assert [int(data) for data, _ in came] == list(range(AT_ONCE + 3))
    assert [sender[0] for _, sender in came] == [
        str(SOURCE if number % 10 else HERE) for number in range(AT_ONCE + 3)
    ]
    assert set(told) == {(n, None) for n in range(AT_ONCE + 3)} | {
        ("long", errno.EMSGSIZE),
        ("nowhere", errno.EINVAL),
    }
