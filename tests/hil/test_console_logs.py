"""A real Linux guest in the middle of its boot: its netconsole arrives, and its config."""

import hashlib
import re
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from lab.errors import InfrastructureError
from lab.images import small_linux
from lab.session import LabSession
from lab.testing.logging_linux import READY, logging_initrd
from pxe.events import ConfigDelivered, ConfigRefused, DhcpSent, LogTrouble, TransferEnded
from pxe.plan import Asset, Config, ConfigKind
from pxe.settings import LogSettings

pytestmark = pytest.mark.hil

MAC = "52:54:00:aa:01:01"
SECRET = "the answer to all of it: 42"
PATIENCE = 120
# two targets of the same kernel: plain text to one port, extended records to the same
LOGS = "@/eth0,6666@{server}/;+6667@/eth0,6666@{server}/"


class Guest:
    """One boot up to its panic, and the next up to its boot script."""

    def __init__(self, session, initrd, answers):
        self.session, self.board = session, session.board("uboot")
        image = small_linux(self.board.board_type.console_args, self.board.board_type.arch)
        words = f"loglevel=8 logs={LOGS} config={{config}}answers panic=-1 panic_at_end"
        plan = replace(
            image.plan,
            initrd=Asset("initrd.gz", initrd),
            cmdline=f"{image.plan.cmdline} {words}",
            configs=(Config(kind=ConfigKind.TEXT, name="answers", path=answers, secret=True),),
        )
        session.assign(self.board.place, plan)
        self.service = session.service(self.board.place)
        self.since = self.service.newest_event()
        console = self.board.console
        with console.expecting("kernel-panic", "kernel-oops", "kernel-bug", "reset"):
            self.board.cycle()
            console.expect(READY, PATIENCE)
            console.expect("Kernel panic", PATIENCE)
            self.said = console.transcript.text_since(0)
            self.wait(lambda: len(self.scripts()) == 2)
        self.board.power_off()
        self.lines = self.service.machine_log(MAC, limit=2000)["lines"]

    def events(self, kind):
        return [event for _, event in self.service.events(self.since) if isinstance(event, kind)]

    def scripts(self):
        return [event for event in self.events(TransferEnded) if event.name == "boot.scr.uimg"]

    def wait(self, happened):
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.fixture(scope="module")
def guest(matrix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guest")
    answers = folder / "answers"
    answers.write_text(SECRET)
    try:
        initrd = logging_initrd()
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    matrix.close()
    service = replace(matrix.site.service, logs=LogSettings(listen=IPv4Address(0)))
    with LabSession(replace(matrix.site, service=service)) as session:
        yield Guest(session, initrd, answers)


def test_netconsole_is_in_the_machines_record(guest):
    plain, extended = [line for line in guest.lines if "this is the guest" in line["text"]]
    if plain["severity"] is not None:
        plain, extended = extended, plain
    assert plain["source"] == extended["source"] == "netconsole"
    assert re.fullmatch(r"\[ *\d+\.\d+\] guest: this is the guest", plain["text"])
    assert (extended["severity"], extended["text"]) == (4, "guest: this is the guest")
    assert isinstance(extended["number"], int)


def test_its_panic_is_an_event(guest):
    panics = [event for event in guest.events(LogTrouble) if event.rule == "kernel-panic"]
    assert panics
    assert all(event.fatal and event.mac == MAC for event in panics)


def test_the_config_came_and_to_no_other_address(guest):
    assert f"first: {SECRET}" in guest.said
    assert f"second: {SECRET}" in guest.said  # installers fetch twice: for five minutes it may
    assert "elsewhere: wget: server returned error: HTTP/1.1 403" in guest.said
    delivered = guest.events(ConfigDelivered)
    assert {(e.mac, e.name, e.sha256) for e in delivered} == {
        (MAC, "answers", hashlib.sha256(SECRET.encode()).hexdigest())
    }
    assert "another address" in guest.events(ConfigRefused)[0].reason


def test_the_next_boot_ends_the_token(guest):
    (url,) = set(re.findall(r"http://\S+/c/\S+/answers", guest.said))
    address = guest.events(DhcpSent)[0].ip
    ours = ["ip", "address", "add", f"{address}/32", "dev", "br0"]  # the guest is off: we are in its place
    assert guest.session.sandbox.run(ours, timeout=PATIENCE).returncode == 0
    asked = ["curl", "-s", "-w", "%{http_code}", "--interface", address, url]
    answer = guest.session.sandbox.run(asked, timeout=PATIENCE).stdout
    assert answer.endswith("404")
    assert SECRET not in answer
    assert "newer boot" in guest.events(ConfigRefused)[-1].reason
