"""Each simulated firmware against a capture of the real one: the server's side of the capture is played to
it, and all that it says is compared with what the real one said, field by field.

May differ: xid, source ports, and times by what the simulation rounds. Captures: see tests/data/README.md.
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from lab.testing.firmware.edk2 import Edk2, Edk2Arm64, Edk2Http
from lab.testing.firmware.ipxe import Ipxe
from lab.testing.firmware.machine import CLIENT, HttpReply
from lab.testing.firmware.message import parse
from lab.testing.firmware.uboot import Uboot

DATA = Path(__file__).parents[4] / "data"
UUID = bytes.fromhex("1e7c1f5c1d4b0a4f9a576f1d2a3b4c5d")
SCRIPT = b"kernel linux\ninitrd initrd.gz\nboot\n"
UIMAGE = b"\x27\x05\x19\x56" + bytes(68) + b"tftpboot ${kernel_addr_r} linux\ntftpboot ${r} initrd.gz\n"
FILES = {
    "boot.ipxe": b"#!ipxe\n" + SCRIPT,
    "boot.scr.uimg": UIMAGE,
    "grub.cfg": b"linux /linux quiet\ninitrd /initrd.gz\n",
}


@dataclass
class Capture:
    """What the client said, and what it was answered, in order; `times` are of what it said."""

    said: list = field(default_factory=list)
    times: list = field(default_factory=list)
    dhcp: list = field(default_factory=list)
    tftp: dict = field(default_factory=dict)  # request -> OACK or ERROR


def read(name: str) -> Capture:
    found = Capture()
    asked = {}
    with RawPcapReader(str(DATA / name)) as reader:
        for frame, info in reader:
            if frame[12:14] != b"\x08\0" or frame[23] not in (6, 17):
                continue
            at = 14 + (frame[14] & 15) * 4
            source, target = struct.unpack_from("!HH", frame, at)
            client = frame[6:11] == b"\x52\x54\x00\xaa\x01"  # the boards of tests/hil/matrix.yaml
            if frame[23] == 6:
                data, line = frame[at + (frame[at + 12] >> 4) * 4 :], None
                if client and data[:5] in (b"GET /", b"HEAD "):
                    line = http(data)
            else:
                data = frame[at + 8 : at + struct.unpack_from("!H", frame, at + 4)[0]]
                line = spoken(data, source, target) if client else None
                if client and data[:2] == b"\0\1":
                    asked[source] = data
                elif not client and source != 67 and data[:2] in (b"\0\5", b"\0\6"):
                    found.tftp[asked[target]] = data
                elif not client and source == 67:
                    found.dhcp.append(data)
            if line is not None:
                found.said.append(line)
                found.times.append(info.sec + info.usec / 1e6)
    return found


def spoken(data: bytes, source: int, target: int) -> tuple:
    """A client's datagram as it is compared."""
    if target in (67, 4011):
        said = parse(data)
        assert said is not None
        head = ("dhcp", source, target, said.size, said.flags, said.secs, said.ciaddr, said.file, said.mac)
        return (*head, *((code, said.options[code].hex()) for code in said.order))
    if data[:2] == b"\0\1":
        return ("RRQ", *data[2:].split(b"\0"))
    return ("ERROR", data[2:]) if data[:2] == b"\0\5" else ("ACK",)


def http(data: bytes) -> tuple:
    return ("http", *data.partition(b"\r\n\r\n")[0].decode().split("\r\n"))


