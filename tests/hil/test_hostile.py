"""Hostile cases against a real U-Boot, and that a crash, a hang and a command without end are told apart."""

import json
import sys

import pytest

from lab.errors import InfrastructureError, UsageError
from lab.hostile import campaign as campaigns
from lab.hostile.campaign import Campaign, Verdict, check_commands
from lab.hostile.cases import Case, Kind
from lab.hostile.rig import sandboxed
from lab.session import LabSession

pytestmark = pytest.mark.hil


class Scripted(Campaign):
    """What the network would do to it is typed instead."""

    command = ""

    def _type(self, shell, case):
        return self.command


@pytest.fixture(scope="module")
def rig(matrix):
    matrix.close()
    with LabSession(matrix.site) as session, sandboxed(session, "uboot") as rig:
        yield rig
        rig.board.power_off()


@pytest.fixture(scope="module")
def campaign(rig, tmp_path_factory):
    return Scripted(
        rig, tmp_path_factory.mktemp("results"), lambda case: f"bootlab hostile --case {case.number}"
    )


STRANGER = """
import socket, time
from ipaddress import IPv4Address as A
from pxe.wire.frame import udp_frame
mac = b"\\2" * 6
ask = bytes((1, 1, 6, 0)) + bytes(24) + mac + bytes(202) + b"\\x63\\x82\\x53\\x63\\x35\\1\\1\\xff"
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("out", 0))
while True:
    sock.send(udp_frame(ask, source=(mac, A(0), 68), to=(b"\\xff" * 6, A("255.255.255.255"), 67)))
    time.sleep(0.1)
"""
CASE = Case(1, 0, Kind.TFTP, "short-blocks")
# On QEMU's virt: no memory there; a branch to itself, so that not even Ctrl-C is looked at
CRASH = "mw.l ffffffff00000000 1"
HANG = "mw.l ${loadaddr} 14000000; go ${loadaddr}"


def test_a_board_that_survives(rig, tmp_path):
    names = ((Kind.TFTP, "oack-nonsense"), (Kind.DHCP, "overload"), (Kind.TFTP, "error-in-the-middle"))
    cases = [Case(1, number, kind, name) for number, (kind, name) in enumerate(names)]
    found = list(Campaign(rig, tmp_path, str).run(iter(cases)))
    assert [result.verdict for result in found] == [Verdict.SURVIVED] * 3
    lines = [json.loads(line) for line in (tmp_path / "cases.jsonl").read_text().splitlines()]
    assert [(line["case"]["name"], line["verdict"]) for line in lines] == [(n, "survived") for _, n in names]


def test_a_command_without_end_is_not_a_hang(campaign, monkeypatch):
    monkeypatch.setattr(campaigns, "_CASE_SECONDS", 1.0)
    campaign.command = "sleep 1000"
    result, _ = campaign._play(CASE)
    assert result.verdict is Verdict.INTERRUPTED


def test_a_crash_is_told_with_its_line_and_kept(campaign, tmp_path):
    campaign.command = CRASH
    (result,) = campaign.run(iter([CASE]))
    assert (result.verdict, result.again) == (Verdict.CRASH, Verdict.CRASH)
    assert "Synchronous Abort" in result.evidence
    (folder,) = (campaign._folder / "findings").iterdir()
    assert "esr 0x" in (folder / "console.txt").read_text()
    assert "replay: bootlab hostile --case 0" in (folder / "finding.txt").read_text()
    assert (folder / "packets.pcapng").stat().st_size > 100


def test_a_hang_is_proven_by_the_prompt_that_does_not_come(campaign, monkeypatch):
    monkeypatch.setattr(campaigns, "_CASE_SECONDS", 1.0)
    monkeypatch.setattr(campaign.shell()._dialogue, "resync_timeout", 3.0)  # it answers after none
    campaign.command = HANG
    result, _ = campaign._play(CASE)
    assert result.verdict is Verdict.HANG
    assert "no sentinel was answered" in result.evidence


def test_a_command_that_this_build_lacks_is_said(campaign):
    with pytest.raises(UsageError, match="has no command wget: leave http out"):
        check_commands(campaign.shell(), (Kind.HTTP,))


@pytest.fixture
def stranger(rig):
    """Somebody else's cable in the same bridge; a function that sends a DISCOVER on it, again and again."""
    run = rig.session.sandbox.run
    for words in ("add out type veth peer name in", "set in master br0 up", "set out up"):
        assert run(["ip", "link", *words.split()], timeout=60).returncode == 0
    sender = rig.session.sandbox.spawn([sys.executable, "-c", STRANGER])
    yield
    sender.kill()
    run(["ip", "link", "delete", "out"], timeout=60)


def heard(rig):
    words = "from ipaddress import IPv4Interface as I; from lab.hostile.wired import others; "
    words += f"print(others('br0', I('10.99.0.1/24'), {rig.board.place.mac!r}, 1.0))"
    return rig.session.sandbox.run([sys.executable, "-c", words], timeout=60).stdout


def test_a_network_is_searched_for_others(rig):
    rig.board.power_off()
    assert heard(rig).strip() == "set()"


def test_a_stranger_is_heard_and_ends_the_server(rig, stranger):
    """Last: the server is gone then."""
    assert "02:02:02:02:02:02" in heard(rig)
    with pytest.raises(InfrastructureError, match="02:02:02:02:02:02 asked for an address"):
        rig.set_case(CASE)
