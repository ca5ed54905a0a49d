"""`bootlab node emulate`: how it begins, what it prints. tests/hil/test_refos_install.py boots the same."""

import re
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lab.cli.main import cli
from lab.cli.node_emulate import _follow, _follow_until
from lab.errors import StreamClosed, UsageError
from lab.testing.nodes.scene import free_port


class Console:
    """Says lines, and is closed then."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def expect(self, pattern, timeout):
        assert timeout > 60
        while self.lines:
            if found := re.search(pattern.encode(), self.lines.pop(0).encode() + b"\r\n"):
                return SimpleNamespace(groups=found.groups())
        raise StreamClosed("the power is off")

    def expecting_reset(self):
        return nullcontext()


def test_words_until_the_api_is_up_and_then_the_others(capsys):
    console = Console(
        "[    1.0] Linux version 6.1",
        "refos: slot netboot version 1",
        "refos: server certificate issued fingerprint=abc=",
        "refos: api up on :50000",
        "refos: stage maintenance",
        "noise",
        "refos: poweroff now",
    )
    board = SimpleNamespace(console=console)
    _follow_until(board, "refos: api up")
    assert capsys.readouterr().out.splitlines() == [
        "refos: slot netboot version 1",
        "refos: server certificate issued fingerprint=abc=",
        "refos: api up on :50000",
    ]
    _follow(board)
    said = capsys.readouterr()
    assert said.out == "refos: stage maintenance\nrefos: poweroff now\n"
    assert "the power is off" in said.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--talos", "1.11"], r"--talos 1\.11: simulated are 1\.12, 1\.13, 1\.14"),
        (["--talos", "1.13", "--disk", "d"], "are for refos"),
        (["--count", "2"], "are for --talos"),
        (["--talos", "1.13", "--events-sink", "lab"], "--events-sink lab: has no port"),
        (["--talos", "1.13", "--kernel-log", "http://x:1"], "does not begin with tcp:// or udp://"),
    ],
)
def test_options_that_do_not_go_together(options, sentence):
    refused = CliRunner().invoke(cli, ["node", "emulate", *options])
    assert isinstance(refused.exception, UsageError)
    assert re.search(sentence, str(refused.exception))


def test_a_simulated_node_until_it_is_told_to_end():
    argv = [sys.executable, "-m", "lab", "node", "emulate", "--talos", "1.12", "--port", str(free_port())]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if "stage maintenance" in line:
                process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert said[0].startswith("node-00001 its API: --node 127.0.0.1:")
    assert any("server certificate issued fingerprint=" in line for line in said)
