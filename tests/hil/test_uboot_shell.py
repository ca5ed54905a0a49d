"""The cases that break other tools (docs/harness.md), against U-Boot under QEMU, on good and bad lines."""

import contextlib
import re
import threading
import time

import pytest

from lab.console.alarms import AlarmRaised
from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.drivers.stream.faulty import Direction, Fault, FaultKind, FaultyStream
from lab.drivers.stream.serial import SerialStream
from lab.errors import CommandFailed, ConsoleError, ConsoleTimeout, UsageError
from lab.shells.uboot import UbootShell
from lab.testing.qemu_uboot import bare_uboot, missing

pytestmark = [pytest.mark.hil, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

ALL_PRINTABLE = "".join(map(chr, range(32, 127)))


class Rig:
    """One machine, its console over a line whose faults can be set, and a shell."""

    def __init__(self, machine):
        self.machine = machine
        self.line = FaultyStream(SerialStream(machine.pty))
        self.line.armed = False
        self.console = Console(self.line, Transcript())
        self.shell = UbootShell(self.console)

    @contextlib.contextmanager
    def bad_line(self, *faults, **options):
        """The line goes bad behind the prompt that is to come; it is good again afterwards."""
        deadline = time.monotonic() + 120  # a busy host leaves an emulated machine waiting for seconds
        while not self.console.pending().endswith(b"=> "):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        self.line.arm(faults, **options)
        try:
            yield self.line
        finally:
            self.line.armed = False

    def in_sync(self):
        return all(self.shell.run(f"echo after {n}") == f"after {n}" for n in range(6))


@pytest.fixture(scope="module")
def machine():
    with bare_uboot() as machine:
        yield machine


@pytest.fixture(scope="module")
def running(machine):
    rig = Rig(machine)
    rig.console.start()
    machine.power_on()
    rig.shell.interrupt(20)
    yield rig
    rig.console.close()


@pytest.fixture
def rig(running):
    """In sync before each test, whatever the last one did."""
    try:
        running.shell.run("true")
    except ConsoleError:
        running.shell = UbootShell(running.console)
        running.shell.interrupt(20)
    running.shell.counters.retyped = running.shell.counters.resyncs = 0
    return running


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("crc32 40000000 100", 0, r"crc32 for 40000000 \.\.\. 400000ff ==> [0-9a-f]{8}"),
        ('echo "ready => go"', 0, "ready => go"),
        ('echo "=> x"', 0, "=> x"),
        ('echo "=> "', 0, "=> "),
        ('echo -n "=> "', 0, "=> "),
        ("true; echo -n xx", 0, "xx"),
        ("nosuch", 1, "Unknown command 'nosuch' - try 'help'"),
        ("", 0, ""),
        ("false", 1, ""),
        ("echo @ghjkmn:0:0:", 0, "@ghjkmn:0:0:"),
        ("printenv nosuch", 1, '## Error: "nosuch" not defined'),
        ("run nosuch", 1, '## Error: "nosuch" not defined'),
        ("version", 0, r"U-Boot 20\d\d\.\d\d[^\n]*\n\n[^\n]*gcc[^\n]*\n[^\n]*"),
        ("echo; version", 0, r"\nU-Boot 20\d\d\.\d\d[^\n]*\n\n[^\n]*gcc[^\n]*\n[^\n]*"),
        ("for i in 1 2; do echo $i; done", 0, "1\n2"),
        ("if false; then echo a; else echo b; fi", 0, "b"),
        ("foo bar )", 1, "Unknown command 'foo' - try 'help'"),
        ("echo a#b", 0, "a#b"),
    ],
)
def test_output_and_status_and_the_next_six_commands(rig, command, status, output):
    got_status, got = rig.shell.run_unchecked(command)
    assert got_status == status
    assert re.fullmatch(output, got) or got == output
    assert rig.in_sync()
    assert (rig.shell.counters.retyped, rig.shell.counters.resyncs) == (0, 0)


def test_long_output_is_whole(rig):
    lines = rig.shell.run("md.b 40000000 4000").splitlines()
    assert len(lines) == 0x400
    assert [line[:9] for line in lines] == [f"{0x40000000 + 16 * n:08x}:" for n in range(0x400)]


def test_line_of_900_characters_is_refused_and_the_longest_that_fits_is_taken(rig):
    with pytest.raises(UsageError, match=r"912 bytes.*split it"):
        rig.shell.run("setenv long " + "x" * 900)
    with pytest.raises(UsageError) as caught:
        rig.shell.run("x" * 600)
    room = int(re.search(r"takes (\d+)", str(caught.value))[1])
    value = "x" * (room - len("setenv long "))
    rig.shell.run(f"setenv long {value}")
    assert rig.shell.getenv("long") == value
    rig.shell.setenv("long", None)
    assert rig.in_sync()


def test_slow_command_is_stopped(rig):
    with pytest.raises(ConsoleTimeout, match="'sleep 3' did not end within 1 s; resynchronised"):
        rig.shell.run("sleep 3", timeout=1)
    assert rig.in_sync()
    assert rig.shell.run("sleep 1; echo done", timeout=10) == "done"


def test_endless_output_is_stopped(rig):
    with pytest.raises(ConsoleTimeout, match="resynchronised"):
        rig.shell.run("while true; do echo => ; done", timeout=1)
    assert rig.in_sync()


