"""Against real shells on a pty."""

import os
import shutil

import pytest

from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.drivers.stream.process import ProcessStream
from lab.errors import CommandFailed, ConsoleError, ConsoleTimeout, StreamClosed, UsageError
from lab.shells.linux import LinuxShell

SHELLS = {"ash": "busybox ash", "bash": "bash --norc --noprofile", "dash": "dash -i"}


@pytest.fixture(params=SHELLS)
def shell(request):
    command = SHELLS[request.param]
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")
    env = {"PATH": os.environ["PATH"], "TERM": "vt100"}
    with Console(ProcessStream(command, raw=False, env=env), Transcript()) as console:
        shell = LinuxShell(console)
        shell.attach(20, quiet_kernel=False)
        yield shell


def test_output_and_status(shell):
    assert shell.run("echo hi") == "hi"
    assert shell.run_unchecked("(exit 7)") == (7, "")
    assert shell.run("printf xx") == "xx"
    assert shell.run("seq 3") == "1\n2\n3"
    assert shell.run("echo a # b") == "a"
    assert shell.run("echo '# '") == "# "
    assert shell.run('echo "it\'s $((1+2))"') == "it's 3"
    assert shell.run("") == ""
    with pytest.raises(CommandFailed, match="returned 1"):
        shell.run("false")
    assert (shell.counters.retyped, shell.counters.resyncs) == (0, 0)


def test_long_lines_are_not_wrapped(shell):
    assert shell.run("echo " + "y" * 900) == "y" * 900
    with pytest.raises(UsageError, match="split it"):
        shell.run("echo " + "y" * 1000)


def test_background_jobs_and_state(shell):
    shell.run("sleep 30 & x=1")
    assert shell.run("kill $!; echo $x").endswith("1")


def test_time_out_and_sync_again(shell):
    with pytest.raises(ConsoleTimeout, match=r"did not end within 0\.3 s; resynchronised"):
        shell.run("sleep 30", timeout=0.3)
    assert shell.run("echo hi") == "hi"


def test_what_the_shell_refuses_leaves_it_in_sync(shell):
    try:
        assert shell.run_unchecked("if")[0] == 2  # bash
    except ConsoleError as error:
        assert "refused the line" in str(error)  # noqa: PT017
    assert shell.run("echo hi") == "hi"


def test_control_characters_are_refused(shell):
    with pytest.raises(UsageError, match="control character"):
        shell.run("echo a\nreboot")


def test_a_shell_that_ends_is_dead(shell):
    with pytest.raises(StreamClosed, match="ended with status 3"):
        shell.run("exit 3")
    with pytest.raises(ConsoleError, match="declared dead"):
        shell.run("true")


def test_no_shell():
    console = Console(ProcessStream(["sleep", "60"]), Transcript())
    with console, pytest.raises(ConsoleTimeout, match="no shell answered"):
        LinuxShell(console, echo_timeout=0.1).attach(0.5)
