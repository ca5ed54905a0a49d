"""`bootlab node emulate`: how it begins, what it prints. tests/hil/test_refos_install.py boots the same."""

import re
from contextlib import nullcontext
from types import SimpleNamespace

from lab.cli.node_emulate import _follow, _follow_until
from lab.errors import StreamClosed


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
