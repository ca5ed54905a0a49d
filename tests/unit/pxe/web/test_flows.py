"""How far a download is, asked of the real kernel."""

import socket
import time

import pytest

from pxe.web.flows import Flows

SIZE = 1 << 20


@pytest.fixture
def pair():
    """A connection over TCP: the server's end, the client's end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), 20)
        server, _ = listener.accept()
    with client, server:
        yield server, client


def receive(client, count):
    while count:
        count -= len(client.recv(count))


def test_what_the_client_has_is_told_also_on_a_connection_that_was_used_before(pair):
    server, client = pair
    flows = Flows()
    server.sendall(bytes(300_000))
    receive(client, 300_000)
    until(lambda: acknowledged(server, 300_000))
    flows.begin("t", server, SIZE)
    assert flows.sent() == {"t": 0}
    server.sendall(bytes(100_000))
    receive(client, 100_000)
    until(lambda: flows.sent() == {"t": 100_000})
    flows.end("t")
    flows.end("never")
    assert flows.sent() == {}


def test_small_files_and_what_is_no_socket_are_not_watched(pair):
    flows = Flows()
    flows.begin("small", pair[0], 1000)
    flows.begin("test client", None, SIZE)
    assert flows.sent() == {}


def test_a_connection_that_is_gone_counts_nothing(pair):
    flows = Flows()
    flows.begin("t", pair[0], SIZE)
    pair[0].close()
    assert flows.sent() == {"t": 0}


def acknowledged(server, count):
    flows = Flows()
    flows.begin("all", server, SIZE)
    return flows._open["all"][1] == count


def until(check):
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.01)
