"""Shadow mode beside real production servers: silence, differences, and machines taken over."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from lab.errors import InfrastructureError
from lab.netboot import BootService
from lab.testing.debian import file_of
from pxe.events import ShadowCompared

pytestmark = [pytest.mark.interop]

HERE = Path(__file__).parent
BOARD = "52:54:00:00:0a:01"
PRODUCTION = "10.99.0.2"
UUID = f"0x61:00{'07' * 16}"
PXE = ["-V", "PXEClient:Arch:00007:UNDI:003000", "-x", "0x5d:0007", "-x", "0x5e:010300", "-x", UUID]
# A REQUEST of the board to port 4011, by broadcast: asked by unicast, the kernel itself would answer ARP.
TO_4011 = f"""
import socket, struct
head = struct.pack("!BBBBIHH16x6s10x192x", 1, 1, 6, 0, 77, 0, 0, bytes.fromhex("{BOARD.replace(":", "")}"))
data = head + bytes.fromhex("63825363 350103 3c09") + b"PXEClient" + b"\\xff"
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
sock.sendto(data, ("255.255.255.255", 4011))
print("asked", flush=True)
"""


class Shadow:
    """The boot service in shadow mode, and its API."""

    def __init__(self, network, folder: Path, cable: str = "") -> None:
        (folder / "ours.efi").write_bytes(b"MZ" + b"ours" * 1000)
        where = (
            ("eth0", "10.99.0.3/24") if cable else (network.sandbox.bridge, str(network.sandbox.interface))
        )
        site = {
            "service": {
                "interface": where[0],
                "address": where[1],
                "dhcp": {"mode": "shadow", "pool": {"start": "10.99.0.100", "end": "10.99.0.150"}},
                "tftp": {},
                "api": {"socket": str(folder / "api.sock")},
                "state": str(folder / "state"),
            },
            "plans": {"p": {"loader": {"path": str(folder / "ours.efi")}}},
            "machines": [{"mac": BOARD, "name": "board", "plan": "p", "ip": "10.99.0.66"}],
        }
        (folder / "lab.yaml").write_text(json.dumps(site))
        command = [
            str(Path(sys.executable).with_name("bootlab")),
            "serve",
            "-c",
            str(folder / "lab.yaml"),
        ]
        self.process = network.host([cable], *command) if cable else network.run(command)
        self.process.line_with("ready:")
        self.api = BootService(folder / "api.sock")

    def exchange(self, message: str) -> dict:
        (machine,) = self.api.shadow()["machines"]
        return next(e for e in machine["exchanges"] if e["message"] == message)

    def wait_for(self, kind, fits=lambda event: True):
        """The first event of that kind that `fits`."""
        seen, since = [], 0
        for _ in range(30):
            page = self.api.events(since, wait=1.0)
            seen += [event for _, event in page]
            since = page[-1][0] if page else since
            for _, event in page:
                if isinstance(event, kind) and fits(event):
                    return event
        pytest.fail(f"no such {kind.kind} among {seen}")


@pytest.fixture
def shadow(network, tmp_path):
    made = []

    def make(cable: str = "") -> Shadow:
        made.append(Shadow(network, tmp_path, cable))
        return made[-1]

    yield make
    for one in made:
        one.api.close()


@pytest.fixture
def dnsmasq(network, tmp_path):
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")
    root = tmp_path / "theirs"
    root.mkdir()
    root.chmod(0o755)
    (root / "theirs.efi").write_bytes(b"MZ" + b"theirs" * 1000)
    words = [program, "--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--log-dhcp"]
    words += ["--interface=eth0", "--bind-interfaces", "--no-ping", "--leasefile-ro"]
    words += ["--enable-tftp", f"--tftp-root={root}", f"--dhcp-boot=theirs.efi,,{PRODUCTION}"]
    cable = f"{network.sandbox.bridge},52:54:00:00:0a:aa,{PRODUCTION}/24"
    process = network.host([cable], *words, "--dhcp-range=10.99.0.200,10.99.0.210,1h")
    process.line_with("dnsmasq-tftp")
    return process


def test_beside_dnsmasq_not_one_packet_leaves_and_each_difference_is_told(network, dnsmasq, udhcpc, shadow):
    bridge = network.sandbox.bridge
    no_ipv6 = f"/proc/sys/net/ipv6/conf/{bridge}/disable_ipv6"  # the kernel's own packets
    network.shell(f"echo 1 > {no_ipv6}")
    network.undo_at_end(f"echo 0 > {no_ipv6}")
    service = shadow()
    outgoing = network.run([sys.executable, str(HERE / "outgoing.py"), bridge])
    outgoing.line_with("listening")
    network.machine(BOARD, sys.executable, "-c", TO_4011).line_with("asked")
    bound = network.udhcpc(BOARD, "-q", *PXE).line_with("bound ip=")
    assert f"siaddr={PRODUCTION} " in bound
    compared = service.wait_for(ShadowCompared, lambda event: event.message == "REQUEST")
    kinds = {event.kind for _, event in service.api.events(0)}
    assert kinds == {"service-ready", "shadow-compared"}  # no boot of ours

    assert (compared.mac, compared.verdict, compared.server) == (BOARD, "differs", PRODUCTION)
    assert compared.differences["next-server"] == ["10.99.0.1", PRODUCTION]
    offer, ack = service.exchange("DISCOVER"), service.exchange("REQUEST")
    for exchange, message in ((offer, "OFFER"), (ack, "ACK")):
        assert (exchange["firmware"], exchange["verdict"]) == ("uefi-pxe", "differs")
        ours, theirs = exchange["ours"], exchange["theirs"][0]
        assert (ours["message"], ours["address"], ours["next_server"]) == (message, "10.99.0.66", "10.99.0.1")
        assert ours["bootfile"] == "ours.efi"
        assert theirs["seen"]
        assert theirs["via"] == "52:54:00:00:0a:aa"
        fields = {d["field"]: (d["ours"], d["theirs"]) for d in theirs["differences"]}
        assert fields["bootfile"] == (ours["bootfile"], "theirs.efi")
        assert fields["address"][1].startswith("10.99.0.2")
        assert fields["router (3)"] == ("", PRODUCTION)
        assert "lease time (51)" not in fields  # both an hour
    assert service.api.leases() == []

    network.shell("ping -c 1 -W 1 10.99.0.77 || true")  # the first frame of all: the capture hears ours
    assert " 0806 " in outgoing.line_with("sent ")


def edk2(network) -> None:
    """Boot a simulated UEFI machine as far as it gets with a loader that is none."""
    script = (
        "from lab.testing.firmware.edk2 import Edk2; from lab.testing.firmware.network import Network\n"
        "from lab.testing.raspberry_pi.plug import plug_into\n"
        f"net = Network(plug_into({network.sandbox.bridge!r}, '02:00:00:00:00:09'))\n"
        f"net.run([Edk2({BOARD!r}, scale=0.2)], 20.0)\n"
        "print('over', flush=True)"
    )
    network.run([sys.executable, "-c", script]).line_with("over")


def test_a_machine_is_taken_over_and_released_and_dnsmasq_gives_its_address_all_the_time(
    network, dnsmasq, shadow
):
    service = shadow()
    edk2(network)
    assert BOARD in dnsmasq.line_with("DHCPACK(eth0) 10.99.0.2")
    dnsmasq.line_with("theirs.efi to 10.99.0.2")

    assert service.api.shadow_take(BOARD) == ()
    assert [m["taken"] for m in service.api.shadow()["machines"]] == [True]
    edk2(network)
    assert BOARD in dnsmasq.line_with("DHCPACK(eth0) 10.99.0.2")
    service.process.line_with("/ours.efi' to " + BOARD)
    assert not any("theirs.efi" in line for line in dnsmasq.seen[-5:])

    service.api.shadow_take(BOARD, take=False)
    edk2(network)
    dnsmasq.line_with("theirs.efi to 10.99.0.2")


def kea() -> str:
    found = shutil.which("kea-dhcp4")
    try:
        return found or str(file_of("kea-dhcp4-server", "bookworm", "usr/sbin/kea-dhcp4"))
    except InfrastructureError as exc:
        pytest.skip(f"Kea is not here: {exc}")


def test_beside_kea_what_it_sends_by_unicast_is_known_by_the_machines_own_request(
    network, udhcpc, shadow, tmp_path
):
    subnet = {
        "id": 1,
        "subnet": "10.99.0.0/24",
        "pools": [{"pool": "10.99.0.200 - 10.99.0.210"}],
        "next-server": PRODUCTION,
        "boot-file-name": "theirs.efi",
    }
    config = {
        "interfaces-config": {"interfaces": ["eth0"], "dhcp-socket-type": "raw"},
        "lease-database": {"type": "memfile", "persist": False},
        "subnet4": [subnet],
        "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
    }
    (tmp_path / "kea.json").write_text(json.dumps({"Dhcp4": config}))
    environment = ["env", f"KEA_PIDFILE_DIR={tmp_path}", f"KEA_LOCKFILE_DIR={tmp_path}"]
    cable = f"{network.sandbox.bridge},52:54:00:00:0a:bb,{PRODUCTION}/24"
    network.host([cable], *environment, kea(), "-c", str(tmp_path / "kea.json")).line_with("DHCP4_STARTED")
    # Not in the bridge itself but at one of its ports, as at a switch: no frame for others comes there.
    service = shadow(f"{network.sandbox.bridge},52:54:00:00:0a:cc,10.99.0.3/24")
    bound = network.udhcpc(BOARD, "-q", *PXE).line_with("bound ip=")
    address = bound.partition("ip=")[2].split()[0]
    service.wait_for(ShadowCompared)
    (theirs,) = service.exchange("DISCOVER")["theirs"]
    assert not theirs["seen"]
    assert (theirs["answer"]["server"], theirs["answer"]["address"]) == (PRODUCTION, address)
    assert theirs["differences"] == [{"field": "address", "ours": "10.99.0.66", "theirs": address}]
    (note,) = service.api.shadow()["notes"]
    assert "by unicast" in note