class Server:
    """Plays the captured server to a machine; `fast`: answers at once, at the machine's own time."""

    def __init__(self, machine, capture: Capture) -> None:
        self.machine, self.capture = machine, capture
        self.said, self.times, self.replies = [], [], list(capture.dhcp)
        self.transfers = {}

    def run(self, seconds: float) -> None:
        machine = self.machine
        machine.start(0.0)
        while not machine.over and machine.now < seconds:
            while self.serve():
                pass
            timer = machine.get_timer()
            if timer is None:
                break
            machine.handle_timer(timer)

    def serve(self) -> bool:
        machine = self.machine
        datagrams, requests = machine.datagrams_to_send(), machine.requests_to_send()
        for sent in datagrams:
            line = spoken(sent.data, sent.port, sent.peer[1])
            if line != ("ACK",):
                self.note(line)
            self.answer(sent)
        for asked in requests:
            text = [f"{asked.method} {asked.path} HTTP/1.1", *(f"{k}: {v}" for k, v in asked.headers)]
            self.note(("http", *text))
            body = FILES.get(asked.path.rpartition("/")[2], b"") if asked.method == "GET" else b""
            headers = {"content-length": str(len(body)), "server": "test"}
            machine.receive_reply(
                HttpReply(status=200, headers=headers, body=body, length=len(body)), machine.now
            )
        return bool(datagrams or requests)

    def note(self, line: tuple) -> None:
        self.said.append(line)
        self.times.append(self.machine.now)

    def answer(self, sent) -> None:
        machine, data = self.machine, sent.data
        if sent.port == CLIENT:
            if self.replies:
                reply = self.replies.pop(0)
                reply = reply[:4] + data[4:8] + reply[8:]
                machine.receive_datagram(CLIENT, ("10.99.0.1", 67), reply, machine.now)
            return
        if data[:2] == b"\0\1":
            name = data[2:].split(b"\0")[0].decode()
            self.transfers[sent.port] = FILES.get(name.rpartition("/")[2], b"x")
            reply = without_size(self.capture.tftp[data])
        elif data[:2] == b"\0\4" and data[2:] == b"\0\0":
            reply = b"\0\3\0\1" + self.transfers[sent.port]
        else:
            return
        machine.receive_datagram(sent.port, ("10.99.0.1", 1069), reply, machine.now)


def without_size(oack: bytes) -> bytes:
    """The captured OACK tells the length of the real file; ours is another."""
    words = oack[2:].split(b"\0")
    if oack[:2] != b"\0\6" or b"tsize" not in words:
        return oack
    at = words.index(b"tsize")
    return oack[:2] + b"\0".join(words[:at] + words[at + 2 :])


CASES = {
    "firmware-ipxe-rom.pcap": Ipxe("52:54:00:aa:01:04", uuid=UUID),
    "firmware-ipxe-tftp.pcap": Ipxe("52:54:00:aa:01:04", uuid=UUID),
    "firmware-ipxe-lease-only.pcap": Ipxe("52:54:00:aa:01:04", uuid=UUID),
    "firmware-ipxe-unanswered.pcap": Ipxe("52:54:00:aa:01:04", uuid=UUID),
    "firmware-edk2-x64-pxe.pcap": Edk2("52:54:00:aa:01:05"),
    "firmware-edk2-x64-unanswered.pcap": Edk2("52:54:00:aa:01:05"),
    "firmware-edk2-x64-4011.pcap": Edk2("52:54:00:aa:01:05"),
    "firmware-edk2-x64-http.pcap": Edk2Http("52:54:00:aa:01:06"),
    "firmware-edk2-arm64-pxe.pcap": Edk2Arm64("52:54:00:aa:01:02"),
    "firmware-uboot-2023.01.pcap": Uboot("52:54:00:aa:01:01"),
    "firmware-uboot-2023.01-unanswered.pcap": Uboot("52:54:00:aa:01:01"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_the_real_firmware_said(name):
    capture, machine = read(name), CASES[name]
    server = Server(machine, capture)
    server.run(300.0)
    heard = len(capture.said)
    assert server.said[:heard] == capture.said
    # The U-Boot that nobody answered was switched off in its second round
    assert len(server.said) == heard or name == "firmware-uboot-2023.01-unanswered.pcap"
    fails = any(word in name for word in ("unanswered", "lease-only", "4011"))
    assert machine.up is not fails, machine.failure
    # Where a message is repeated, or follows a wait, the gap is the real one's; loading takes QEMU its time
    real, ours = gaps(capture.said, capture.times), gaps(server.said[:heard], server.times)
    for seen, simulated in zip(real, ours, strict=True):
        assert simulated == pytest.approx(seen, rel=0.15, abs=0.35)


def gaps(said: list, times: list) -> list[float]:
    """Seconds from each DISCOVER or request at port 4011 to the DHCP message behind it."""
    pairs = zip(said, times, said[1:], times[1:], strict=False)
    return [
        later - earlier
        for one, earlier, other, later in pairs
        if one[0] == other[0] == "dhcp" and ((53, "01") in one or one[2] == 4011) and one[4] == other[4]
    ]
