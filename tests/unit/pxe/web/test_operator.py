"""The operator-facing app through Flask's client."""

import json
import threading
import zlib
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pxe.boot.classify import Client
from pxe.events import PlanChanged, TransferStarted, to_json
from pxe.metrics import Metrics
from pxe.plan import Arch, Firmware, Machine, UnknownMachines
from pxe.plan_json import to_json as plan_to_json
from pxe.settings import AddressRange
from pxe.web.operator import BODY_BYTES, create_app
from pxe.web.operator.metrics import gauges

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
API = "/api/v1"


@pytest.fixture
def client(service, api):
    return api(service)


def refused(response, status, *words):
    assert response.status_code == status, response.data
    assert set(response.json) == {"error"}
    for word in words:
        assert word in response.json["error"]


def test_health(client, service):
    got = client.get(f"{API}/health")
    assert got.status_code == 200
    assert got.json["ready"] is True
    assert (got.json["machines"], got.json["plans"]) == (1, 1)
    assert got.json["newest_event"] == service.events.newest()
    starting = create_app(replace(service, health=lambda: {"ready": False})).test_client()
    assert starting.get(f"{API}/health").status_code == 503


def test_plans_come_and_go(client, plan):
    body = plan_to_json(replace(plan, name="q", cmdline="quiet"))
    put = client.put(f"{API}/plans/q", json=body)
    assert put.status_code == 200
    assert {k: v for k, v in put.json.items() if k != "warnings"} == {**body, "source": "api"}
    assert "no kernel that we know" in put.json["warnings"][0]
    assert client.get(f"{API}/plans/q").json == {**body, "source": "api"}
    listed = client.get(f"{API}/plans").json["plans"]
    assert [(p["name"], p["source"]) for p in listed] == [("p", "config"), ("q", "api")]
    assert client.delete(f"{API}/plans/q").status_code == 204
    refused(client.get(f"{API}/plans/q"), 404, "plan q does not exist")
    refused(client.delete(f"{API}/plans/q"), 404)
    refused(client.delete(f"{API}/plans/p"), 409, "comes from the configuration")


def test_machines_come_and_go(client):
    put = client.put(f"{API}/machines/52-54-00-00-00-02", json={"name": "rack2", "plan": "p"})
    given = plan_to_json(Machine(mac=OTHER, name="rack2", plan="p"))
    assert put.json == {**given, "source": "api", "warnings": []}
    assert client.get(f"{API}/machines/{OTHER}").json == {**given, "source": "api"}
    assert [m["mac"] for m in client.get(f"{API}/machines").json["machines"]] == [MAC, OTHER]
    assert client.put(f"{API}/machines/{OTHER}", json={"mac": OTHER.upper()}).json["plan"] is None
    assert client.delete(f"{API}/machines/{OTHER}").status_code == 204
    refused(client.get(f"{API}/machines/{OTHER}"), 404, "does not exist")
    refused(client.delete(f"{API}/machines/{OTHER}"), 404)
    refused(client.get(f"{API}/machines/nonsense"), 404, "not a MAC")


@pytest.mark.parametrize(("ip", "warns"), [("10.7.0.9", True), ("10.0.1.9", False), (None, False)])
def test_an_address_outside_of_our_networks_is_warned_of(service, api, ip, warns):
    networks = (IPv4Network("10.0.0.0/24"), IPv4Network("10.0.1.0/24"))
    put = api(replace(service, networks=networks)).put(f"{API}/machines/{OTHER}", json={"ip": ip})
    assert put.status_code == 200
    said = "ip: 10.7.0.9 is in no network of this service (10.0.0.0/24, 10.0.1.0/24)"
    assert [warning.startswith(said) for warning in put.json["warnings"]] == [True] * warns


