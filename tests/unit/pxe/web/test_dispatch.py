import socket

import pytest

from pxe.web.body import Body
from pxe.web.dispatch import Dispatcher


def named(name):
    def app(environ, start_response):
        assert environ["wsgi.file_wrapper"] is Body
        start_response("200 OK", [])
        return [name]

    return app


def ask(dispatcher, connection):
    status = []
    body = dispatcher(
        {"gunicorn.socket": connection, "HTTP_HOST": "127.0.0.1:1"}, lambda s, _: status.append(s)
    )
    return status[0], b"".join(body)


@pytest.fixture
def connected():
    """Accepted TCP connection and the address it came in at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            yield accepted, listener.getsockname()


def test_tcp_is_told_apart_by_the_local_address(connected):
    accepted, (host, port) = connected
    assert ask(Dispatcher(named(b"m"), named(b"o"), (host, port)), accepted) == ("200 OK", b"o")
    for other in ((host, port + 1), ("127.0.0.2", port), "/run/api.sock"):
        assert ask(Dispatcher(named(b"m"), named(b"o"), other), accepted) == ("200 OK", b"m")


def test_a_listener_on_all_addresses(connected):
    accepted, (_, port) = connected
    assert ask(Dispatcher(named(b"m"), named(b"o"), ("0.0.0.0", port)), accepted) == ("200 OK", b"o")


def test_a_unix_socket_is_the_api():
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert ask(Dispatcher(named(b"m"), named(b"o"), "/run/api.sock"), ours) == ("200 OK", b"o")


def test_no_machine_side(connected):
    accepted, _ = connected
    assert ask(Dispatcher(None, named(b"o"), "/run/api.sock"), accepted) == ("404 Not Found", b"")
