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


def environ(target, connection=None, *, method="GET", at="127.0.0.1", **headers):
    """The WSGI environment of a request; `headers` as HTTP_NAME=value."""
    with_query = EnvironBuilder(path=target.partition("?")[0], query_string=target.partition("?")[2])
    found = with_query.get_environ()
    found.update(REQUEST_METHOD=method, REMOTE_ADDR=at, REMOTE_PORT="4711", RAW_URI=target, **headers)
    return {**found, "gunicorn.socket": connection}


def ask(wsgi, request):
    told = []
    body = wsgi(request, lambda status, headers, exc_info=None: told.append((status, sorted(headers))))
    data = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return *told[0], data


@pytest.fixture
def directly(service):
    """What was answered without Flask, as environments."""
    return []


@pytest.fixture
def dispatcher(service, directly):
    def noting(request):
        found = script(service, request)
        if found is not None:
            directly.append(request)
        return found

    return Dispatcher(create_app(service), create_app(service), "/run/api.sock", noting)


def test_the_same_status_headers_and_bytes(dispatcher, directly, connection):
    first = ask(dispatcher, environ(NAME, connection))
    assert directly == []
    assert ask(dispatcher, environ(NAME, connection)) == first
    assert len(directly) == 1
    assert first[0] == "200 OK"
    assert dict(first[1])["Content-Length"] == str(len(first[2]))


def test_the_same_events(service, dispatcher, connection):
    for _ in range(2):
        ask(dispatcher, environ(NAME, connection))
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
    "request_",
    [
        partial(environ, NAME, method="HEAD"),
        partial(environ, NAME, method="POST"),
        partial(environ, NAME + "?x=1"),
        partial(environ, NAME, HTTP_RANGE="bytes=0-3"),
        partial(environ, NAME, HTTP_IF_NONE_MATCH='"x"'),
        partial(environ, NAME, HTTP_IF_MATCH='"x"'),
        partial(environ, NAME, HTTP_IF_MODIFIED_SINCE="Thu, 01 Jan 1970 00:00:00 GMT"),
        partial(environ, NAME, HTTP_IF_UNMODIFIED_SINCE="Thu, 01 Jan 1970 00:00:00 GMT"),
        partial(environ, NAME, at="10.99.0.200"),
        partial(environ, "/nothing.there"),
        partial(environ, "/debian/linux"),
        partial(environ, "/all.txt"),
    ],
)
def test_all_else_is_left_to_flask(service, request_):
    assert script(service, request_()) is None
    assert service.events.since(0) == []


def test_it_is_made_for_each_request_anew(service, dispatcher, connection, plan):
    first = ask(dispatcher, environ(NAME, connection))
    ask(dispatcher, environ(NAME, connection))
    old = service.catalogue.snapshot
    changed = replace(plan, cmdline="console=ttyS7")
    service.catalogue.replace(Snapshot(old.machines, {"p": changed}))
    after = ask(dispatcher, environ(NAME, connection))
    assert b"ttyS7" in after[2]
    assert b"ttyS7" not in first[2]


def test_a_machine_that_lost_its_plan_is_refused_by_flask(service, dispatcher, connection):
    ask(dispatcher, environ(NAME, connection))
    old = service.catalogue.snapshot
    service.catalogue.replace(Snapshot({MAC: replace(old.machines[MAC], plan=None)}, old.plans))
    status, _, _ = ask(dispatcher, environ(NAME, connection))
    assert status == "404 NOT FOUND"
    assert not dispatcher.is_quick(NAME.encode())
    refusals = [event for _, event in service.events.since(0) if isinstance(event, TransferRefused)]
    assert len(refusals) == 1


def test_a_text_that_became_long_is_left_to_flask(service, dispatcher, directly, connection, plan):
    for _ in range(2):
        ask(dispatcher, environ("/preseed.cfg", connection))
    assert len(directly) == 1
    old = service.catalogue.snapshot
    long = replace(plan, texts={"preseed.cfg": "x" * 40_000})
    service.catalogue.replace(Snapshot(old.machines, {"p": long}))
    assert len(ask(dispatcher, environ("/preseed.cfg", connection))[2]) == 40_000
    assert len(directly) == 1
    assert not dispatcher.is_quick(b"/preseed.cfg")
