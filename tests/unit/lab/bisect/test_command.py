import os
import sys
import threading

import pytest

from lab.bisect.command import CommandProbe
from lab.errors import InfrastructureError, UsageError


def probe(code: str, **changes) -> CommandProbe:
    return CommandProbe((sys.executable, "-c", code, "{}"), **changes)


def test_the_version_is_put_in_and_the_exit_code_counts():
    code = "import sys; sys.exit({'good': 0, 'bad': 7, 'skip': 125}[sys.argv[1]])"
    good, bad, skip = (probe(code)(version) for version in ("good", "bad", "skip"))
    assert (good.failed, good.skip, good.seconds) == (False, False, None)
    assert (bad.failed, bad.detail) == (True, "exit code 7")
    assert (skip.failed, skip.skip) == (False, True)


def test_the_last_line_is_the_seconds(capsys):
    assert probe("print('booting'); print(' 12.5 ')", timed=True)("v").seconds == 12.5
    assert "booting" in capsys.readouterr().err


@pytest.mark.parametrize("printed", ["", "ready", "nan", "inf", "-1", "1.5 s"])
def test_a_last_line_that_is_no_time(printed):
    with pytest.raises(UsageError, match="and not its seconds"):
        probe(f"print({printed!r})", timed=True)("v")


def test_a_boot_that_failed_needs_no_seconds():
    assert probe("raise SystemExit(1)", timed=True)("v").failed


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(127)", "ended with 127"),
        ("raise SystemExit(130)", "ended with 130"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM"),
    ],
)
def test_what_says_nothing_about_the_version(code, words):
    with pytest.raises(InfrastructureError, match=words):
        probe(code)("v")


def test_a_program_that_is_not_there():
    with pytest.raises(InfrastructureError, match="cannot run /nonexistent"):
        CommandProbe(("/nonexistent", "{}"))("v")


def test_a_command_without_a_place_for_the_version():
    with pytest.raises(UsageError, match=r"write \{\} where it goes"):
        CommandProbe(("boot", "it"))


def test_what_hangs_is_bad_and_its_children_are_stopped(tmp_path):
    """The child holds the other end of a pipe: that it ends shows that the child is gone."""
    fifo, child, parent = tmp_path / "fifo", tmp_path / "child.py", tmp_path / "parent.py"
    os.mkfifo(fifo)
    child.write_text(f"import time\nfile = open({str(fifo)!r}, 'w')\ntime.sleep(600)\n")
    parent.write_text(
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, {str(child)!r}])\ntime.sleep(600)\n"
    )
    ended = threading.Event()

    def read() -> None:
        with fifo.open() as file:  # waits for the child
            file.read()
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    seen = CommandProbe((sys.executable, str(parent), "{}"), timeout=10.0)("v")
    assert seen.failed
    assert seen.detail == "no end after 10 s"
    assert ended.wait(60)