def test_a_plan_in_use_stays(client, plan):
    client.put(f"{API}/plans/q", json=plan_to_json(replace(plan, name="q")))
    client.put(f"{API}/machines/{OTHER}", json={"plan": "q"})
    refused(client.delete(f"{API}/plans/q"), 409, OTHER)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kernel": {"name": "k", "path": "/nothing/here"}}, ["kernel", "/nothing/here", "No such file"]),
        ({"kernel": {"name": "k", "path": "/"}}, ["kernel", "not a regular file"]),
        ({"kernel": {"name": "k", "path": "relative"}}, ["kernel", "absolute path"]),
        ({"files": [{"name": "f", "path": "/dev/zero"}]}, ["files[0]", "not a regular file"]),
        ({"cmdline": "a\nb"}, ["cmdline"]),
        ({"kernal": None}, ["unknown field 'kernal'"]),
        ({"name": "other"}, ["name", "'other'", "'q'"]),
        ({"texts": {"../x": ""}}, ["texts", "../x"]),
    ],
)
def test_a_bad_plan_is_400_and_names_the_field(client, plan, changes, words):
    body = {**plan_to_json(replace(plan, name="q")), **changes}
    refused(client.put(f"{API}/plans/q", json=body), 400, *words)
    assert len(client.get(f"{API}/plans").json["plans"]) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"plan": "gone"}, ["plan", "gone"]),
        ({"ip": "127.0.0.1"}, ["ip", "reserved for", MAC]),
        ({"ip": "127.0.0.256"}, ["ip"]),
        ({"mac": MAC}, ["mac"]),
        ({"vlan": 5}, ["unknown field 'vlan'"]),
    ],
)
def test_a_bad_machine_is_400_and_names_the_field(client, body, words):
    refused(client.put(f"{API}/machines/{OTHER}", json=body), 400, *words)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"cmdline": NaN}', "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "not JSON"),
    ],
)
def test_a_body_that_is_no_object_is_400(client, data, words):
    got = client.put(f"{API}/plans/q", data=data, content_type="application/json")
    refused(got, 400, words)


def test_a_body_over_the_limit_is_413(client):
    got = client.put(f"{API}/plans/q", data=b" " * (BODY_BYTES + 1), content_type="application/json")
    refused(got, 413, "larger than 1048576 bytes")


def test_a_form_is_415(client):
    # what a page of another origin can make a browser send unasked
    refused(client.put(f"{API}/plans/q", data="{}", content_type="text/plain"), 415, "application/json")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8067", "localhost.evil.example"])
def test_another_host_name_is_403(client, host):
    refused(client.get(f"{API}/plans", headers={"Host": host}), 403, "localhost")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8067", "[::1]:8067", "localhost:8067"])
def test_addresses_and_localhost_are_welcome(client, host):
    assert client.get(f"{API}/plans", headers={"Host": host}).status_code == 200


def test_a_unix_socket_takes_any_host(client):
    got = client.get(f"{API}/plans", headers={"Host": "bootlab"}, environ_overrides={"REMOTE_ADDR": ""})
    assert got.status_code == 200


def test_errors_are_json(client):
    refused(client.get("/nothing"), 404)
    refused(client.get(f"{API}/nothing"), 404)
    wrong = client.post(f"{API}/plans/p")
    refused(wrong, 405)
    assert {"GET", "PUT", "DELETE"} <= set(wrong.headers["Allow"].split(", "))
    refused(client.get(f"{API}/plans?sort=name"), 400, "sort")


def test_events(client, service):
    service.events.append(PlanChanged(t_ns=1, mac=MAC, plan="p"))
    first = client.get(f"{API}/events").json
    (event,) = first["events"]
    assert event == {"seq": first["next"], **to_json(PlanChanged(t_ns=1, mac=MAC, plan="p"))}
    assert client.get(f"{API}/events?since={first['next']}").json == {"events": [], "next": first["next"]}
    lost = client.get(f"{API}/events?since=5").json["events"][0]
    assert (lost["kind"], lost["first"]) == ("events-lost", 6)


def test_events_wait(service):
    newest, got = service.events.newest(), []
    client = create_app(service).test_client()
    reader = threading.Thread(
        target=lambda: got.append(client.get(f"{API}/events?since={newest}&wait=30").json)
    )
    reader.start()
    service.events.append(PlanChanged(t_ns=1, mac=MAC, plan="p"))
    reader.join(30)
    assert [e["kind"] for e in got[0]["events"]] == ["plan-changed"]


