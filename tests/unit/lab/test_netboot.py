"""The client against a small server that answers what a test wants; the real one: tests/interop."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.netboot import AssetChecksum, BootService, Candidate
from pxe.events import EventsLost, PlanChanged, to_json
from pxe.plan import Arch, Asset, BootPlan, Machine, PlanRule, Selector
from pxe.plan_json import machine_from_json, plan_from_json, rule_from_json

MAC = "52:54:00:00:00:01"


class Server(HTTPServer):
    """Answers each request with the next of `answers` (status, body); the last one for ever."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = [(200, {})]
        self.requests = []
        self.url = "http://127.0.0.1:{1}".format(*self.server_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, json.loads(body) if body else None))
        status, found = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        data = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def service(server):
    with BootService(server.url) as service:
        yield service


def test_wait_ready_waits(server, service):
    server.answers = [(503, {"ready": False}), (200, {"ready": True, "listeners": {"tftp": "a:69"}})]
    assert service.wait_ready(30) == {"tftp": "a:69"}
    assert len(server.requests) == 2


def test_wait_ready_gives_up_with_the_reason(server, service):
    server.answers = [(503, {})]
    with pytest.raises(InfrastructureError, match=r"not ready after 0\.01 s: it says that it is not ready"):
        service.wait_ready(0.01)
    server.answers = [(200, b"<html>")]
    with pytest.raises(InfrastructureError, match="is not ready"):
        service.wait_ready(0)


@pytest.mark.parametrize("live", [False, True])
def test_nobody_there(tmp_path, live):
    path = tmp_path / "api.sock"
    if live:  # a file that a killed service left
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(path))
    with BootService(path) as service:
        with pytest.raises(InfrastructureError, match=f"{path} does not answer: "):
            service.newest_event()
        with pytest.raises(InfrastructureError, match="is not ready after 0 s"):
            service.wait_ready(0)


def test_nobody_at_a_url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        BootService(f"http://127.0.0.1:{port}") as service,
        pytest.raises(InfrastructureError, match="refused"),
    ):
        service.leases()


def test_put_sends_the_whole_value(server, service):
    plan = BootPlan(
        name="a b/c", kernel=Asset("k", Path("/k")), files=(Asset("f", Path("/f")),), texts={"t": "x"}
    )
    server.answers = [(200, {"warnings": ["odd"]})]
    assert service.put_plan(plan) == ("odd",)
    service.put_machine(Machine(mac=MAC, ip=IPv4Address("10.0.0.9"), plan="p"))
    (put, path, body), (_, machine_path, machine) = server.requests
    assert (put, path) == ("PUT", "/api/v1/plans/a%20b%2Fc")
    assert plan_from_json(body) == plan
    assert machine_path == "/api/v1/machines/52%3A54%3A00%3A00%3A00%3A01"
    assert machine_from_json(machine) == Machine(mac=MAC, ip=IPv4Address("10.0.0.9"), plan="p")


def test_rules_and_verbs_are_sent(server, service):
    when = Selector(arch=Arch.ARM64, tags=frozenset({"a"}), network=IPv4Network("10.0.0.0/8"))
    rule = PlanRule(name="r", when=when, plan="p")
    service.put_rule(rule)
    service.delete_rule("r")
    service.hold(MAC)
    service.release(MAC)
    service.boot_next(MAC, "p")
    service.boot_next(MAC, None)
    (_, _, sent), *rest = server.requests
    assert rule_from_json(sent) == rule
    verbs = [(method, path.rpartition("/")[2], body) for method, path, body in rest]
    assert verbs == [
        ("DELETE", "r", None),
        ("POST", "hold", {}),
        ("POST", "release", {}),
        ("POST", "next", {"plan": "p"}),
        ("POST", "next", {"plan": None}),
    ]


def test_a_choice_is_typed(server, service):
    lost = {"source": "rule r", "plan": "q", "chosen": False, "why": "no", "new": 1}
    server.answers = [(200, {"plan": "p", "why": "because", "running": None, "candidates": [lost]})]
    choice = service.choice(MAC)
    assert (choice.plan, choice.why) == ("p", "because")
    assert choice.candidates == (Candidate(source="rule r", plan="q", chosen=False, why="no"),)


def test_delete(server, service):
    server.answers = [(204, b"")]
    service.delete_plan("p")
    service.delete_machine(MAC)
    assert [r[:2] for r in server.requests] == [
        ("DELETE", "/api/v1/plans/p"),
        ("DELETE", "/api/v1/machines/52%3A54%3A00%3A00%3A00%3A01"),
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, {"error": "kernel: path /k: No such file"}), "kernel: path /k: No such file"),
        ((500, b"oops"), "HTTP 500"),
        ((502, []), "HTTP 502"),
    ],
)
def test_a_refusal_carries_the_services_reason(server, service, answer, reason):
    server.answers = [answer]
    with pytest.raises(InfrastructureError, match=f"refuses PUT /plans/p: {reason}"):
        service.put_plan(BootPlan(name="p", kernel=Asset("k", Path("/k"))))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"7"])
def test_another_kind_of_server_is_recognised(server, service, body):
    server.answers = [(200, body)]
    with pytest.raises(InfrastructureError, match="is not a boot service of bootlab"):
        service.leases()


def test_events_are_typed_and_unknown_ones_skipped(server, service):
    change = PlanChanged(t_ns=5, mac=MAC, plan="p")
    lost = EventsLost(t_ns=4, first=1, last=7)
    objects = [
        {"seq": 7, **to_json(lost)},
        {"seq": 8, "kind": "from-the-future"},
        {"seq": 9, **to_json(change)},
    ]
    server.answers = [(200, {"events": objects, "next": 9})]
    assert service.events(0, wait=2.5) == [(7, lost), (9, change)]
    assert server.requests[0][1] == "/api/v1/events?since=0&wait=2.5"
    service.events(9, wait=1000)
    assert server.requests[1][1] == "/api/v1/events?since=9&wait=30"


def test_checksums(server, service):
    asset = {"name": "k", "path": "/k", "size": 5, "crc32": "00ff00ff", "sha256": "ab" * 32, "mtime_ns": 1}
    server.answers = [(200, {"assets": [asset]})]
    assert service.asset_checksums("p") == {"k": AssetChecksum("k", Path("/k"), 5, "00ff00ff", "ab" * 32)}
    server.answers = [(200, {"assets": [asset, {"name": "i", "path": "/i", "error": "/i: No such file"}]})]
    with pytest.raises(InfrastructureError, match="plan p: i: /i: No such file"):
        service.asset_checksums("p")


def test_newest_event_and_leases(server, service):
    server.answers = [(200, {"newest_event": 41}), (200, {"leases": [{"ip": "10.0.0.9"}]})]
    assert service.newest_event() == 41
    assert service.leases() == [{"ip": "10.0.0.9"}]
