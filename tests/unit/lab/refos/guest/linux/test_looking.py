"""What the kernel shows: texts of /proc and /dev/kmsg, and files that are none."""

import asyncio
import os
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.refos.guest.linux import files, kmsg, proc
from lab.refos.guest.linux.bootenv import health, parse, slots_of
from lab.refos.guest.linux.capture import program_bytes
from lab.refos.guest.linux.links import answers_arp, gateway, local_addresses
from lab.refos.guest.model import BpfInstruction, KernelMessage, PlatformError, SlotHealth, SlotName


def everything(iterator):
    async def collect():
        return [item async for item in iterator]

    return asyncio.run(collect())


class TestKernelLog:
    def test_a_record(self):
        record = b"30,1184,5140900,-;systemd[1]: started\n SUBSYSTEM=pci\n"
        assert kmsg.parse(record) == KernelMessage(1184, 6, 3, 5140900, "systemd[1]: started")

    @pytest.mark.parametrize("record", [b"", b"text", b"1,2;x", b"a,b,c,-;x", b"-1,2,3,-;x"])
    def test_what_is_none(self, record):
        assert kmsg.parse(record) is None

    @given(st.binary())
    def test_anything(self, record):
        kmsg.parse(record)


STAT = """\
cpu  400 0 200 1000 50 0 10 0 0 0
cpu1 200 0 100 500 25 0 5 0 0 0
cpu0 200 0 100 500 25 0 5 0 0 0
intr 12345 1 2 3
ctxt 999
btime 1700000000
processes 77
procs_running 2
procs_blocked 1
softirq 555 1 2 3
"""


def test_counters_of_the_kernel():
    found = proc.statistics(STAT, 100)
    assert (found.boot_time, found.context_switches, found.processes) == (1700000000, 999, 77)
    assert (found.interrupts, found.soft_interrupts, found.running, found.blocked) == (12345, 555, 2, 1)
    assert found.total.user == 4.0
    assert len(found.cpus) == 2
    assert proc.statistics("", 100).total.user == 0.0


def test_counters_of_this_host():
    assert proc.statistics(Path("/proc/stat").read_text(), os.sysconf("SC_CLK_TCK")).boot_time > 0
    assert "/" in [mount.mounted_on for mount in proc.mounts()]
    assert isinstance(proc.disks(), list)


def test_kernel_parameters(tmp_path):
    (tmp_path / "net/ipv4").mkdir(parents=True)
    (tmp_path / "net/ipv4/ip_forward").write_text("0\n")
    refused = proc.set_sysctls(
        {"net.ipv4.ip_forward": "1", "no.such": "1", "../escape": "1", "net..ipv4": "1"}, tmp_path
    )
    assert (tmp_path / "net/ipv4/ip_forward").read_text() == "1\n"
    assert refused == {
        "no.such": "there is no such kernel parameter",
        "../escape": "is no name of a kernel parameter",
        "net..ipv4": "is no name of a kernel parameter",
    }


class TestFiles:
    def test_a_file_in_pieces(self, tmp_path):
        data = os.urandom(200_000)
        (tmp_path / "big").write_bytes(data)
        pieces = everything(files.read(str(tmp_path / "big")))
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) == 1 << 16
        assert everything(files.read("/proc/version"))

    @pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "relative", "none", "zero"])
    def test_what_is_no_file_is_refused_at_once(self, tmp_path, kind):
        os.mkfifo(tmp_path / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / "socket"))
            path = {
                "folder": str(tmp_path),
                "pipe": str(tmp_path / "pipe"),
                "socket": str(tmp_path / "socket"),
                "device": "/dev/zero",
                "relative": "etc/hostname",
                "none": str(tmp_path / "none"),
                "zero": "/etc/host\0name",
            }[kind]
            with pytest.raises(PlatformError, match=r"regular file|absolute path|No such file"):
                everything(files.read(path))

    def test_folders_are_walked_and_links_are_not(self, tmp_path):
        (tmp_path / "a/b").mkdir(parents=True)
        (tmp_path / "a/b/deep").write_text("x")
        (tmp_path / "loop").symlink_to(tmp_path)
        names = [entry.relative_name for entry in everything(files.listing(str(tmp_path), 2))]
        assert names == [".", "a", "a/b", "loop"]
        link = everything(files.listing(str(tmp_path / "loop"), 5))
        assert [(entry.link) for entry in link] == [str(tmp_path)]
        assert everything(files.listing(str(tmp_path / "none"), 1))[0].error == "No such file or directory"

    def test_names_that_are_no_text_can_be_sent(self, tmp_path):
        (tmp_path / os.fsdecode(b"\xff\xfe")).write_text("x")
        for entry in everything(files.listing(str(tmp_path), 1)):
            entry.name.encode()


TREE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.2.0/24 2 0 2
        |-- 10.0.2.15
           /32 host LOCAL
        |-- 10.0.2.255
           /32 link BROADCAST
  +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
"""


def test_local_addresses():
    assert local_addresses(TREE) == ["10.0.2.15"]
    assert local_addresses("") == []


class TestBootEnvironment:
    def test_slots(self):
        environment = parse("BOOT_ORDER=B A\nBOOT_A_LEFT=3\nBOOT_B_LEFT=2\nnonsense\n")
        slots = slots_of(environment, SlotName.B, {SlotName.A: "v1", SlotName.B: "v2"})
        assert slots.first is SlotName.B
        assert slots.slots[SlotName.A].health is SlotHealth.GOOD
        assert slots.slots[SlotName.B].health is SlotHealth.TRIAL

    @pytest.mark.parametrize(
        ("left", "written", "found"),
        [
            ("3", True, SlotHealth.GOOD),
            ("1", True, SlotHealth.TRIAL),
            ("0", True, SlotHealth.BAD),
            (None, True, SlotHealth.GOOD),
            ("x", True, SlotHealth.GOOD),
            ("3", False, SlotHealth.EMPTY),
        ],
    )
    def test_health(self, left, written, found):
        assert health(left, written=written) is found


def test_a_bpf_program_is_what_the_kernel_takes():
    data = program_bytes([BpfInstruction(0x28, 1, 2, 12), BpfInstruction(0x06, 0, 0, 0xFFFFFFFF)])
    assert struct.unpack("=HBBIHBBI", data) == (0x28, 1, 2, 12, 0x06, 0, 0, 0xFFFFFFFF)


ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""
NEIGHBOURS = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.2.2         0x1         0x2         52:55:0a:00:02:02     *        eth0
10.0.2.3         0x1         0x0         00:00:00:00:00:00     *        eth0
"""


def test_the_gateway_and_whether_it_answers():
    assert gateway(ROUTES) == "10.0.2.2"
    assert gateway(ROUTES.replace("0202000A", "00000000")) == ""
    assert answers_arp(NEIGHBOURS, "10.0.2.2")
    assert not answers_arp(NEIGHBOURS, "10.0.2.3")
    assert not answers_arp(NEIGHBOURS, "10.0.2.4")
