"""A script without Flask is what it is with Flask."""

import socket
from dataclasses import replace
from functools import partial

import pytest
from werkzeug.test import EnvironBuilder

from pxe.boot.snapshot import Snapshot
from pxe.events import TransferEnded, TransferRefused, TransferStarted
from pxe.web.dispatch import Dispatcher
from pxe.web.machine import create_app
from pxe.web.machine.scripts import script

MAC = "52:54:00:00:00:01"
NAME = "/boot.scr.uimg"


@pytest.fixture
def connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        with client, accepted:
            yield accepted


def environ(target, connection):
    """The WSGI environment of a request."""
    with_query = EnvironBuilder(path=target.partition("?")[0], query_string=target.partition("?")[2])
    found = with_query.get_environ()
    found.update(REQUEST_METHOD="GET", REMOTE_ADDR="127.0.0.1", REMOTE_PORT="4711", RAW_URI=target)
    return {**found, "gunicorn.socket": connection}


def ask(wsgi, request):
    told = []
    body = wsgi(request, lambda status, headers, exc_info=None: told.append((status, sorted(headers))))
    data = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return *told[0], data


@pytest.fixture
def dispatcher(service):
    return Dispatcher(create_app(service), create_app(service), "/run/api.sock", partial(script, service))


def quickly(dispatcher, connection, target=NAME):
    """What is answered without Flask, as a client sees it; None: nothing."""
    made = dispatcher.quick(target.encode(), ("127.0.0.1", 4711), connection)
    if made is None:
        return None
    made.ended(len(made.data), "complete", "")
    return "200 OK", sorted(made.headers), made.data


def test_the_same_status_headers_and_bytes(dispatcher, connection):
    assert quickly(dispatcher, connection) is None
    first = ask(dispatcher, environ(NAME, connection))
    assert quickly(dispatcher, connection) == first
    assert first[0] == "200 OK"
    assert dict(first[1])["Content-Length"] == str(len(first[2]))


def test_the_same_events(service, dispatcher, connection):
    ask(dispatcher, environ(NAME, connection))
    quickly(dispatcher, connection)
    began, ended, began_again, ended_again = [event for _, event in service.events.since(0)]
    assert isinstance(began, TransferStarted)
    assert isinstance(ended, TransferEnded)
    assert began_again == replace(began, t_ns=began_again.t_ns, transfer=began_again.transfer)
    assert ended_again.transfer == began_again.transfer != began.transfer
    assert (ended_again.outcome, ended_again.sent, ended_again.peer) == (
        "complete",
        ended.sent,
        "127.0.0.1:4711",
    )


@pytest.mark.parametrize(
    ("name", "at"),
    [
        (NAME, "10.99.0.200"),
        ("/nothing.there", "127.0.0.1"),
        ("/debian/linux", "127.0.0.1"),
        ("/all.txt", "127.0.0.1"),
    ],
)
def test_all_else_is_left_to_flask(service, name, at):
    assert script(service, name[1:], (at, 4711)) is None
    assert service.events.since(0) == []


def test_what_has_a_query_is_not_quick(dispatcher, connection):
    ask(dispatcher, environ(NAME + "?x=1", connection))
    assert quickly(dispatcher, connection, NAME + "?x=1") is None


def test_the_operators_listener_has_no_scripts(service, dispatcher, connection):
    ask(dispatcher, environ(NAME, connection))
    assert quickly(dispatcher, connection) is not None
    theirs, ours = socket.socketpair()  # the API's Unix socket
    with theirs, ours:
        assert quickly(dispatcher, theirs) is None


def test_it_is_made_for_each_request_anew(service, dispatcher, connection, plan):
    first = ask(dispatcher, environ(NAME, connection))
    assert quickly(dispatcher, connection) == first
    old = service.catalogue.snapshot
    changed = replace(plan, cmdline="console=ttyS7")
    service.catalogue.replace(Snapshot(old.machines, {"p": changed}))
    after = quickly(dispatcher, connection)
    assert b"ttyS7" in after[2]
    assert b"ttyS7" not in first[2]


def test_a_machine_that_lost_its_plan_is_refused_by_flask(service, dispatcher, connection):
    ask(dispatcher, environ(NAME, connection))
    old = service.catalogue.snapshot
    service.catalogue.replace(Snapshot({MAC: replace(old.machines[MAC], plan=None)}, old.plans))
    assert quickly(dispatcher, connection) is None
    status, _, _ = ask(dispatcher, environ(NAME, connection))
    assert status == "404 NOT FOUND"
    service.catalogue.replace(old)
    assert quickly(dispatcher, connection) is None, "a thread looks at it first"
    refusals = [event for _, event in service.events.since(0) if isinstance(event, TransferRefused)]
    assert len(refusals) == 1


def test_a_text_that_became_long_is_left_to_flask(service, dispatcher, connection, plan):
    ask(dispatcher, environ("/preseed.cfg", connection))
    assert quickly(dispatcher, connection, "/preseed.cfg") is not None
    old = service.catalogue.snapshot
    long = replace(plan, texts={"preseed.cfg": "x" * 40_000})
    service.catalogue.replace(Snapshot(old.machines, {"p": long}))
    assert quickly(dispatcher, connection, "/preseed.cfg") is None
    assert len(ask(dispatcher, environ("/preseed.cfg", connection))[2]) == 40_000