@pytest.mark.parametrize("query", ["since=x", "since=-1", "wait=nan", "wait=inf", "wait=31", "sinse=1"])
def test_bad_event_queries(client, query):
    refused(client.get(f"{API}/events?{query}"), 400)


def test_leases_and_transfers(client, service):
    assert client.get(f"{API}/leases").json == {"leases": service.leases()}
    assert client.get(f"{API}/transfers").json == {"transfers": []}
    started = TransferStarted(t_ns=1, transfer="t", protocol="tftp", peer="a:1", name="n", size=5)
    service.events.append(started)
    assert client.get(f"{API}/transfers").json["transfers"] == [to_json(started)]


def test_assets_have_checksums(client, plan):
    data = plan.kernel.path.read_bytes()
    (asset,) = client.get(f"{API}/plans/p/assets").json["assets"]
    assert (asset["name"], asset["size"]) == ("debian/linux", len(data))
    assert asset["crc32"] == f"{zlib.crc32(data):08x}"
    assert len(asset["sha256"]) == 64
    plan.kernel.path.unlink()
    (asset,) = client.get(f"{API}/plans/p/assets").json["assets"]
    assert "No such file" in asset["error"]
    refused(client.get(f"{API}/plans/q/assets"), 404)


def test_a_database_that_fails_is_503_with_the_sentence(client, service, plan):
    with service.store._tables._engine.begin() as db:
        db.execute(text("DROP TABLE plans"))
    body = plan_to_json(replace(plan, name="q"))
    refused(client.put(f"{API}/plans/q", json=body), 503, "state.sqlite")


