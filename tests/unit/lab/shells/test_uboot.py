import zlib

import pytest

from lab.console.alarms import AlarmRaised
from lab.console.session import Console
from lab.errors import CommandFailed, ConsoleError, ConsoleTimeout, StreamClosed, UsageError
from lab.model import UbootTraits
from lab.shells.uboot import LoadedFile, UbootShell
from lab.testing.clock import VirtualClock
from lab.testing.stepped import SteppedConsole
from lab.testing.uboot import BANNER, FakeUboot


class Bench:
    """A fake board, its console and its shell, in virtual time."""

    def __init__(self, traits=None, **board):
        self.clock = VirtualClock()
        self.board = FakeUboot(self.clock, **board)
        self.console = SteppedConsole(self.board, self.clock)
        self.console.start()
        self.shell = UbootShell(self.console, traits)

    def up(self):
        self.board.power_on()
        self.shell.interrupt()
        return self


@pytest.fixture
def bench():
    return Bench().up()


# -- catching it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bootdelay", [2.0, 0.0, 10.0])
@pytest.mark.parametrize("countdown", [True, False])
def test_interrupts_autoboot_with_and_without_a_text(bootdelay, countdown):
    bench = Bench(bootdelay=bootdelay, countdown=countdown).up()
    assert bench.clock.now < 1
    assert bench.shell.run("echo hi") == "hi"
    assert bench.console.alarms() == []


def test_waits_for_a_board_that_is_switched_on_later(bench):
    bench = Bench()
    bench.board._start(later(bench.board, 8.0))
    bench.shell.interrupt()
    assert bench.clock.now > 8
    assert bench.shell.run("true") == ""


def later(board, seconds):
    yield seconds
    board.on = True
    yield from board._boot()


def test_finds_a_prompt_that_is_there_already(bench):
    shell = UbootShell(bench.console)
    bench.board.write(b"half a line")
    shell.interrupt()
    assert shell.run("echo hi") == "hi"
    assert not any("half" in line for line in bench.board.executed)


def test_says_so_when_autoboot_could_not_be_stopped():
    bench = Bench()
    bench.board.power_on()
    while bench.clock.now < 5:  # nobody pressed a key
        bench.board.read(1)
    with pytest.raises(ConsoleTimeout, match="no U-Boot answered within 3 s"):
        bench.shell.interrupt(3)


def test_kernel_that_starts_ends_the_attempt():
    bench = Bench(traits=UbootTraits(stop_key=""), bootdelay=0.0)
    bench.board.power_on()
    with pytest.raises(ConsoleError, match="autoboot was not stopped"):
        bench.shell.interrupt()


def test_prompt_unlike_the_one_configured_is_named():
    bench = Bench(prompt="U-Boot> ")
    bench.board.power_on()
    with pytest.raises(ConsoleTimeout, match=r"prompt is not the one expected.*U-Boot> "):
        bench.shell.interrupt(10)
    assert Bench(UbootTraits(prompt="U-Boot> "), prompt="U-Boot> ").up().shell.run("echo x") == "x"


def test_dead_silence():
    bench = Bench()
    with pytest.raises(ConsoleTimeout, match=r"\(nothing\)"):
        bench.shell.interrupt(5)


# -- the cases that break others ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ('echo "ready => go"', 0, "ready => go"),
        ('echo "=> x"', 0, "=> x"),
        ('echo "=> "', 0, "=> "),
        ('echo -n "=> "', 0, "=> "),
        ("true; echo -n xx", 0, "xx"),
        ("false", 1, ""),
        ("nosuch", 1, "Unknown command 'nosuch' - try 'help'"),
        ("", 0, ""),
        ("   ", 0, ""),
        ("echo; echo", 0, "\n"),
        ("crc32 0 1770", 0, f"crc32 for 0 ... 1770 ==> {zlib.crc32(b'kernel' * 1000):08x}"),
        ("echo @ghjkmn:0:0:", 0, "@ghjkmn:0:0:"),
        ("echo 'S:$?:E'", 0, "S:$?:E"),
        ("printenv ver", 0, f"ver={BANNER}"),
        ("printenv nosuch", 1, '## Error: "nosuch" not defined'),
        ("echo é\u2028", 0, "é\u2028"),
    ],
)
def test_output_and_status_are_right_and_the_next_command_too(bench, command, status, output):
    assert bench.shell.run_unchecked(command) == (status, output)
    for number in range(6):
        assert bench.shell.run(f"echo after {number}") == f"after {number}"
    assert (bench.shell.counters.retyped, bench.shell.counters.resyncs) == (0, 0)
    assert bench.console.alarms() == []