@pytest.mark.parametrize("command", ["echo a & echo b", "if true; then", "while true"])
def test_what_hush_refuses_is_said_and_the_shell_in_sync(rig, command):
    with pytest.raises(ConsoleError, match="refused the line"):
        rig.shell.run(command, timeout=20)
    assert rig.in_sync()


def test_reset_is_named_and_final(rig):
    with pytest.raises(AlarmRaised, match="reset: U-Boot 20"):
        rig.shell.run("reset")
    with pytest.raises(ConsoleError, match="declared dead"):
        rig.shell.run("true")
    rig.shell = UbootShell(rig.console)
    rig.shell.interrupt(20)
    assert rig.in_sync()


def test_reset_button_while_a_command_runs(rig):
    threading.Timer(0.3, rig.machine.reset).start()
    with pytest.raises(AlarmRaised, match="reset: U-Boot 20"):
        rig.shell.run("sleep 5")


def test_announced_reset_by_boot(rig):
    with rig.console.expecting_reset():
        console = rig.shell.boot("reset")
        console.expect("Hit any key", 20)
    with pytest.raises(UsageError, match="gave its console away"):
        rig.shell.run("true")
    rig.shell = UbootShell(console)
    rig.shell.interrupt(20)
    assert rig.in_sync()


def test_boot_that_comes_back_is_an_alarm(rig):
    console = rig.shell.boot("bootm 0")
    with pytest.raises(AlarmRaised, match="boot-returned: boot command returned status 1"):
        console.expect("login: ", 20)
    rig.shell = UbootShell(console)
    rig.shell.interrupt(20)


@pytest.mark.parametrize(
    "value", [ALL_PRINTABLE, "it's", "a\\b\\\\c\\", "'", '"', "$x ${y} $?", "  two  ", "#"]
)
def test_variables_keep_every_character(rig, value):
    rig.shell.setenv("v", value)
    assert rig.shell.getenv("v") == value
    rig.shell.setenv("v", None)
    assert rig.shell.getenv("v") is None


def test_binary_noise_on_the_line(rig):
    rig.console.write(bytes(b for b in range(256) if b not in (9, 10, 13)))
    assert rig.in_sync()


def test_half_a_line_and_escape_sequences_from_somebody_else(rig):
    rig.console.write(b"setenv bad 1\x1b[A\x1b[Dx\x01y")
    assert rig.in_sync()
    assert rig.shell.getenv("bad") is None


CHANGING = [FaultKind.LOSE, FaultKind.DOUBLE, FaultKind.CORRUPT]


@pytest.mark.parametrize("kind", [*CHANGING, FaultKind.DELAY, FaultKind.CHOP])
@pytest.mark.parametrize("seed", range(3))
def test_bad_line_to_the_board(rig, kind, seed):
    """One byte in a hundred: never a wrong answer; at the end in sync."""
    answers = 0
    with rig.bad_line(rates={kind: 0.01}, directions=[Direction.TX], seed=seed) as line:
        for number in range(12):
            with contextlib.suppress(ConsoleError, CommandFailed):
                assert rig.shell.run(f"echo number {number}", timeout=5) == f"number {number}"
                answers += 1
    assert answers >= 8
    assert line.counts[kind]
    assert rig.in_sync()


@pytest.mark.parametrize("kind", CHANGING)
@pytest.mark.parametrize("offset", [0, 9, 15, 16, 30])
def test_echo_that_comes_back_changed_is_typed_anew(rig, kind, offset):
    with rig.bad_line(Fault(direction=Direction.RX, offset=offset, kind=kind, mask=4)) as line:
        rig.shell._dialogue.echo_timeout = 0.5
        assert rig.shell.run("echo an echo of some length") == "an echo of some length"
    rig.shell._dialogue.echo_timeout = 3.0
    assert line.counts == {kind: 1}
    assert rig.shell.counters.retyped == 1


@pytest.mark.parametrize("offset", [3, 16, 40])
def test_printk_in_the_middle_of_the_echo(rig, offset):
    with rig.bad_line(Fault(direction=Direction.RX, offset=offset, kind=FaultKind.INJECT)):
        assert rig.shell.run("echo an echo of some length") == "an echo of some length"
    assert rig.shell.counters.retyped == 1
    assert rig.in_sync()


def test_lost_enter_does_not_repeat_the_command(rig):
    rig.shell._dialogue.echo_timeout = 0.5
    rig.shell.run("setenv n 1")
    line = "setenv n ${n}1; echo @ghjkmn:$?:$?:"
    with rig.bad_line(Fault(direction=Direction.TX, offset=len(line), kind=FaultKind.LOSE)):
        rig.shell.run("setenv n ${n}1")
    rig.shell._dialogue.echo_timeout = 3.0
    assert rig.shell.counters.retyped == 1
    assert rig.shell.getenv("n") == "11"


def test_board_that_hangs_is_declared_dead_and_stays_so(rig):
    with rig.bad_line(rates={FaultKind.LOSE: 1.0}, directions=[Direction.TX]):
        rig.shell._dialogue.echo_timeout = 0.1
        rig.shell._dialogue.resync_timeout = 0.5
        with pytest.raises(ConsoleError, match="declared dead"):
            rig.shell.run("true")
    with pytest.raises(ConsoleError, match="declared dead"):
        rig.shell.run("true")


def test_reset_button_and_interrupt(rig):
    with rig.console.expecting_reset():
        rig.machine.reset()
        rig.shell = UbootShell(rig.console)
        rig.shell.interrupt(20)
    assert rig.in_sync()
