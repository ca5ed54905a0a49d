"""tshark, which knows nothing of us, reads what was recorded."""

import shutil
import subprocess
import sys

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from lab.errors import SandboxError
from lab.packets import recording
from lab.sandbox import Sandbox

pytestmark = pytest.mark.interop

MAC, OTHER = "52:54:00:aa:00:01", "52:54:00:aa:00:02"
SEND = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind(("br0", 0))
    for line in sys.argv[1:]:
        sock.send(bytes.fromhex(line))
"""


@pytest.fixture
def sandbox():
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: apt-get install tshark")
    try:
        with Sandbox.create(kind="packet") as made:
            made.link("board")  # a bridge without a port that is up is down
            yield made
    except SandboxError as exc:
        pytest.skip(str(exc))


def frames(mac):
    chaddr = bytes.fromhex(mac.replace(":", ""))
    ether = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff" if mac == MAC else "02:00:00:00:00:09")
    discover = ether / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    discover /= BOOTP(chaddr=chaddr) / DHCP(options=[("message-type", "discover"), "end"]) / bytes(700)
    request = (
        ether / IP(src="10.99.0.50", dst="10.99.0.1") / UDP(sport=2001, dport=69) / b"\0\1linux\0octet\0"
    )
    data = (
        ether / IP(src="10.99.0.1", dst="10.99.0.50") / UDP(sport=69, dport=2001) / b"\0\3\0\1" / bytes(1468)
    )
    return [bytes(frame).hex() for frame in (discover, request, *[data] * 50)]


def tshark(path, *options):
    done = subprocess.run(["tshark", "-r", str(path), *options], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_tshark_finds_every_packet_whole_or_cut_and_nothing_malformed(sandbox, tmp_path):
    path = tmp_path / "pcap" / "000.pcapng"
    with recording(sandbox, sandbox.bridge, MAC, path, "run r, boot 1") as recorded:
        assert recorded
        done = sandbox.run([sys.executable, "-c", SEND, *frames(MAC), *frames(OTHER)], timeout=30)
        assert done.returncode == 0, done.stderr
    ours = ("-Y", f"eth.src == {MAC}")
    assert len(tshark(path, *ours)) == 52
    assert tshark(path, "-Y", f"eth.src == {OTHER}") == [], "another machine's"
    assert len(tshark(path, "-Y", "dhcp.option.dhcp == 1")) == 1
    assert len(tshark(path, "-Y", "tftp.opcode == 1")) == 1
    assert tshark(path, "-Y", "_ws.malformed") == []
    lengths = tshark(path, *ours, "-T", "fields", "-e", "frame.len", "-e", "frame.cap_len")
    assert lengths[0].split()[0] == lengths[0].split()[1], "DHCP is whole"
    assert {line.split()[1] for line in lengths[2:]} == {"96"}
    assert tshark(path, "-T", "fields", "-e", "frame.time_epoch")[0].partition(".")[2].isdigit()