def test_version_is_no_reset(bench):
    assert bench.shell.run("version").startswith(BANNER)
    assert bench.shell.run("echo; version").startswith("\n" + BANNER)
    assert bench.shell.run("echo x") == "x"


def test_empty_command_does_not_repeat_the_last_one(bench):
    bench.shell.run("setenv n 1")
    bench.shell.run("")
    assert sum(line.startswith("setenv n") for line in bench.board.executed) == 1


def test_run_raises_what_failed(bench):
    with pytest.raises(CommandFailed, match="'nosuch' returned 1: Unknown command") as caught:
        bench.shell.run("nosuch")
    assert caught.value.status == 1


def test_line_too_long_is_refused_before_it_is_typed(bench):
    typed = len(bench.board.executed)
    with pytest.raises(UsageError, match=r"912 bytes.*takes 489.*split it"):
        bench.shell.run("setenv long " + "x" * 900)
    assert len(bench.board.executed) == typed
    assert bench.shell.run("setenv long " + "x" * 477) == ""
    assert bench.shell.getenv("long") == "x" * 477
    with pytest.raises(UsageError):
        bench.shell.run("setenv long " + "x" * 478)


@pytest.mark.parametrize("command", ["sleep 3", "loop", 'echo -n "=> "; sleep 9', 'echo "=> "; sleep 9'])
def test_command_that_takes_too_long_is_stopped_and_the_shell_in_sync(bench, command):
    with pytest.raises(ConsoleTimeout, match="did not end within 1 s; resynchronised"):
        bench.shell.run(command, timeout=1)
    assert bench.shell.run("echo hi") == "hi"
    assert bench.shell.counters.resyncs == 1


def test_look_alike_of_a_prompt_does_not_end_a_slow_command(bench):
    assert bench.shell.run('echo -n "=> "; sleep 9; echo done') == "=> done"
    assert bench.shell.run("echo hi") == "hi"


def test_command_slower_than_the_patience_for_echoes(bench):
    assert bench.shell.run("sleep 9; echo done") == "done"


@pytest.mark.parametrize("command", ["echo a & b", "a || b &"])
def test_line_that_hush_does_not_parse_is_said_at_once(bench, command):
    begin = bench.clock.now
    with pytest.raises(ConsoleError, match=r"refused the line.*syntax error.*resynchronised"):
        bench.shell.run(command)
    assert bench.clock.now - begin < 3
    assert bench.shell.run("echo hi") == "hi"


@pytest.mark.parametrize("command", ["reset", "panic"])
def test_reset_under_our_hands_is_named_and_final(bench, command):
    with pytest.raises(AlarmRaised, match=r"reset: U-Boot 2023|uboot-crash: "):
        bench.shell.run(command)
    with pytest.raises(ConsoleError, match=r"declared dead.*power-cycle"):
        bench.shell.run("echo hi")
    with pytest.raises(ConsoleError, match="declared dead"):
        bench.shell.interrupt()
    again = UbootShell(bench.console)
    again.interrupt()
    assert again.run("echo hi") == "hi"


def test_reset_between_two_commands_is_seen(bench):
    bench.board.power_on()
    with pytest.raises(AlarmRaised, match="reset"):
        bench.shell.run("echo hi")


def test_board_that_hangs_is_declared_dead(bench):
    bench.board.deaf = True
    with pytest.raises(ConsoleError, match="declared dead: no sentinel was answered in 10 s"):
        bench.shell.run("echo hi")
    bench.board.deaf = False
    with pytest.raises(ConsoleError, match="declared dead"):
        bench.shell.run("echo hi")


