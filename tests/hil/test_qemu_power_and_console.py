"""The emulated board as power switch and console, against real QEMU and real U-Boot."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace

import pytest

from lab.clock import now_ns
from lab.config import load_board_type
from lab.drivers.build import build_drivers
from lab.errors import InfrastructureError, SandboxError, StreamClosed
from lab.model import DriverConfig, Place
from lab.sandbox import Sandbox

pytestmark = pytest.mark.hil

BANNER = b"U-Boot 20"
PROMPT = b"\n=> "
QEMU = DriverConfig(kind="qemu")
FLOOD = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for _ in range(int(sys.argv[1])):
        wire.sendto(b"to everybody", ("10.99.0.255", 9))
"""


def place(number=1, **power_options):
    return Place(
        name=f"qemu{number}",
        board_type="qemu-virt-arm64",
        mac=f"52:54:00:aa:01:{number:02x}",
        power=DriverConfig(kind="qemu", options=power_options),
        console=QEMU,
    )


@pytest.fixture(scope="module")
def board_type():
    board_type = load_board_type("qemu-virt-arm64")
    power, _ = build_drivers(place(), board_type)
    try:
        power.options.check()
    except InfrastructureError as exc:
        pytest.skip(str(exc))
    return board_type


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    try:
        made = Sandbox.create()
    except SandboxError as exc:
        pytest.skip(str(exc))
    with made:
        yield made


class Switched:
    """A board with its drivers; what came from the console is kept."""

    def __init__(self, place, board_type, sandbox):
        self.power, self.console = build_drivers(place, board_type, sandbox)
        self.console.open()
        self.seen, self.at = b"", 0

    def until(self, words, seconds=60.0):
        """Read until `words` came after those awaited before; return the text up to them."""
        deadline = time.monotonic() + seconds
        while (found := self.seen.find(words, self.at)) < 0:
            assert time.monotonic() < deadline, f"no {words!r} in {self.seen[self.at :]!r}"
            self.seen += self.console.read(0.2)
        start, self.at = self.at, found + len(words)
        return self.seen[start : self.at]

    def to_prompt(self):
        self.until(b"Hit any key")
        self.console.write(b" ")
        self.until(PROMPT)

    def end(self):
        self.power.off()
        self.console.close()


@pytest.fixture(params=["sandbox", "plain"])
def switched(request, board_type):
    where = request.getfixturevalue("sandbox") if request.param == "sandbox" else None
    made = Switched(place(), board_type, where)
    yield made
    made.end()


def test_on_and_off(switched):
    assert switched.power.is_on() is False
    before = now_ns()
    switched.power.on()
    assert before < switched.power.last_on_ns < now_ns()
    assert switched.power.is_on() is True
    pid = switched.power.pid
    switched.until(BANNER)
    switched.power.off()
    assert switched.power.is_on() is False
    assert switched.power.pid is None
    assert switched.power.gone is None  # it was switched off, it did not go
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    switched.power.off()


def test_nothing_is_lost_before_the_reader_comes(switched):
    """A second and a half without a reader, longer than QEMU takes to look at a pty: nothing is missing."""
    switched.power.on()
    time.sleep(1.5)
    text = switched.until(b"Hit any key")
    assert text.startswith(b"\r\n\r\nU-Boot 20")
    assert b"\r\nDRAM:  512 MiB\r\n" in text
    assert b"In:    pl011@9000000\r\nOut:   pl011@9000000\r\nErr:   pl011@9000000\r\n" in text


def test_typing(switched):
    switched.power.on()
    switched.to_prompt()
    switched.console.write(b"version\r")
    switched.until(b"\nU-Boot 20")
    switched.until(PROMPT)
    assert switched.seen.count(b"Hit any key") == 1


def test_silence_while_off(switched):
    assert switched.console.read(0.05) == b""
    with pytest.raises(StreamClosed, match="the board is off"):
        switched.console.write(b"x")


def test_console_survives_power_cycles(switched):
    for _ in range(3):
        switched.power.on()
        switched.until(BANNER)
        switched.until(b"Hit any key")
        switched.power.off()
        while switched.console.read(0.05):
            pass
        with pytest.raises(StreamClosed):
            switched.console.write(b"x")
    assert switched.seen.count(BANNER) == 3


def test_a_reader_that_waits_gets_the_next_power_on(switched):
    got = []
    reader = threading.Thread(target=lambda: got.append(switched.console.read(30.0)))
    reader.start()
    switched.power.on()
    reader.join(30)
    assert got[0]


def test_power_cycles_do_not_leak_descriptors(switched):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    switched.power.on()
    switched.until(BANNER)
    switched.power.off()
    while switched.console.read(0.1):
        pass
    before = descriptors()
    for _ in range(3):
        switched.power.on()
        switched.until(BANNER)
        switched.power.off()
        while switched.console.read(0.1):
            pass
    assert descriptors() <= before


def test_on_while_on_changes_nothing(switched):
    switched.power.on()
    pid, when = switched.power.pid, switched.power.last_on_ns
    switched.power.on()
    assert (switched.power.pid, switched.power.last_on_ns) == (pid, when)
    switched.to_prompt()
    assert switched.seen.count(BANNER) == 1


def test_a_reset_keeps_power_and_console(switched):
    switched.power.on()
    pid = switched.power.pid
    switched.to_prompt()
    switched.console.write(b"reset\r")
    switched.until(BANNER)
    assert switched.power.pid == pid


