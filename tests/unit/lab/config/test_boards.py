import pytest

from lab.config.boards import board_type_files, load_board_type, read_board_type
from lab.errors import ConfigError
from lab.model import BoardType, Source

GOOD = """\
arch: arm64
title: A board
milestones:
  - {name: kernel, source: console, pattern: 'Linux version'}
deadlines: {kernel: 10}
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "board.yaml"
        path.write_text(text)
        return read_board_type("f-m", path)

    return read


@pytest.mark.parametrize("name", board_type_files())
def test_every_board_type_loads(name):
    board = load_board_type(name)
    assert isinstance(board, BoardType)
    assert board.name == name


def test_the_emulated_board():
    board = load_board_type("qemu-virt-arm64")
    assert [rule.name for rule in board.milestones] == [
        "u-boot", "autoboot", "dhcp-discover", "dhcp-ack", "kernel-start", "kernel", "init",
    ]  # fmt: skip
    assert set(board.deadlines) == {rule.name for rule in board.milestones}
    assert board.uboot.prompt == "=> "
    assert board.console_args == "console=ttyAMA0 earlycon"


def test_unknown_board_type():
    with pytest.raises(ConfigError, match=r"there is no board type 'toaster'; there are .*qemu-virt-arm64"):
        load_board_type("toaster")


def test_defaults(read):
    board = read(GOOD)
    assert board.name == "f-m"
    assert board.milestones[0].source is Source.CONSOLE
    assert board.deadlines == {"kernel": 10.0}
    assert board.qemu == {}


def test_faults(read):
    text = (
        GOOD.replace("'Linux version'", "'Linux ('")
        .replace("console,", "serial,")
        .replace("{kernel: 10}", "{kernle: 10}")
    )
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [line.partition("board.yaml:")[2][:51] for line in caught.value.faults] == [
        "4: milestones[0].pattern: 'Linux (' is not a regula",
        "4: milestones[0].source: \"serial\" should be 'power'",
    ]


def test_a_deadline_for_what_is_no_milestone(read):
    with pytest.raises(ConfigError, match=r"5: deadlines.kernle: is no milestone; there are kernel"):
        read(GOOD.replace("{kernel: 10}", "{kernle: 10}"))