def test_a_bug_is_500_without_details_and_logged(service, caplog):
    def broken():
        raise KeyError("secret")

    client = create_app(replace(service, leases=broken)).test_client()
    got = client.get(f"{API}/leases")
    refused(got, 500)
    assert "secret" not in got.json["error"]
    assert "KeyError" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = ["name", "kernel", "initrd", "dtb", "cmdline", "files", "texts", "fdt_address", "mac", "ip", "plan"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from([f"plans/p{i}" for i in range(2)] + [f"machines/{OTHER}"]),
    st.binary() | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda o: json.dumps(o).encode()),
)
def test_any_body_is_stored_or_refused(client, path, body):
    got = client.put(f"{API}/{path}", data=body, content_type="application/json")
    assert got.status_code in (200, 400)
    if got.status_code == 400:
        assert set(got.json) == {"error"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(["get", "put", "delete"]), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_path_is_answered(client, method, path):
    got = getattr(client, method)(f"{API}/{path}")
    assert got.status_code < 500


def test_rules_come_and_go(client):
    rule = {"when": {"arch": "arm64", "tags": ["lab"], "network": "10.99.0.0/24"}, "plan": "p"}
    put = client.put(f"{API}/rules/boards", json=rule)
    assert put.status_code == 200, put.data
    assert (put.json["name"], put.json["source"], put.json["when"]["tags"]) == ("boards", "api", ["lab"])
    assert client.get(f"{API}/rules/boards").json == put.json
    assert client.get(f"{API}/rules").json["rules"] == [put.json]
    refused(client.put(f"{API}/rules/x", json={**rule, "plan": "gone"}), 400, "plan: gone does not exist")
    refused(client.put(f"{API}/rules/x", json=rule), 400, "boards and x", "equally closely")
    refused(client.put(f"{API}/rules/x", json={"when": {}, "plan": "p"}), 400, "selects every machine")
    refused(client.put(f"{API}/rules/x", json={"when": {"arc": 1}, "plan": "p"}), 400, "'arc'")
    assert client.delete(f"{API}/rules/boards").status_code == 204
    refused(client.get(f"{API}/rules/boards"), 404)
    refused(client.delete(f"{API}/rules/boards"), 404)


def test_hold_release_and_next(client):
    machine = f"{API}/machines/{MAC}"
    assert client.post(f"{machine}/hold", json={}).json["hold"] is True
    choice = client.get(f"{machine}/choice").json
    assert (choice["plan"], choice["action"]) == ("hold", "hold")
    assert [c["source"] for c in choice["candidates"] if c["chosen"]] == ["hold"]
    assert client.post(f"{machine}/release", json={}).json["hold"] is False
    choice = client.get(f"{machine}/choice").json
    assert (choice["plan"], choice["action"]) == ("p", "boot")
    assert "own plan" in choice["why"]
    assert client.post(f"{machine}/next", json={"plan": "p"}).json["next_plan"] == "p"
    assert "one boot" in client.get(f"{machine}/choice").json["why"]
    assert client.post(f"{machine}/next", json={"plan": None}).json["next_plan"] is None
    assert client.get(machine).json["source"] == "config"  # as it was: nothing is kept over it


@pytest.mark.parametrize(
    ("verb", "body", "words"),
    [
        ("hold", {"x": 1}, ["'x'"]),
        ("next", {}, ["name the plan"]),
        ("next", {"plan": 7}, ["name the plan"]),
        ("next", {"plan": "gone"}, ["next_plan: gone does not exist"]),
        ("next", {"plan": "../x"}, ["next_plan", "letters"]),
    ],
)
def test_a_bad_verb_is_refused(client, verb, body, words):
    refused(client.post(f"{API}/machines/{MAC}/{verb}", json=body), 400, *words)


def test_verbs_want_json_and_a_known_machine(client):
    refused(client.post(f"{API}/machines/{MAC}/hold", data="{}", content_type="text/plain"), 415)
    refused(client.post(f"{API}/machines/{OTHER}/hold", json={}), 404, "does not exist")
    assert "not known" in client.get(f"{API}/machines/{OTHER}/choice").json["why"]


def test_unknown_machines_are_listed_where_they_are_recorded(client, service):
    seen = Client(mac=OTHER, arch=Arch.ARM64, firmware=Firmware.UBOOT, vendor_class="U-Boot.armv8")
    assert service.catalogue.admit(seen, 1.0) is None
    assert client.get(f"{API}/unknown").json == {"unknown": [], "policy": "ignore"}
    snapshot = replace(service.catalogue.snapshot, unknown=UnknownMachines.RECORD)
    service.catalogue.replace(snapshot)
    for now in (2.0, 3.0):
        assert service.catalogue.admit(seen, now) is None
    (found,) = client.get(f"{API}/unknown").json["unknown"]
    assert (found["mac"], found["arch"], found["vendor_class"]) == (OTHER, "arm64", "U-Boot.armv8")
    assert (found["first"], found["last"], found["count"]) == (2.0, 3.0, 2)
    assert client.put(f"{API}/machines/{OTHER}", json={}).status_code == 200
    assert client.get(f"{API}/unknown").json["unknown"] == []


def test_metrics_show_what_stands_now(client, service):
    pools = {
        IPv4Network("10.99.0.0/24"): (
            AddressRange(first=IPv4Address("10.99.0.5"), last=IPv4Address("10.99.0.9")),
        )
    }
    held = [{"ip": "10.99.0.7", "mac": MAC, "expires": 1e12, "state": "bound"}]
    held += [{"ip": "10.99.0.8", "mac": OTHER, "expires": 1.0, "state": "bound"}]
    filled = replace(service, pools=pools, leases=lambda: held)
    found = Metrics(lambda: gauges(filled)).text().decode()
    for line in (
        'bootlab_leases{state="bound"} 2.0',
        'bootlab_pool_addresses{network="10.99.0.0/24"} 5.0',
        'bootlab_pool_addresses_used{network="10.99.0.0/24"} 1.0',
        "bootlab_machines 1.0",
        "bootlab_ready 1.0",
    ):
        assert line in found
    got = client.get("/metrics")
    assert got.mimetype == "text/plain"
    assert b"bootlab_info{" in got.data
