"""The U-Boot shell on a bad line: right or an error, never wrong; in sync afterwards, or dead for good."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.drivers.stream.faulty import Direction, Fault, FaultKind, FaultyStream
from lab.errors import BoardError, ConsoleError
from lab.shells.uboot import UbootShell
from lab.testing.clock import VirtualClock
from lab.testing.stepped import SteppedConsole
from lab.testing.uboot import FakeUboot

SILENT = [("true", (0, "")), ("false", (1, "")), ("setenv a b", (0, "")), ("sleep 2", (0, ""))]
TALKING = [
    *SILENT,
    ("echo llama", (0, "llama")),
    ("echo a; echo '=> '; false", (1, "a\n=> ")),
    ("printenv bootcmd", (0, "bootcmd=run distro_bootcmd")),
    ("nosuch", (1, "Unknown command 'nosuch' - try 'help'")),
]
CHANGING = [FaultKind.LOSE, FaultKind.DOUBLE, FaultKind.CORRUPT, FaultKind.DELAY, FaultKind.CHOP]


def shell_with(faults=(), **options):
    """A shell in sync, whose line goes bad from now on."""
    clock = VirtualClock()
    board = FakeUboot(clock)
    stream = FaultyStream(board, faults, sleep=clock.advance, **options)
    stream.armed = False
    console = SteppedConsole(stream, clock)
    console.start()
    board.power_on()
    shell = UbootShell(console)
    shell.interrupt()
    stream.armed = True
    return shell, stream


def schedules(directions, kinds, last=250):
    return st.lists(
        st.builds(
            Fault,
            direction=st.sampled_from(directions),
            offset=st.integers(0, last),
            kind=st.sampled_from(kinds),
            mask=st.sampled_from([1 << bit for bit in range(8)]),
            seconds=st.sampled_from([0.01, 0.7, 4.0]),
        ),
        max_size=8,
    )


def run(shell, command):
    """Status and output, or None where the shell said that something is wrong."""
    try:
        return shell.run_unchecked(command)
    except ConsoleError:
        return None


def assert_in_sync_or_dead(shell, stream):
    stream.armed = False
    for number in range(3):
        try:
            assert shell.run(f"echo after {number}") == f"after {number}"
        except ConsoleError as error:
            assert "declared dead" in str(error)  # noqa: PT017
            with pytest.raises(ConsoleError, match="declared dead"):
                shell.run("true")


@settings(max_examples=400)
@given(schedules([Direction.TX], CHANGING), st.lists(st.sampled_from(TALKING), min_size=1, max_size=3))
def test_faults_on_the_way_to_the_board(faults, commands):
    shell, stream = shell_with(faults)
    for command, expected in commands:
        assert run(shell, command) in (expected, None)
    assert_in_sync_or_dead(shell, stream)


@settings(max_examples=400)
@given(schedules([Direction.RX], CHANGING), st.lists(st.sampled_from(SILENT), min_size=1, max_size=3))
def test_faults_in_echo_sentinel_and_prompt(faults, commands):
    """Of commands without output: a byte of an output that is lost on the way back cannot be known."""
    shell, stream = shell_with(faults)
    for command, expected in commands:
        assert run(shell, command) in (expected, None)
    assert_in_sync_or_dead(shell, stream)


@settings(max_examples=400)
@given(
    schedules(list(Direction), list(FaultKind)), st.lists(st.sampled_from(TALKING), min_size=1, max_size=3)
)
def test_whatever_happens_it_is_in_sync_afterwards_or_dead(faults, commands):
    shell, stream = shell_with(faults)
    for command, _ in commands:
        run(shell, command)
    assert_in_sync_or_dead(shell, stream)


@pytest.mark.parametrize("kind", CHANGING)
@pytest.mark.parametrize("seed", range(5))
def test_a_line_that_is_always_bad_is_lived_with(kind, seed):
    """One byte in 200: every fifth command has to be typed again, and still all come out right."""
    shell, stream = shell_with(rates={kind: 0.005}, directions=[Direction.TX], seed=seed)
    results = [run(shell, f"echo number {n}") for n in range(60)]
    wrong = [r for n, r in enumerate(results) if r not in ((0, f"number {n}"), None)]
    assert not wrong
    assert sum(r is not None for r in results) >= 50
    assert stream.counts[kind]
    if kind not in (FaultKind.DELAY, FaultKind.CHOP):
        assert shell.counters.retyped


@pytest.mark.parametrize("seed", range(20))
def test_printk_in_the_middle_of_the_echo_is_noticed_and_typed_anew(seed):
    text = b"\r\n[    3.141592] usb 1-1: new high-speed USB device\r\n"
    offset = seed * 2  # somewhere in the echo of the line, which has 44 bytes
    shell, stream = shell_with(
        [Fault(direction=Direction.RX, offset=offset, kind=FaultKind.INJECT, text=text)]
    )
    assert shell.run("echo a line long enough") == "a line long enough"
    assert shell.counters.retyped == 1
    assert_in_sync_or_dead(shell, stream)


def test_lost_enter_is_found_and_typed_anew_without_running_the_command_twice():
    line = "setenv a b; echo @ghjkmn:$?:$?:"
    shell, stream = shell_with([Fault(direction=Direction.TX, offset=len(line), kind=FaultKind.LOSE)])
    shell.run("setenv a b")
    assert stream.counts == {FaultKind.LOSE: 1}
    assert shell.counters.retyped == 1


def test_lost_echo_of_enter_of_a_slow_command_is_an_error():
    """Whether it ran cannot be told from here, so Enter is not typed again."""
    line = "sleep 20; echo @ghjkmn:$?:$?:"
    lost = [Fault(direction=Direction.RX, offset=len(line) + n, kind=FaultKind.LOSE) for n in (0, 1)]
    shell, stream = shell_with(lost)
    with pytest.raises(BoardError, match="whether it ran cannot be told; resynchronised"):
        shell.run("sleep 20")
    assert_in_sync_or_dead(shell, stream)


def test_a_damaged_sentinel_costs_a_second_not_the_whole_timeout():
    line = "echo x; echo @ghjkmn:$?:$?:"
    shell, stream = shell_with(
        [Fault(direction=Direction.RX, offset=len(line) + 2 + 3 + 4, kind=FaultKind.CORRUPT)]
    )
    begin = stream._stream.clock.now
    with pytest.raises(ConsoleError, match="without its sentinel"):
        shell.run("echo x", timeout=300)
    assert stream._stream.clock.now - begin < 5
    assert_in_sync_or_dead(shell, stream)


def test_a_cable_that_carries_nothing_right_is_given_up():
    shell, _ = shell_with(rates={FaultKind.CORRUPT: 0.5})
    with pytest.raises(ConsoleError, match="declared dead"):
        shell.run("echo x")
