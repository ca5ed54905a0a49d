"""The server as a process, over its sockets."""

import contextlib
import json
import os
import resource
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from lab.errors import UsageError
from lab.testing.updaters.flatcar import Flatcar
from lab.testing.updaters.running import Running
from lab.testing.updaters.scene import write_file
from lab.testing.updaters.steps import Witness
from lab.updates.control import ask
from lab.updates.record import Record

LOCK = {"fleet-lock-protocol": "true"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for all that do not end it; each test has nodes and groups of its own."""
    path = write_file(tmp_path_factory.mktemp("updates"))
    path.write_text(path.read_text() + "  edge: {slots: 1}\n")
    with Running(path) as running, httpx.Client(base_url=running.url, timeout=60) as client:
        yield path.parent, running, client


@pytest.fixture
def client(shared):
    return shared[2]


@pytest.fixture
def state(shared):
    return shared[0] / "state"


def check_of(number, group="stable"):
    """A check as the simulated update_engine sends it."""
    life = Flatcar(number, "4593.2.4", group, Witness()).life()
    next(life)
    return life.send(None).body


def lock(client, what, node, group="default"):
    return client.post(f"/v1/{what}", headers=LOCK, json={"client_params": {"id": node, "group": group}})


def test_the_three_protocols(client):
    answer = client.post("/v1/update/", content=check_of(1))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert '<updatecheck status="ok">' in answer.text
    graph = client.get("/v1/graph", params={"stream": "stable", "basearch": "aarch64"})
    assert graph.json()["edges"] == [[0, 1]]
    answers = [lock(client, "pre-reboot", f"n{n}") for n in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 409]
    assert answers[-1].json()["kind"] == "failed_lock_semaphore_full"
    assert lock(client, "steady-state", "n0").status_code == 200


def test_the_payload_with_ranges(shared, client):
    raw = (shared[0] / "payloads" / "update.gz").read_bytes()
    url = "/payloads/any-4700.1.0-update.gz"
    assert client.get(url).content == raw
    part = client.get(url, headers={"range": "bytes=100-"})
    assert (part.status_code, part.content) == (206, raw[100:])
    assert client.get(url, headers={"range": f"bytes={len(raw)}-"}).status_code == 416
    for other in ("/payloads/", "/payloads/../updates.yaml", "/payloads/%2e%2e/updates.yaml", "/payloads/x"):
        assert client.get(other).status_code == 404


def test_a_payload_that_was_replaced_is_not_sent(shared, client):
    path = shared[0] / "payloads" / "update.gz"
    about, raw = path.stat(), path.read_bytes()
    path.write_bytes(b"other")
    assert client.get("/payloads/any-4700.1.0-update.gz").status_code == 503
    path.write_bytes(raw)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert client.get("/payloads/any-4700.1.0-update.gz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/update/", check_of(1)[:300], 400),
        ("POST", "/v1/update/", b"<!DOCTYPE a [<!ENTITY b 'c'>]><request/>", 400),
        ("POST", "/v1/update/", b" " * 100_000, 413),
        ("GET", "/v1/update/", b"", 405),
        ("POST", "/v1/graph", b"", 405),
        ("GET", "/v1/graph", b"", 400),
        ("POST", "/v1/pre-reboot", b"{}", 400),
        ("GET", "/v2/graph", b"", 404),
        ("POST", "/operator/pause", b'{"group": "fleetlock/default"}', 404),
    ],
    ids=["cut", "dtd", "long", "get", "post-graph", "no-query", "no-header", "unknown", "operator"],
)
def test_what_is_refused(client, method, path, body, status):
    assert client.request(method, path, content=body).status_code == status


def test_a_request_cut_in_the_middle_changes_nothing(shared, client, state):
    body = check_of(7)
    head = f"POST /v1/update/ HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", shared[1].port)) as half:
        half.sendall(head + body[: len(body) // 2])
        half.shutdown(socket.SHUT_WR)
        while half.recv(4096):
            pass
    with contextlib.closing(Record(state)) as record:
        assert not list(record.events(node=f"{7:032x}"))
    assert client.post("/v1/update/", content=body).status_code == 200


def test_people_pause_release_and_unlock(client, state):
    lock(client, "pre-reboot", "lost", "edge")
    ask(state, "pause", group="fleetlock/edge", reason="holiday")
    answer = lock(client, "pre-reboot", "other", "edge")
    assert (answer.status_code, answer.json()["kind"]) == (409, "failed_lock_paused")
    ask(state, "release", group="fleetlock/edge")
    ask(state, "unlock", group="fleetlock/edge", node="lost", reason="dead disk")
    ask(state, "pause", group="omaha/flatcar/stable")
    assert 'status="noupdate"' in client.post("/v1/update/", content=check_of(2)).text
    ask(state, "release", group="omaha/flatcar/stable")
    with pytest.raises(
        UsageError,
        match="there are omaha/flatcar/stable, cincinnati/stable, fleetlock/default, fleetlock/edge",
    ):
        ask(state, "pause", group="stable")
    with pytest.raises(UsageError, match="holds no slot"):
        ask(state, "unlock", group="fleetlock/edge", node="lost")
    with contextlib.closing(Record(state)) as record:
        told = [(e.kind, e.detail.get("reason")) for e in record.events(group="fleetlock/edge")][1:]
    assert told == [("locked", None), ("paused", "holiday"), ("released", None), ("freed", "dead disk")]


def test_a_clean_end_and_pauses_that_outlive_it(updates_file):
    state = updates_file.parent / "state"
    with Running(updates_file) as server:
        ask(state, "pause", group="cincinnati/stable", reason="bug")
        assert server.stop() == 0
    assert not (state / "updates.sock").exists()
    with Running(updates_file) as again:
        query = {"stream": "stable", "basearch": "aarch64"}
        assert httpx.get(f"{again.url}/v1/graph", params=query, timeout=60).json()["edges"] == []


def test_a_full_disk_is_503_and_what_was_not_stored_never_was(updates_file):
    """The limit of the server's process on the size of its files stands for the disk."""
    with Running(updates_file) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert lock(client, "pre-reboot", "a").status_code == 200
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        answers = [lock(client, "pre-reboot", node) for node in "bcdef"]
        assert [answer.status_code for answer in answers] == [503] * 5
        assert answers[0].json()["kind"] == "storage"
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        assert [lock(client, "pre-reboot", node).status_code for node in "aghi"] == [200, 200, 200, 409]
    with contextlib.closing(Record(updates_file.parent / "state")) as record:
        assert [e.node for e in record.events() if e.kind == "locked"] == ["a", "g", "h"]


class _Health(BaseHTTPRequestHandler):
    well = True

    def do_GET(self):
        self.send_response(200 if _Health.well else 500)
        self.end_headers()

    def log_message(self, *_words):
        pass


def test_nobody_reboots_while_the_group_is_not_well(updates_file):
    with HTTPServer(("127.0.0.1", 0), _Health) as checked:
        threading.Thread(target=checked.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{checked.server_port}/"
        text = updates_file.read_text()
        health = f"slots: 30, health_url: '{url}', health_seconds: 0.05"
        updates_file.write_text(text.replace("slots: 3", health))
        with Running(updates_file) as server, httpx.Client(base_url=server.url, timeout=60) as client:
            for well, wanted in ((True, 200), (False, 409), (True, 200)):
                _Health.well = well
                for node in range(10_000):
                    answer = lock(client, "pre-reboot", f"{well} {node}")
                    lock(client, "steady-state", f"{well} {node}")
                    if answer.status_code == wanted:
                        break
                assert answer.status_code == wanted
                assert well or answer.json()["kind"] == "failed_lock_unhealthy"
        checked.shutdown()


def test_a_port_that_is_taken_is_one_sentence(shared, updates_file):
    port = shared[1].port
    updates_file.write_text(updates_file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    with pytest.raises(
        AssertionError, match=f"127.0.0.1 port {port} cannot be bound: Address already in use"
    ):
        Running(updates_file)


def test_answers_are_json_where_the_protocol_says_so(client):
    for answer in (client.get("/v1/graph"), client.post("/v1/pre-reboot", content=b"")):
        assert set(json.loads(answer.content)) == {"kind", "value"}
