"""The doctor's judgements, on values; what it sees of real illnesses is in tests/interop/lab/doctor."""

import datetime
import os
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from lab.doctor import CHECKS
from lab.doctor.clock import build_date, judge_certificate, judge_clock, read_synchronised
from lab.doctor.disk import Room, judge_room, look
from lab.doctor.finding import Finding, Verdict
from lab.doctor.kernel import judge_forwarding, judge_neighbours, judge_reverse_path, pool_size
from lab.doctor.packages import judge_packages
from lab.doctor.place import holders, judge_device
from lab.doctor.ports import Listener, Wanted, judge_ports
from lab.doctor.reach import judge_fetch
from lab.doctor.rights import Rights, judge_groups, judge_ports_allowed
from lab.doctor.rounds import Patient, examine, exit_code
from lab.doctor.servers import Offer, discover, judge_servers, offer_of
from lab.doctor.service import judge_health
from pxe.settings import AddressRange, DhcpMode, DhcpSettings, Subnet
from pxe.wire.dhcp4 import Op, Option

OK, WARNING, FAULT, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.FAULT, Verdict.UNKNOWN
US = IPv4Address("10.0.0.5")


def link(mode: DhcpMode = DhcpMode.SERVER, router: str | None = None, relayed: bool = False) -> DhcpSettings:
    pool = AddressRange(first=IPv4Address("10.0.0.100"), last=IPv4Address("10.0.0.199"))
    own = Subnet(
        network=IPv4Network("10.0.0.0/24"), ranges=(pool,), router=IPv4Address(router) if router else None
    )
    far = Subnet(network=IPv4Network("10.9.0.0/24"))
    address = IPv4Interface("10.0.0.5/24")
    return DhcpSettings(
        interface="eth1", address=address, mode=mode, subnets=(own, far) if relayed else (own,)
    )


def verdicts(findings) -> list[Verdict]:
    return [finding.verdict for finding in findings]


def test_every_check_can_be_done_without_a_site_file_and_none_is_a_bug():
    patient = Patient(site=None, config=Path("lab.yaml"))
    findings = list(examine(patient))
    assert {finding.check for finding in findings} >= {"packages", "disk", "clock"}
    assert not [finding for finding in findings if "a bug of bootlab" in finding.sentence]
    assert set(CHECKS) >= {finding.check for finding in findings}


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([Finding(OK, ""), Finding(WARNING, ""), Finding(UNKNOWN, "")], 0),
        ([Finding(FAULT, "")], 4),
        ([Finding(FAULT, ""), Finding(FAULT, "", in_file=True)], 2),
    ],
)
def test_the_exit_code_says_who_must_act(findings, code):
    assert exit_code(findings) == code


def test_other_owners_of_our_package_names_are_named():
    assert verdicts(judge_packages({"lab": ["bootlab"], "pxe": ["Bootlab"]})) == [OK]
    (found,) = judge_packages({"lab": ["bootlab", "lab"], "pxe": ["bootlab"]})
    assert (found.verdict, "pip uninstall lab," in found.cure) == (FAULT, True)


@pytest.mark.parametrize(
    ("days", "synchronised", "verdict"),
    [(1, True, OK), (1, False, WARNING), (1, None, UNKNOWN), (-400, True, FAULT), (365 * 30, True, FAULT)],
)
def test_a_clock(days, synchronised, verdict):
    built = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    assert verdicts(judge_clock(built + datetime.timedelta(days=days), built, synchronised)) == [verdict]


@pytest.mark.parametrize(
    ("begins", "ends", "verdict"), [(-9, 99, OK), (-9, 9, WARNING), (-9, -1, FAULT), (1, 9, FAULT)]
)
def test_a_certificate_is_for_now(begins, ends, verdict):
    now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    days = (now + datetime.timedelta(days=n) for n in (begins, ends))
    assert judge_certificate(now, Path("cert.pem"), *days).verdict is verdict


def test_the_kernel_tells_of_its_clock_and_files_of_the_build():
    assert read_synchronised() in (True, False)
    assert build_date() <= datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("room", "verdict"),
    [
        (Room(Path("/x"), 1 << 40, 1 << 41, None), OK),
        (Room(Path("/x"), 100 << 20, 1 << 41, 10_000), WARNING),
        (Room(Path("/x"), 1 << 20, 1 << 41, 10_000), FAULT),
        (Room(Path("/x"), 1 << 40, 1 << 41, 10), FAULT),
        (Room(Path("/x"), 1 << 40, 1 << 41, None, "EROFS"), FAULT),
        (Room(Path("/x"), 1 << 40, 1 << 41, None, "EACCES"), WARNING),
        (Room(Path("/x"), 1 << 40, 1 << 41, None, "EIO"), FAULT),
    ],
)
def test_room(room, verdict):
    assert judge_room("state", Path("/x/state"), room).verdict is verdict


def test_a_folder_that_is_not_there_yet_is_looked_at_where_it_will_be(tmp_path):
    assert look(tmp_path / "a" / "b").folder == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_rack_of_900_machines_overflows_the_usual_arp_table():
    assert judge_neighbours(100, 1024).verdict is OK
    found = judge_neighbours(960, 1024)
    assert (found.verdict, "gc_thresh3=4096" in found.cure) == (WARNING, True)
    assert judge_neighbours(960, None).verdict is UNKNOWN
    assert pool_size(link()) == 100


def test_reverse_path_filter_and_forwarding_matter_where_they_do():
    assert verdicts(judge_reverse_path(link(), 1)) == []
    assert verdicts(judge_reverse_path(link(relayed=True), 1)) == [WARNING]
    assert verdicts(judge_reverse_path(link(relayed=True), 2)) == []
    assert verdicts(judge_forwarding(link(), 0)) == []
    assert verdicts(judge_forwarding(link(router="10.0.0.1"), 0)) == []
    assert verdicts(judge_forwarding(link(router="10.0.0.5"), 0)) == [WARNING]
    assert verdicts(judge_forwarding(link(router="10.0.0.5"), 1)) == [OK]


