from pathlib import Path

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapNgReader

from pxe.capture.rack import QUIET_SECONDS, Rack

A, B, SERVER, ALL = "52:54:00:00:00:0a", "52:54:00:00:00:0b", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"
S = 1_000_000_000
START = 1_800_000_000 * S


def dhcp(mac, kind="discover", firmware=True, reply=False):
    options = [("message-type", kind), *([("pxe_client_architecture", b"\0\x0b")] if firmware else []), "end"]
    ports = (67, 68) if reply else (68, 67)
    src = SERVER if reply else mac
    bootp = BOOTP(op=2 if reply else 1, chaddr=bytes.fromhex(mac.replace(":", "")))
    ip = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=ports[0], dport=ports[1])
    return bytes(Ether(src=src, dst=ALL) / ip / bootp / DHCP(options=options))


def tftp(src, dst):
    return bytes(Ether(src=src, dst=dst) / IP() / UDP(sport=1000, dport=69) / b"\0\4\0\1")


@pytest.fixture
def rack(tmp_path):
    made = Rack(tmp_path / "pcap", "lo", max_files=5)
    yield made
    made.close()


def take(rack, *frames, at=0.0):
    rack.take([(START + int(at * S) + i * 1000, frame, len(frame)) for i, frame in enumerate(frames)])


def recorded(rack, folder: Path):
    """The frames of each file, in the order of their names, after all files are closed."""
    rack.close()
    found = {}
    for path in sorted((folder / "pcap").iterdir()):
        with RawPcapNgReader(str(path)) as reader:
            found[path.name] = [bytes(data) for data, _ in reader]
    return found


def test_each_machine_has_its_own_file_with_its_own_frames(rack, tmp_path):
    of_a = [dhcp(A), dhcp(A, "offer", reply=True), tftp(A, SERVER), tftp(SERVER, A)]
    of_b = [dhcp(B), tftp(SERVER, B)]
    take(rack, of_a[0], of_b[0], *of_a[1:], of_b[1])
    found = recorded(rack, tmp_path)
    assert list(found.values()) == [of_a, of_b]
    assert [
        name.endswith(f"-{mac.replace(':', '-')}.pcapng") for name, mac in zip(found, (A, B), strict=True)
    ]


def test_a_machine_that_never_asked_is_not_recorded(rack, tmp_path):
    take(rack, tftp(A, SERVER), dhcp(A, "request"), dhcp(A, "offer", reply=True))
    assert not (tmp_path / "pcap").exists()


def test_one_boot_has_many_discovers_and_a_reset_begins_another(rack, tmp_path):
    take(rack, dhcp(A), dhcp(A), dhcp(A, firmware=False), dhcp(A, firmware=False), dhcp(A), dhcp(A), at=1)
    assert [len(frames) for frames in recorded(rack, tmp_path).values()] == [4, 2]


def test_after_quiet_it_is_closed_and_the_next_boot_is_another(rack, tmp_path):
    take(rack, dhcp(A))
    take(rack, tftp(B, SERVER), at=QUIET_SECONDS + 1)
    take(rack, tftp(A, SERVER), dhcp(A), at=QUIET_SECONDS + 2)
    assert [len(frames) for frames in recorded(rack, tmp_path).values()] == [1, 1]


def test_the_oldest_files_go(rack, tmp_path):
    for boot in range(9):
        take(rack, dhcp(A), at=boot * (QUIET_SECONDS + 1))
        take(rack, tftp(B, SERVER), at=(boot + 1) * (QUIET_SECONDS + 1) - 0.5)
    names = list(recorded(rack, tmp_path))
    assert len(names) == 5
    assert names == sorted(names)


@pytest.mark.parametrize("frame", [b"", b"\0" * 14, dhcp(A)[:60], dhcp(A)[:14] + b"\x4f" + dhcp(A)[15:]])
def test_rubbish_is_no_boot(rack, tmp_path, frame):
    take(rack, frame)
    assert not (tmp_path / "pcap").exists()


def test_a_file_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("pxe.capture.rack.MAX_BYTES", 2000)
    rack = Rack(tmp_path / "pcap", "lo")
    for _ in range(100):
        take(rack, dhcp(A))
    (frames,) = recorded(rack, tmp_path).values()
    assert 1 < len(frames) < 6