def test_board_that_hangs_in_a_command_is_declared_dead(bench):
    bench.board._do_hang = lambda args: hang(bench.board)
    with pytest.raises(ConsoleError, match=r"'hang' did not end within 2 s; .*declared dead"):
        bench.shell.run("hang", timeout=2)


def hang(board):
    board.deaf = True
    yield 1e9
    return 0


def test_stream_that_ends_is_final(bench):
    bench.board.close()
    with pytest.raises(StreamClosed):
        bench.shell.run("echo hi")
    with pytest.raises(ConsoleError, match="declared dead"):
        bench.shell.run("echo hi")


def test_text_that_comes_between_two_commands_is_no_answer(bench):
    bench.board._out += b"\r\n[   12.0] somebody else's text\r\n=> junk"
    bench.board._line += b"junk"
    assert bench.shell.run("echo hi") == "hi"


def test_time_stamps_before_every_line_are_taken_out():
    bench = Bench()
    bench.board.stamps = True
    bench.up()
    assert bench.shell.run("echo a; echo b") == "a\nb"
    assert bench.shell.getenv("bootcmd") == "run distro_bootcmd"


class TwiceEntered(FakeUboot):
    """Behind a terminal server that turns LF into CR LF."""

    def write(self, data):
        super().write(data.replace(b"\n", b"\r\n"))


def test_enter_that_arrives_twice_is_found_at_the_first_sentinel():
    bench = Bench()
    bench.board.__class__ = TwiceEntered
    bench.board.power_on()
    with pytest.raises(ConsoleTimeout, match="every Enter arrives twice"):
        bench.shell.interrupt(10)


# -- variables, files, booting ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["1", "a b", "it's", 'say "x"', "a\\b", "run ${x}; $y", "  two  ", "a;b&c|d", "é"]
)
def test_variables_keep_every_character(bench, value):
    bench.shell.setenv("v", value)
    assert bench.board.env["v"] == value
    assert bench.shell.getenv("v") == value


@pytest.mark.parametrize("nothing", [None, ""])
def test_variables_that_are_not_set(bench, nothing):
    bench.shell.setenv("v", "1")
    bench.shell.setenv("v", nothing)
    assert bench.shell.getenv("v") is None
    assert bench.console.alarms() == []


def test_tftp_load_returns_what_the_board_has(bench):
    data = bench.board.files["Image"]
    loaded = LoadedFile("Image", len(data), zlib.crc32(data))
    assert bench.shell.tftp_load("${kernel_addr_r}", "Image") == loaded
    assert bench.shell.tftp_load(0x40400000, "Image") == loaded
    assert "tftpboot 40400000 Image" in bench.board.executed[-3]


def test_tftp_load_of_a_file_that_is_not_there(bench):
    with pytest.raises(CommandFailed, match="File not found"):
        bench.shell.tftp_load("40000000", "nosuch")


def test_tftp_load_that_disagrees_with_itself(bench):
    bench.shell.run("tftpboot 0 Image")
    command = bench.board._do_setenv
    bench.board._do_printenv = lambda args: (
        (yield from command(["x"])) or bench.board._print("filesize=5\n") or 0
    )
    with pytest.raises(ConsoleError, match="filesize is 5"):
        bench.shell.tftp_load("0", "Image")


def test_boot_gives_the_console_away(bench):
    bench.board._do_booti = lambda args: booti(bench.board)
    console = bench.shell.boot("booti 1 2 3")
    assert isinstance(console, Console)
    assert console.expect("login: ", 20)
    for use in (lambda: bench.shell.run("echo"), lambda: bench.shell.boot("boot"), bench.shell.interrupt):
        with pytest.raises(UsageError, match="gave its console away"):
            use()


def booti(board):
    board._print("\nStarting kernel ...\n\n")
    yield 5
    board._print("debian login: ")
    yield 1e9
    return 0


def test_boot_that_comes_back_ends_the_wait(bench):
    console = bench.shell.boot("false")
    with pytest.raises(AlarmRaised, match="boot-returned: boot command returned status 1"):
        console.expect("login: ", 20)


def test_boot_reset_is_announced(bench):
    console = bench.shell.boot("reset")
    with console.expecting_reset():
        assert console.expect("Hit any key", 20)
    assert console.alarms() == []
