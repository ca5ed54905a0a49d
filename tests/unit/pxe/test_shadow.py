"""What was taken over: on disk, told, and doubted where a boot speaks against it."""

import pytest

from pxe.boot.classify import Client
from pxe.boot.decision import Decision
from pxe.errors import PlanError
from pxe.events import ShadowTaken
from pxe.plan import Firmware
from pxe.shadow import Shadow
from pxe.state import open_state
from pxe.wire.dhcp4 import DhcpPacket, MessageType, Op, Option

MAC = "52:54:00:00:00:0a"
CHADDR = bytes.fromhex(MAC.replace(":", ""))


@pytest.fixture
def engine(tmp_path):
    engine = open_state(tmp_path)
    yield engine
    engine.dispose()


def heard(shadow: Shadow, firmware: Firmware, vendor_class: bytes = b"") -> None:
    request = DhcpPacket(op=Op.REQUEST, xid=1, chaddr=CHADDR, options={53: bytes((MessageType.DISCOVER,))})
    client = Client(mac=MAC, firmware=firmware)
    shadow.ours(request, Decision(client=client, message="DISCOVER", xid=1), 1)
    options = {53: bytes((MessageType.OFFER,)), int(Option.SERVER_ID): bytes((10, 0, 0, 2))}
    if vendor_class:
        options[int(Option.VENDOR_CLASS)] = vendor_class
    shadow.theirs(DhcpPacket(op=Op.REPLY, xid=1, chaddr=CHADDR, options=options), "02:00:00:00:00:01")


def test_what_was_taken_over_survives_a_restart_and_is_told_once(engine):
    events = []
    shadow = Shadow(engine, {"eth0": True}, events.append)
    heard(shadow, Firmware.UEFI_PXE)
    events.clear()
    assert shadow.take(MAC) == shadow.take(MAC) == ()
    assert [(e.mac, e.taken) for e in events if isinstance(e, ShadowTaken)] == [(MAC, True)]
    again = Shadow(engine, {"eth0": True}, events.append)
    assert again.is_taken(MAC)
    again.release(MAC)
    again.release(MAC)
    assert not Shadow(engine, {"eth0": True}, events.append).is_taken(MAC)
    assert [e.taken for e in events] == [True, False]


@pytest.mark.parametrize(
    ("firmware", "vendor_class", "doubt"),
    [
        (Firmware.UBOOT, b"", "takes no proxyDHCP offer"),
        (Firmware.UEFI_PXE, b"PXEClient", "10.0.0.2 itself answers as a PXE server"),
        (None, b"", "has not been heard here yet"),
    ],
)
def test_what_speaks_against_a_take_over_is_said(engine, firmware, vendor_class, doubt):
    shadow = Shadow(engine, {"eth0": True}, lambda _: None)
    if firmware is not None:
        heard(shadow, firmware, vendor_class)
    (told,) = shadow.take(MAC)
    assert doubt in told


def test_where_nothing_is_in_shadow_mode_nothing_is_taken_over(engine):
    with pytest.raises(PlanError, match="mode: shadow"):
        Shadow(engine, {}, lambda _: None).take(MAC)


def test_that_the_other_servers_answers_cannot_be_heard_is_said(engine):
    (note,) = Shadow(engine, {"eth0": False}, lambda _: None).report({})["notes"]
    assert "CAP_NET_RAW" in note
