"""/shadow: both sides' answers, and machines taken over; every reply is held against /openapi.json."""

from dataclasses import replace

import pytest

from pxe.boot.classify import Client
from pxe.boot.decision import Decision
from pxe.plan import Firmware
from pxe.shadow import Shadow
from pxe.state import open_state
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
CHADDR = bytes.fromhex(MAC.replace(":", ""))
URL = "/api/v1/shadow"


@pytest.fixture
def shadow(service, tmp_path):
    engine = open_state(tmp_path / "shadow")
    yield Shadow(engine, {"eth1": True}, service.events.append)
    engine.dispose()


@pytest.fixture
def client(service, shadow, api):
    return api(replace(service, shadow=shadow))


def reply(kind: MessageType, server: int, **more) -> DhcpPacket:
    options = {53: bytes((kind,)), int(Option.SERVER_ID): bytes((10, 0, 0, server)), 43: b"\1\2\3"}
    return DhcpPacket(op=Op.REPLY, xid=1, chaddr=CHADDR, options=options, **more)


def test_both_answers_are_shown_with_what_differs(client, shadow):
    assert client.get(URL).json == {"interfaces": ["eth1"], "notes": [], "machines": []}
    request = DhcpPacket(op=Op.REQUEST, xid=1, chaddr=CHADDR, options={53: bytes((MessageType.DISCOVER,))})
    who = Client(mac=MAC, firmware=Firmware.UEFI_PXE)
    would = reply(MessageType.OFFER, 5, file=b"ours.efi")
    shadow.ours(request, Decision(client=who, message="DISCOVER", xid=1, would=would, known=True), 1)
    shadow.theirs(reply(MessageType.OFFER, 2, file=b"theirs.efi"), "02:00:00:00:00:02")
    (machine,) = client.get(URL).json["machines"]
    assert (machine["mac"], machine["name"], machine["known"], machine["taken"]) == (
        MAC,
        "rack1",
        True,
        False,
    )
    (exchange,) = machine["exchanges"]
    assert exchange["verdict"] == "differs"
    assert exchange["ours"]["options"] == {"43": "01 02 03"}
    (theirs,) = exchange["theirs"]
    assert theirs["differences"] == [{"field": "bootfile", "ours": "ours.efi", "theirs": "theirs.efi"}]


def test_a_machine_is_taken_over_and_released_by_any_way_of_writing_its_mac(client, service):
    got = client.post(f"{URL}/{MAC.upper().replace(':', '-')}/take", json={})
    assert (got.status_code, got.json["mac"], got.json["taken"]) == (200, MAC, True)
    assert "has not been heard here yet" in got.json["warnings"][0]
    assert [m["taken"] for m in client.get(URL).json["machines"]] == [True]
    assert client.post(f"{URL}/{MAC}/release", json={}).json == {"mac": MAC, "taken": False, "warnings": []}
    changes = [event for _, event in service.events.since(0) if event.kind == "shadow-taken"]
    assert [event.taken for event in changes] == [True, False]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (f"{OTHER}/take", {}, 404, "add it first"),
        ("nonsense/take", {}, 404, "nonsense"),
        (f"{MAC}/take", {"plan": "p"}, 400, "unknown field 'plan'"),
    ],
)
def test_what_cannot_be_taken_over(client, path, body, status, words):
    got = client.post(f"{URL}/{path}", json=body)
    assert got.status_code == status
    assert words in got.json["error"]


def test_where_nothing_is_in_shadow_mode_that_is_said(service, api, tmp_path):
    engine = open_state(tmp_path / "shadow")
    none = api(replace(service, shadow=Shadow(engine, {}, service.events.append)))
    assert none.get(URL).json["interfaces"] == []
    got = none.post(f"{URL}/{MAC}/take", json={})
    assert (got.status_code, "mode: shadow" in got.json["error"]) == (400, True)
    engine.dispose()
    assert api(service).get(URL).status_code == 400