def test_ports_collide_by_protocol_address_and_number():
    want = Wanted("TFTP", "udp", "10.0.0.5", 69)
    for listener, verdict in (
        (Listener("udp", "0.0.0.0", 69, 7, "in.tftpd"), FAULT),
        (Listener("udp", "::", 69, 7, "in.tftpd"), FAULT),
        (Listener("udp", "10.0.0.5", 69, None), UNKNOWN),
        (Listener("udp", "10.0.0.6", 69, 7, "in.tftpd"), OK),
        (Listener("tcp", "0.0.0.0", 69, 7, "in.tftpd"), OK),
        (Listener("udp", "10.0.0.5", 69, 7, "bootlab serve"), OK),
    ):
        assert verdicts(judge_ports([want], [listener])) == [verdict], listener


def test_rights_are_those_of_the_ports_that_are_wanted():
    nobody, root = Rights(0, 1024, 1000), Rights(0xFFFFFFFF, 1024, 0)
    assert verdicts(judge_ports_allowed(root, [67, 69], dhcp=True)) == [OK]
    assert verdicts(judge_ports_allowed(nobody, [67, 69], dhcp=True)) == [WARNING, WARNING]
    contained = Rights(0, 1024, 0)
    assert verdicts(judge_ports_allowed(contained, [67, 69], dhcp=True)) == [FAULT, WARNING]
    assert verdicts(judge_ports_allowed(Rights(0, 0, 1000), [69], dhcp=False)) == [OK]
    assert verdicts(judge_groups(nobody, set())) == [WARNING]
    assert verdicts(judge_groups(nobody, {"dialout"})) == [OK]


def test_our_discover_is_marked_as_ours_and_asks_for_no_address():
    packet = discover(b"\2" * 6, 5)
    assert packet.options[Option.CLIENT_ID] == b"\0bootlab-doctor"
    assert Option.REQUESTED_IP not in packet.options
    assert offer_of(packet, "02:00:00:00:00:01", 5) is None
    assert offer_of(replace(packet, op=Op.REPLY), "02:00:00:00:00:01", 6) is None
    found = offer_of(replace(packet, op=Op.REPLY), "02:00:00:00:00:01", 5)
    assert found is not None
    assert not found.address


GIVER = Offer("10.0.0.2", "02:00:00:00:00:02", "10.0.0.9", "", "", is_pxe=False)
PXE_GIVER = Offer("10.0.0.2", "02:00:00:00:00:02", "10.0.0.9", "10.0.0.2", "x", is_pxe=True)
PROXY = Offer("10.0.0.3", "02:00:00:00:00:03", "", "10.0.0.3", "x", is_pxe=True)
OURSELVES = Offer("10.0.0.5", "02:00:00:00:00:05", "10.0.0.9", "", "", is_pxe=False)


@pytest.mark.parametrize(
    ("mode", "offers", "expected"),
    [
        (DhcpMode.SERVER, [], [OK]),
        (DhcpMode.SERVER, [OURSELVES], [OK]),
        (DhcpMode.SERVER, [GIVER], [FAULT]),
        (DhcpMode.SERVER, [PROXY], [WARNING]),
        (DhcpMode.PROXY, [], [FAULT]),
        (DhcpMode.PROXY, [GIVER], [OK]),
        (DhcpMode.SHADOW, [PXE_GIVER], [OK, WARNING]),
        (DhcpMode.SHADOW, [GIVER, PROXY], [WARNING, OK]),
    ],
)
def test_another_server_is_judged_by_what_we_are_to_be(mode, offers, expected):
    assert verdicts(judge_servers(link(mode), offers)) == expected


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"bytes": 5, "seconds": 0.1}, OK),
        ({"refused": "no such file"}, WARNING),
        ({"error": "timed out"}, FAULT),
    ],
)
def test_a_fetch_and_from_where_it_was(answer, verdict):
    found = judge_fetch("TFTP", "tftp://x/y", answer, None)
    assert (found.verdict, "asked from this host" in found.sentence) == (verdict, True)
    assert "/run/netns/x" in judge_fetch("TFTP", "tftp://x/y", answer, Path("/run/netns/x")).sentence


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"ready": True, "listeners": {"dhcp": "eth1", "api": "x"}}, [OK]),
        (200, {"ready": True, "listeners": {"api": "x"}}, [OK, WARNING]),
        (503, {"ready": False}, [FAULT]),
        (401, {"error": "a token is needed"}, [UNKNOWN]),
    ],
)
def test_the_services_health(status, body, expected):
    assert verdicts(judge_health("api.sock", status, body)) == expected


def test_a_console_that_another_program_holds_is_found():
    ours, theirs = os.openpty()
    device = Path(os.ttyname(theirs))
    waits = (
        "import sys; f = open(sys.argv[1], 'rb+', buffering=0); print('open', flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", waits, str(device)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"open\n"
            held = holders(device)
            assert [f"(pid {other.pid})" in one for one in held] == [True]
            (found,) = judge_device("console of x", device, held, [])
            assert (found.verdict, str(other.pid) in found.sentence) == (FAULT, True)
        finally:
            other.stdin.close()
    assert verdicts(judge_device("console of x", device, [], ["ModemManager"])) == [WARNING, OK]
    os.close(ours)
    os.close(theirs)
    (gone,) = judge_device("console of x", Path("/dev/ttyUSB77"), [], [])
    assert (gone.verdict, "is not there" in gone.sentence) == (FAULT, True)
