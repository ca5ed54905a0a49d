"""The fixture `faults`: what a test can make go wrong on its board's way to boot."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab.board import Board
from lab.drivers.qemu.power import QemuPower
from lab.pytest_plugin.fulldisk import fill
from lab.sandbox import Impairment, Sandbox, ServerFault
from lab.session import LabSession


class Faults:
    """Faults of an emulated board's surroundings; all but what is on a disk is undone after the test.

    A cable has one fault at a time: the last one that was asked for. The first is asked for while the board
    is off; then they can be changed while it runs.
    """

    def __init__(self, board: Board, power: QemuPower, sandbox: Sandbox) -> None:
        self._board, self._power, self._sandbox = board, power, sandbox
        self._options = power.options

    def slow(self, protocol: str, *, rate: int, **more: Any) -> None:
        """Downloads over `protocol` (tftp or http) get `rate` bytes a second together."""
        self._server(fault="slow", protocol=protocol, rate=rate, **more)

    def stalled(self, protocol: str, *, after: int, **more: Any) -> None:
        """A download stops after so many bytes; `times=1`: the first that gets so far alone."""
        self._server(fault="stalled", protocol=protocol, after=after, **more)

    def corrupt(self, protocol: str, *, after: int, **more: Any) -> None:
        """One bit of the byte `after` is inverted, with right checksums."""
        self._server(fault="corrupt", protocol=protocol, after=after, **more)

    def vanishing(self, protocol: str, *, after: int, seconds: float = 0, **more: Any) -> None:
        """After so many bytes the board hears nothing any more, for so many seconds (0: for ever)."""
        self._server(fault="vanishing", protocol=protocol, after=after, seconds=seconds, **more)

    def bad_cable(self, **impairment: Any) -> None:
        """Frames are lost, doubled, late or damaged: the fields of lab.sandbox.Impairment."""
        self._cable(Impairment(**impairment))

    def good_cable(self) -> None:
        """No fault on the cable, from now on."""
        self._sandbox.impair(self._board.place.name, None)

    def clock(self, text: str) -> None:
        """What the board's clock says at the next power-on, such as 2031-05-01T12:00:00 (UTC)."""
        self._power.options = replace(self._power.options, rtc=text)

    def full_disk(self, number: int = 0, *, label: str = "", keep: int = 0) -> int:
        """Fill an ext4 file system of a disk of the board, which must be off; returns the bytes left free.

        `label` names its partition; empty: it is the whole disk. It stays full after the test.
        """
        self._board.power_off()
        return fill(self._power.disk_file(number), label, keep)

    def undo(self) -> None:
        """Cable, card and clock as they were."""
        self.good_cable()
        self._power.options = self._options

    def _server(self, **fault: Any) -> None:
        self._cable(ServerFault(**fault))

    def _cable(self, fault: Impairment | ServerFault) -> None:
        self._sandbox.impair(self._board.place.name, fault)


@pytest.fixture
def faults(lab: LabSession, board: Board) -> Iterator[Faults]:
    """Faults on the way of this test's board, which must be an emulated one; see Faults."""
    power: Any = board.power
    lab.service(board.place)  # brings the sandbox up
    if not isinstance(power, QemuPower) or lab.sandbox is None:
        pytest.skip("cable, clock and disks of a real board cannot be made bad ones from here")
    made = Faults(board, power, lab.sandbox)
    yield made
    board.power_off()
    made.undo()