def test_killed_from_outside_is_gone(switched):
    switched.power.on()
    switched.until(b"Hit any key")
    os.kill(switched.power.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while switched.power.is_on():
        assert time.monotonic() < deadline
        switched.console.read(0.05)
    assert switched.power.gone.status == -signal.SIGKILL
    assert str(switched.power.gone) == "QEMU was killed by signal 9"
    switched.power.off()
    assert switched.power.gone.status == -signal.SIGKILL  # evidence stays until it is switched on again
    switched.power.on()
    assert switched.power.gone is None
    switched.until(BANNER)


def test_a_board_that_switches_itself_off_is_gone(switched):
    switched.power.on()
    switched.to_prompt()
    switched.console.write(b"poweroff\r")
    deadline = time.monotonic() + 30
    while switched.power.is_on():
        assert time.monotonic() < deadline
        switched.console.read(0.05)
    assert switched.power.gone.status == 0


def test_a_closed_console_says_so_and_opens_again(switched):
    switched.power.on()
    switched.until(BANNER)
    switched.console.close()
    switched.console.close()
    with pytest.raises(StreamClosed, match="closed"):
        switched.console.read(1.0)
    switched.console.open()
    switched.power.off()
    switched.power.on()
    switched.until(BANNER)


def test_two_boards_at_once(board_type, sandbox):
    boards = [Switched(place(number), board_type, sandbox) for number in (1, 2)]
    try:
        for board in boards:
            board.power.on()
        assert boards[0].power.pid != boards[1].power.pid
        for number, board in enumerate(boards):
            board.to_prompt()
            board.console.write(b"echo I am board %d, ${ethaddr}\r" % number)
        for number, board in enumerate(boards):
            mac = f"52:54:00:aa:01:{number + 1:02x}".encode()
            board.until(b"\nI am board %d, %s" % (number, mac))
        boards[0].power.off()
        assert [board.power.is_on() for board in boards] == [False, True]
    finally:
        for board in boards:
            board.end()


def test_a_board_that_did_not_look_for_many_frames_hears_again(board_type, sandbox):
    board = Switched(place(), board_type, sandbox)
    try:
        board.power.on()
        board.to_prompt()
        board.console.write(b"setenv ipaddr 10.99.0.9; setenv netmask 255.255.255.0; ping 10.99.0.1\r")
        board.until(b"is alive")  # its driver has filled its ring
        board.until(PROMPT)
        done = sandbox.run([sys.executable, "-c", FLOOD, "100"], timeout=60)
        assert done.returncode == 0, done.stderr
        board.console.write(b"ping 10.99.0.1\r")
        board.until(b"host 10.99.0.1 is alive")
    finally:
        board.end()


def test_disks_are_in_order_and_outlive_the_power(board_type, sandbox):
    board = Switched(place(disks=[{"size": "1M"}, {"size": "2M"}]), board_type, sandbox)
    try:
        board.power.on()
        board.to_prompt()
        board.console.write(b"virtio scan; virtio dev 0; virtio dev 1\r")
        board.until(b"Capacity: 1.0 MB")
        board.until(b"Capacity: 2.0 MB")
        board.until(PROMPT)
        board.console.write(b"mw.b ${loadaddr} 5a 200; virtio write ${loadaddr} 1 1\r")
        board.until(b"1 blocks written: OK")
        assert board.power.disk_file(1).read_bytes()[512:1024] == b"\x5a" * 512
        board.power.off()
        board.power.on()
        board.to_prompt()
        board.console.write(b"virtio scan; virtio dev 1; virtio read ${loadaddr} 1 1; md.b ${loadaddr} 8\r")
        board.until(b"5a 5a 5a 5a 5a 5a 5a 5a")
    finally:
        board.end()


def test_two_boards_cannot_have_one_disk(board_type, sandbox, tmp_path):
    disk = {"path": str(tmp_path / "disk"), "size": "1M"}
    first = Switched(place(1, disks=[disk]), board_type, sandbox)
    second, console = build_drivers(place(2, disks=[disk]), board_type, sandbox)
    try:
        first.power.on()
        with pytest.raises(InfrastructureError, match=r"qemu2 does not start: .*another process"):
            second.on()
    finally:
        first.end()
        console.close()


def test_a_binary_that_is_missing_names_its_package(board_type):
    power, _ = build_drivers(place(binary="qemu-system-nonesuch"), board_type)
    with pytest.raises(
        InfrastructureError, match=r"qemu-system-nonesuch is not .*apt-get install qemu-system-arm"
    ):
        power.on()
    assert power.is_on() is False


def test_a_firmware_that_is_missing_names_its_package(board_type):
    power, _ = build_drivers(place(firmware="/nonexistent/u-boot.bin"), board_type)
    with pytest.raises(
        InfrastructureError, match=r"/nonexistent/u-boot.bin is missing: apt-get install u-boot-qemu"
    ):
        power.on()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"machine": "toaster"}, "unsupported machine type"),
        ({"cpu": "z80"}, "(unable to find CPU model|not supported|nvalid CPU)"),
        ({"extra": ["-no-such-option"]}, "invalid option"),
        ({"nic": "no-such-nic"}, "not a valid device model"),
    ],
)
def test_what_qemu_refuses_is_reported_in_its_words(board_type, sandbox, options, said):
    power, console = build_drivers(place(**options), board_type, sandbox)
    with pytest.raises(InfrastructureError, match=rf"qemu1 does not start: .*{said}"):
        power.on()
    assert power.is_on() is False
    assert power.gone is None
    console.close()


def test_a_board_type_that_cannot_be_emulated(board_type):
    with pytest.raises(InfrastructureError, match="cannot be emulated"):
        build_drivers(place(), replace(board_type, qemu={}))
