import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.console.alarms import RULES, AlarmRule, AlarmScanner

BANNER = b"U-Boot 2023.01+dfsg-2+deb12u3 (Jun 22 2026 - 08:38:07 +0000)\n"
BOOT = b"\n\n" + BANNER + b"\nDRAM:  128 MiB\n"
SPL = b"\nU-Boot SPL 2023.01 (Jun 22 2026)\nTrying to boot from MMC1\n\n"
VERSION = (
    BANNER + b"\naarch64-linux-gnu-gcc (Debian 12.2.0-14) 12.2.0\nGNU ld (GNU Binutils for Debian) 2.40\n"
)


def names(*chunks, scanner=None):
    scanner = scanner or AlarmScanner()
    return [a.name for number, chunk in enumerate(chunks) for a in scanner.feed(number, chunk)]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"[    1.5] Kernel panic - not syncing: VFS: Unable to mount root fs", "kernel-panic"),
        (b"root@x:~# [    1.5] Kernel panic - not syncing: Attempted to kill init!", "kernel-panic"),
        (b"[    2.0][  T1] Internal error: Oops: 0000000096000004 [#1] SMP", "kernel-oops"),
        (b"[    2.0] Oops: general protection fault, 0000 [#1] PREEMPT SMP", "kernel-oops"),
        (b"[    2.0] Unable to handle kernel NULL pointer dereference at virtual address 0", "kernel-oops"),
        (b"[    2.0] BUG: KASAN: slab-out-of-bounds in f+0x1", "kasan"),
        (b"[    2.0] BUG: KFENCE: use-after-free read", "kasan"),
        (b"[    2.0] BUG: scheduling while atomic: swapper/0", "kernel-bug"),
        (b"kernel BUG at mm/slub.c:1!", "kernel-bug"),
        (b"[   26.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!", "watchdog"),
        (b"[   26.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", "rcu-stall"),
        (b'"Synchronous Abort" handler, esr 0x96000010', "uboot-crash"),
        (b"### ERROR ### Please RESET the board ###", "uboot-crash"),
        (b'## Error: "distro" not defined', "uboot-error"),
    ],
)
def test_knows_trouble(line, name):
    assert names(line + b"\n") == [name]


@pytest.mark.parametrize(
    "line",
    [
        b"[    0.0] Command line: console=ttyAMA0 panic=1 oops=panic",
        b"[    1.0] watchdog: Delayed init of the lockup detector failed: -19",
        b"[    1.0] [Firmware Bug]: TSC doesn't count with P0 frequency!",
        b"WDT:   Started watchdog@feb40000 with servicing every 1000ms",
        b"ver=U-Boot 2023.01 (Jun 22 2026)",
        b"## Executing script at 40200000",
        b"Loops: 3",
    ],
)
def test_leaves_ordinary_lines_alone(line):
    assert names(line + b"\n") == []


def test_first_boot_is_no_reset_and_each_later_one_is_one():
    scanner = AlarmScanner()
    assert names(SPL, BOOT, scanner=scanner) == []
    assert names(SPL, BOOT, scanner=scanner) == ["reset"]
    assert names(BOOT, scanner=scanner) == ["reset"]


def test_a_kernel_that_reboots_is_a_reset():
    assert names(BOOT, b"\nStarting kernel ...\n\n[    0.0] Linux version 6.1.0\n", BOOT) == ["reset"]


def test_kernel_started_twice_by_kexec_is_none():
    assert names(b"[    0.0] Linux version 6.1.0\n", b"[    0.0] Linux version 6.1.0\n") == []


def test_version_command_is_no_reset():
    assert names(BOOT, b"=> version\n" + VERSION, b"=> echo; version\n\n" + VERSION) == []


def test_reset_right_after_version_is_one():
    assert names(BOOT, VERSION, BOOT) == ["reset"]


def test_a_line_that_a_power_cut_left_unfinished_is_not_part_of_the_next_boot():
    scanner = AlarmScanner()
    scanner.feed(1, b"U-Boot 2023.01\nDRAM\n[    0.000000] Linux version 6.1.0")
    scanner.begin_boot()
    assert scanner.feed(2, b"\n\nU-Boot 2023.01\nDRAM\n") == []
    (alarm,) = scanner.feed(3, b"U-Boot 2023.01\nDRAM\n")
    assert alarm.name == "reset"


def test_expected_alarms_are_marked():
    scanner = AlarmScanner(expecting={"reset"})
    alarms = [a for chunk in (BOOT, BOOT) for a in scanner.feed(0, chunk)]
    assert [(a.name, a.expected) for a in alarms] == [("reset", True)]


def test_stamp_is_that_of_the_lines_first_byte():
    scanner = AlarmScanner()
    scanner.feed(1, b"before\n")
    scanner.feed(2, b"Kernel pa")
    (alarm,) = scanner.feed(3, b"nic - not syncing: x\nmore")
    assert (alarm.t_ns, alarm.line, alarm.end) == (2, "Kernel panic - not syncing: x", 37)
    assert alarm.fatal


def test_endless_line_is_judged_in_pieces():
    scanner = AlarmScanner()
    chunks = [b"\xff" * 700, b"\x00" * 700, b"Kernel panic - not", b" syncing", b"\xff" * 3000]
    assert "kernel-panic" in names(*chunks, scanner=scanner)
    assert len(scanner._line) < 4096


def test_rules_can_be_added_and_left_out():
    scanner = AlarmScanner(())
    assert names(b"Kernel panic - not syncing\n", scanner=scanner) == []
    scanner.add(AlarmRule("mine", rb"^done \d", fatal=False))
    assert names(b"done 1\n", scanner=scanner) == ["mine"]
    assert len({r.name for r in RULES}) >= 7


@given(st.integers(1, 60))
def test_split_gives_the_same_alarms(size):
    data = BOOT + VERSION + b"[ 1.0] Kernel panic - not syncing: x\n" + SPL + BOOT + b"## Error: x\n"
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert names(*pieces) == ["kernel-panic", "reset", "uboot-error"]
