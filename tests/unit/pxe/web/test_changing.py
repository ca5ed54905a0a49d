"""Two writers of one thing, and what is on record of a change."""

import json
from dataclasses import replace

import pytest

from pxe.plan_json import to_json
from pxe.web.operator import BODY_BYTES

API = "/api/v1"
MAC = "52:54:00:00:00:01"


@pytest.fixture
def client(service, api):
    return api(service)


def test_the_second_writer_is_told_who_changed_what(client, service, plan):
    body = to_json(replace(plan, cmdline="quiet"))
    assert client.put(f"{API}/plans/p", json=body).status_code == 200
    read = client.get(f"{API}/plans/p").headers["ETag"]
    first = client.put(f"{API}/plans/p", json={**body, "cmdline": "debug"}, headers={"If-Match": read})
    assert first.status_code == 200
    assert first.headers["ETag"] == client.get(f"{API}/plans/p").headers["ETag"] != read
    second = client.put(f"{API}/plans/p", json={**body, "cmdline": "other"}, headers={"If-Match": read})
    assert second.status_code == 412
    assert second.json["error"] == (
        f"{API}/plans/p was changed since you read it: anybody on this host set cmdline "
        'from "quiet" to "debug"; read it again, then change it'
    )
    assert client.get(f"{API}/plans/p").json["cmdline"] == "debug"
    assert service.audit.entries(1)[0]["outcome"].startswith(f"refused: {API}/plans/p was changed")


def test_verbs_and_deletes_have_versions_too(client):
    machine = f"{API}/machines/{MAC}"
    read = client.get(machine).headers["ETag"]
    assert client.post(f"{machine}/hold", json={}, headers={"If-Match": read}).status_code == 200
    late = client.post(f"{machine}/next", json={"plan": "p"}, headers={"If-Match": read})
    assert late.status_code == 412
    assert "set hold from false to true" in late.json["error"]
    assert client.delete(machine, headers={"If-Match": read}).status_code == 412
    now = client.get(machine).headers["ETag"]
    assert client.delete(machine, headers={"If-Match": now}).status_code == 204


def test_if_match_of_what_is_gone_and_if_none_match(client):
    rule = {"when": {"arch": "arm64"}, "plan": "p"}
    gone = client.put(f"{API}/rules/r", json=rule, headers={"If-Match": '"x"'})
    assert gone.status_code == 412
    assert "not there any more" in gone.json["error"]
    assert client.put(f"{API}/rules/r", json=rule, headers={"If-None-Match": "*"}).status_code == 200
    again = client.put(f"{API}/rules/r", json=rule, headers={"If-None-Match": "*"})
    assert again.status_code == 412
    assert "there already" in again.json["error"]
    assert client.put(f"{API}/rules/r", json=rule, headers={"If-Match": "*"}).status_code == 200


def test_a_version_that_nobody_knows_is_still_told_apart(client):
    late = client.put(f"{API}/machines/{MAC}", json={}, headers={"If-Match": '"unknown"'})
    assert late.status_code == 412
    assert "was changed since you read it; read it again" in late.json["error"]


def test_a_change_is_on_record(client):
    client.put(f"{API}/machines/{MAC}", json={"name": "n" * 64, "plan": "p"})
    (line,) = client.get(f"{API}/audit?of=/machines/{MAC}").json["audit"]
    assert (line["who"], line["role"], line["source"]) == ("anybody on this host", "admin", "127.0.0.1")
    assert (line["action"], line["outcome"]) == (f"PUT {API}/machines/{MAC}", "done")
    assert line["changes"]["name"] == ["rack1", "n" * 64]
    assert set(line["changes"]) == {"name", "ip", "source"}
    client.delete(f"{API}/machines/{MAC}")
    gone = client.get(f"{API}/audit?limit=1").json["audit"][0]
    assert (gone["action"], gone["changes"]["name"]) == (f"DELETE {API}/machines/{MAC}", ["n" * 64, "rack1"])


def test_long_values_are_shortened(client, plan):
    texts = {"preseed.cfg": "x" * 100_000}
    client.put(f"{API}/plans/q", json=to_json(replace(plan, name="q", texts=texts)))
    (line,) = client.get(f"{API}/audit?of=/plans/q").json["audit"]
    assert len(json.dumps(line)) < 2000
    assert "characters)" in line["changes"]["texts"][1]


CIRCLE = {"action": "local", "then": "q"}
LARGE = {"data": b" " * (BODY_BYTES + 1), "content_type": "application/json"}
REFUSED = [
    ("put", f"{API}/machines/{MAC}", {"json": {"plan": "gone"}}, 400, "plan"),
    ("put", f"{API}/plans/q", {"json": CIRCLE}, 400, "goes round in circles"),
    ("put", f"{API}/plans/q", {"data": "{", "content_type": "application/json"}, 400, "not JSON"),
    ("put", f"{API}/plans/q", {"data": "{}"}, 415, "application/json"),
    ("put", f"{API}/plans/q", LARGE, 413, "larger"),
    ("delete", f"{API}/plans/q", {}, 404, "q"),
    ("delete", f"{API}/plans/p", {}, 409, "p"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "request_", "status", "word"), REFUSED)
def test_a_change_that_is_refused_changes_nothing_and_says_so_on_record(
    client, method, path, request_, status, word
):
    before = client.get(f"{API}/plans").json, client.get(f"{API}/machines").json
    assert getattr(client, method)(path, **request_).status_code == status
    (line,) = client.get(f"{API}/audit").json["audit"]
    assert line["action"] == f"{method.upper()} {path}"
    assert line["outcome"].startswith("refused: ")
    assert word in line["outcome"]
    assert line["changes"] == {}
    assert (client.get(f"{API}/plans").json, client.get(f"{API}/machines").json) == before


def test_what_only_looks_is_not_on_record(client, plan):
    body = to_json(replace(plan, name="q", then="q"))
    assert client.post(f"{API}/plans/q/check", json=body).status_code == 400
    assert client.get(f"{API}/plans/nothing").status_code == 404
    assert client.post("/nothing", json={}).status_code == 404
    assert client.get(f"{API}/audit").json == {"audit": []}
