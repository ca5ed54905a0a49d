"""A real Linux guest in the middle of its boot: its netconsole arrives, and its config by the one-time token."""

import hashlib
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.errors import InfrastructureError
from lab.images import small_linux
from lab.session import LabSession
from lab.testing.logging_linux import READY, logging_initrd
from pxe.events import ConfigDelivered, ConfigRefused, LogTrouble
from pxe.plan import Asset, Config, ConfigKind
from pxe.settings import LogSettings

pytestmark = pytest.mark.hil

SECRET = "the answer to all of it: 42"
PATIENCE = 120


@pytest.fixture(scope="module", params=["plain", "extended"])
def guest(request, matrix, tmp_path_factory):
    """The guest has come to its end and has panicked; what console and service know of it."""
    matrix.close()
    site = replace(matrix.site, service=replace(matrix.site.service, logs=LogSettings(listen=IPv4Address(0))))
    sign = "+" if request.param == "extended" else ""
    folder = tmp_path_factory.mktemp("guest")
    (folder / "answers").write_text(SECRET)
    try:
        initrd = logging_initrd(folder)
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    with LabSession(site) as session:
        board = session.board("uboot")
        image = small_linux(board.board_type.console_args, board.board_type.arch)
        words = f"logs={sign}@/eth0,6666@{{server}}/ config={{config}}answers panic=-1 panic_at_end"
        plan = replace(
            image.plan,
            initrd=Asset("initrd.gz", initrd),
            cmdline=f"{image.plan.cmdline} loglevel=8 {words}",
            configs=(Config(kind=ConfigKind.TEXT, name="answers", path=folder / "answers", secret=True),),
        )
        session.assign(board.place, plan)
        service = session.service(board.place)
        since = service.newest_event()
        with board.console.expecting("kernel-panic", "kernel-oops", "kernel-bug", "reset"):
            board.cycle()
            board.console.expect(READY, PATIENCE)
            board.console.expect("Kernel panic", PATIENCE)
        said = board.console.transcript.text_since(0)
        lines, events, deadline = [], [], time.monotonic() + PATIENCE
        while not any("Kernel panic" in line["text"] for line in lines) and time.monotonic() < deadline:
            lines = service.machine_log(board.place.mac, limit=2000)["lines"]
            time.sleep(0.2)
        events = [event for _, event in service.events(since)]
        yield request.param, said, lines, events


def test_netconsole_is_in_the_machines_record(guest):
    form, _, lines, events = guest
    (mine,) = [line for line in lines if "this is the guest" in line["text"]]
    assert mine["source"] == "netconsole"
    if form == "extended":
        assert (mine["severity"], mine["text"]) == (4, "guest: this is the guest")
        assert isinstance(mine["number"], int)
    else:
        assert mine["severity"] is None
    panics = [event for event in events if isinstance(event, LogTrouble) and event.rule == "kernel-panic"]
    assert panics
    assert all(event.fatal and event.mac == "52:54:00:aa:01:01" for event in panics)


def test_the_config_comes_once_and_only_to_the_machine(guest):
    _, said, _, events = guest
    assert f"first: {SECRET}" in said
    assert "second: wget: server returned error: HTTP/1.1 403" in said
    assert "elsewhere: wget: server returned error: HTTP/1.1 403" in said
    (delivered,) = [event for event in events if isinstance(event, ConfigDelivered)]
    assert delivered.mac == "52:54:00:aa:01:01"
    assert (delivered.name, delivered.sha256) == ("answers", hashlib.sha256(SECRET.encode()).hexdigest())
    reasons = [event.reason for event in events if isinstance(event, ConfigRefused)]
    assert len(reasons) == 2
