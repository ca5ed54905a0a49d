"""What a dashboard asks, on this host's own /proc and on texts of other kernels."""

import asyncio
import os
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.refos.guest.api import usage
from lab.refos.guest.linux.observer import LinuxObserver
from lab.refos.guest.linux.processes import process
from lab.refos.guest.model import Disk

ARM = """\
processor\t: 0
BogoMIPS\t: 125.00
Features\t: fp asimd crc32
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd03
CPU revision\t: 4

processor\t: 1
BogoMIPS\t: 125.00

Hardware\t: a board
"""
PC = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 15
model\t\t: 107
model name\t: QEMU Virtual CPU version 2.5+
cpu MHz\t\t: 2445.404
cpu cores\t: 2
cpuid level\t: 13
flags\t\t: fpu de pse
clflush size\t: 64
cache_alignment\t: 64
power management:
"""
DISKS = """\
   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
 254       0 vda 10 2 30 4 50 6 70 8 9 100 110 12 13 14 15 16 17
 254       1 vda1 1 0 3 0 5 0 7 0 0 1 1
"""
NET = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0
  eth0:18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
"""  # noqa: E501


def test_this_host(rig, play):
    async def story():
        async with rig() as it, it.client("os:reader") as client:
            await it.ready()
            assert await client.hostname() == it.platform.network.hostname()
            it.platform.observer = LinuxObserver()
            load = await client.load()
            assert load.load15 == pytest.approx(os.getloadavg()[2], abs=5)
            memory = await client.memory()
            pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            assert memory.memtotal == pages // 1024
            assert 0 < memory.memavailable < memory.memtotal
            assert memory.committedas > 0  # Committed_AS
            assert len(await client.processors()) == os.cpu_count()
            network = await client.network_counters()
            assert {device.name for device in network.devices} == {n for _, n in socket.if_nameindex()}
            assert network.total.rx_packets >= 1
            own = next(p for p in await client.processes() if p.pid == os.getpid())
            assert (own.ppid, own.threads >= 1) == (os.getppid(), True)
            assert os.path.samefile(own.executable, "/proc/self/exe")
            assert own.resident_memory > 1 << 20
            await client.disk_counters()

    play(story())


def test_what_other_kernels_say(rig, play):
    async def story():
        async with rig() as it, it.client("os:reader") as client:
            tables = it.platform.observer.tables
            tables["cpuinfo"] = ARM
            first, second = await client.processors()
            assert (first.vendor_id, first.model, first.bogo_mips) == ("0x41", "0xd03", 125.0)
            assert list(first.flags) == ["fp", "asimd", "crc32"]
            assert second.processor == 1
            tables["cpuinfo"] = PC
            (only,) = await client.processors()
            words = (only.vendor_id, only.cpu_family, only.model, only.cpu_mhz)
            assert words == ("AuthenticAMD", "15", "107", 2445.404)
            numbers = (only.cpu_cores, only.cpu_id_level, only.cl_flush_size, only.cache_alignment)
            assert numbers == (2, 13, 64, 64)
            tables["diskstats"] = DISKS
            disks = await client.disk_counters()
            assert [d.name for d in disks.devices] == ["vda", "vda1"]
            assert (disks.total.read_completed, disks.total.io_time_weighted_ms) == (10, 110)
            assert disks.devices[0].discard_time_ms == 15
            tables["net/dev"] = NET
            network = await client.network_counters()
            assert network.devices[1].tx_compressed == 16
            assert (network.total.rx_bytes, network.total.rx_packets) == (99, 3)  # 64 bits, as the kernel's

    play(story())


def test_a_process_of_any_name():
    found = process("7 (a) b (c) R 3 7 7 0 -1 64 1 0 0 0 150 50 0 0 20 0 4 0 99 4096 2 1", 100, 4096)
    assert (found.pid, found.parent, found.command, found.state, found.threads) == (7, 3, "a) b (c", "R", 4)
    assert (found.cpu_time, found.virtual_memory, found.resident_memory) == (2.0, 4096, 8192)


@given(text=st.text(max_size=300))
def test_any_text_of_a_kernel_is_an_answer(text):
    observer = SimpleNamespace(table=lambda name: text, disks=lambda: [Disk("/dev/vda", 1)])
    call = SimpleNamespace(node=SimpleNamespace(platform=SimpleNamespace(observer=observer)))

    async def ask():
        for function in (
            usage.load_average,
            usage.memory,
            usage.cpu_info,
            usage.network_device_stats,
            usage.disk_stats,
        ):
            await function(call, None)

    asyncio.run(ask())
