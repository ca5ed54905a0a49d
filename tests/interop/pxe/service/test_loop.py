"""What the loop of the HTTP worker answers itself, and that no client can hold it up."""

import contextlib
import socket

import pytest
from service_running import MACHINE, eventually

pytestmark = pytest.mark.interop
GET = b"GET /boot.scr.uimg HTTP/1.%d\r\nHost: x\r\n\r\n"


@pytest.fixture
def connect(service):
    with contextlib.ExitStack() as stack:

        def run():
            made = socket.create_connection(("127.0.0.1", service.http_port), 30, (MACHINE, 0))
            return stack.enter_context(made)

        yield run


def answer(sock):
    """Read one response off a connection that is kept alive; return status line and body."""
    head, body = read(sock)
    return head.partition(b"\r\n")[0], body


def read(sock):
    """Read one response off a connection that is kept alive; return head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(65536)
        assert chunk, data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    while len(body) < length:
        chunk = sock.recv(65536)
        assert chunk
        body += chunk
    return head, body


def test_the_loop_answers_as_a_thread_does(connect, service):
    sock = connect()
    sock.sendall(GET % 1)
    first = read(sock)  # by a thread: the name is new
    for _ in range(3):
        sock.sendall(GET % 1)
        head, body = read(sock)
        assert body == first[1]
        assert undated(head) == undated(first[0])
    assert first[0].startswith(b"HTTP/1.1 200 OK\r\n")
    with service.client() as client:
        ended = [e for _, e in client.events(0) if e.kind == "transfer-ended"]
    assert [e.outcome for e in ended] == ["complete"] * 4


def undated(head):
    return [line for line in head.split(b"\r\n") if not line.startswith(b"Date: ")]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"GET /boot.scr.uimg HTTP/1.0\r\n", False),
        (b"GET /boot.scr.uimg HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
        (b"GET /boot.scr.uimg HTTP/1.1\r\nConnection: close\r\n", False),
    ],
)
def test_a_connection_is_kept_as_gunicorn_would(connect, line, kept):
    """With a query gunicorn answers; with none, from the second time on, the loop."""
    heads = []
    for asked in (line.replace(b".uimg", b".uimg?"), line, line):
        sock = connect()
        sock.sendall(asked + b"Host: x\r\n\r\n")
        heads.append(undated(read(sock)[0]))
        if kept:
            sock.sendall(GET % 0)
            assert answer(sock)[0].endswith(b"200 OK")
        else:
            assert sock.recv(1) == b""
    assert heads[0] == heads[1] == heads[2]


def test_requests_in_one_packet_and_in_pieces(connect):
    sock = connect()
    sock.sendall(GET % 1)
    first = answer(sock)
    sock.sendall((GET % 1)[:10])
    sock.sendall((GET % 1)[10:])
    assert answer(sock) == first
    sock.sendall(GET % 1 + GET % 0)  # pipelined
    got = b""
    while chunk := sock.recv(65536):
        got += chunk
    assert got.count(first[1]) == 2


def test_a_client_that_does_not_close_holds_up_nobody(connect):
    other = connect()
    other.settimeout(1.5)  # gunicorn's own loop would wait 2 s for each of the three
    for _ in range(3):
        stuck = connect()
        stuck.sendall(GET % 0)
        while stuck.recv(65536):
            pass  # our FIN came; this side stays open
        other.sendall(GET % 1)
        assert answer(other)[0].endswith(b"200 OK")


def test_clients_that_stop_reading_hold_up_nobody(connect):
    sock = connect()
    sock.sendall(GET % 1)
    answer(sock)
    deaf = connect()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.settimeout(1)
    with contextlib.suppress(TimeoutError):
        for _ in range(20_000):
            deaf.sendall(GET % 1)
    sock.sendall(GET % 1)
    assert answer(sock)[0].endswith(b"200 OK")


@pytest.mark.parametrize("head", [b"Content-Length: 10\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_body_that_never_comes_holds_up_nobody(connect, head):
    sock = connect()
    sock.sendall(GET % 1)
    answer(sock)
    for _ in range(3):
        connect().sendall((GET % 1)[:-2] + head + b"\r\n")
    sock.settimeout(4)  # gunicorn waits 5 s for it
    sock.sendall(GET % 1)
    assert answer(sock)[0].endswith(b"200 OK")


def test_silent_connections_cost_no_thread(connect, service):
    before = service.worker().num_threads()
    silent = [connect() for _ in range(200)]
    sock = connect()
    sock.sendall(GET % 1)
    assert answer(sock)[0].endswith(b"200 OK")
    assert service.worker().num_threads() <= before + 2
    for one in silent:
        one.close()
    eventually(lambda: service.worker().num_threads() <= before + 2)
