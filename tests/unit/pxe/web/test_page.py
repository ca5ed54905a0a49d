"""The page's files: what is sent, and that nothing else is."""

import re
from importlib import resources

import pytest

from pxe.events import DhcpReceived
from pxe.web.operator import create_app
from pxe.web.operator.page import POLICY

MAC = "52:54:00:00:00:01"


@pytest.fixture
def client(service):
    return create_app(service).test_client(use_cookies=False)


def test_the_page_and_all_that_it_loads_are_there_and_come_from_here(client):
    page = client.get("/", base_url="http://127.0.0.1")
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"] == POLICY
    assert 'data-role="admin"' in page.text
    loaded = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert "/static/app.js" in loaded
    seen = set()
    while loaded:
        name = loaded.pop()
        if name in seen:
            continue
        seen.add(name)
        part = client.get(name, base_url="http://127.0.0.1")
        assert part.status_code == 200, name
        assert part.headers["X-Content-Type-Options"] == "nosniff"
        loaded += [f"/static/{other}" for other in re.findall(r'from "\./([\w.]+)"', part.text)]
    there = {entry.name for entry in resources.files("pxe.web.operator").joinpath("static").iterdir()}
    assert {name.rpartition("/")[2] for name in seen} == there, "a file that nothing loads"


def test_no_script_parses_markup_or_loads_from_elsewhere():
    for entry in resources.files("pxe.web.operator").joinpath("static").iterdir():
        text = entry.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
        )
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []


@pytest.mark.parametrize("name", ["../page.py", "%2e%2e/page.py", "page.py", "nothing.js", ".."])
def test_nothing_else_is_served(client, name):
    assert client.get(f"/static/{name}", base_url="http://127.0.0.1").status_code == 404


def test_a_part_that_is_known_is_not_sent_again(client):
    first = client.get("/static/app.js", base_url="http://127.0.0.1")
    again = client.get(
        "/static/app.js", base_url="http://127.0.0.1", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_boots_are_listed_filtered_and_shown_with_their_events(client, service):
    event = DhcpReceived(t_ns=1, mac=MAC, message="DISCOVER", xid=5, firmware="ipxe", arch="x86_64")
    service.events.append(event)
    service.watch.boots.follow(service.events.since(0))
    found = client.get("/api/v1/boots").json
    (boot,) = found["boots"]
    assert (boot["mac"], boot["name"], boot["firmware"]) == (MAC, "rack1", "ipxe")
    assert client.get(f"/api/v1/boots?since={found['next']}").json["boots"] == []
    assert client.get("/api/v1/boots?mac=52-54-00-00-00-01").json["boots"][0]["id"] == boot["id"]
    assert client.get("/api/v1/boots?mac=52:54:00:00:00:02").json["boots"] == []
    assert client.get("/api/v1/boots?state=failed").json["boots"] == []
    shown = client.get(f"/api/v1/boots/{boot['id']}").json
    assert [e["kind"] for e in shown["events"]] == ["dhcp-received"]
    for wrong in ("boots?mac=x", "boots?state=odd", "boots?since=-1", "boots?colour=red"):
        assert client.get(f"/api/v1/{wrong}").status_code == 400, wrong
    assert client.get("/api/v1/boots/1").status_code == 404


def test_what_the_page_watches_is_boots_and_that_machines_changed(service):
    watch = service.watch
    service.watch.boots.follow(
        [(9, DhcpReceived(t_ns=1, mac=MAC, message="DISCOVER", xid=5, firmware="ipxe"))]
    )
    number = watch.newest()
    text = watch.encode(watch.since(0)).decode()
    assert text.startswith(f"id: {number}\nevent: boot\ndata: {{")
    assert text.endswith("}\n\n")
    before = watch.newest()
    assert watch.since(before) == []
    service.store.hold(MAC)
    watch._sampled = 0.0  # it looks twice a second
    assert "event: changed\n" in watch.encode(watch.since(before)).decode()
