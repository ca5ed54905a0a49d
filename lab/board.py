"""A live handle to an acquired place: its power, its console, and the shells that speak through it."""

import time

from lab.clock import now_ns
from lab.console.session import Console
from lab.console.transcript import Transcript
from lab.errors import UsageError
from lab.interfaces import PowerPort
from lab.model import BoardType, Place
from lab.shells.uboot import UbootShell


class Board:
    """One place in our hands. The console is read from `open` to `close`, whether anybody waits or not."""

    def __init__(self, place: Place, board_type: BoardType, power: PowerPort, console: Console) -> None:
        self.place = place
        self.board_type = board_type
        self.power = power
        self.console = console

    @property
    def emulated(self) -> bool:
        """Whether the place is an emulator: such figures never share a baseline with those of hardware."""
        return self.place.power.kind == "qemu"

    def power_on(self) -> int:
        """Switch on; return the instant at which the power came (ns)."""
        asked_ns = now_ns()
        self.power.on()
        # An emulator takes a while to start before its first instruction; its driver knows the instant.
        return int(getattr(self.power, "last_on_ns", None) or asked_ns)

    def power_off(self) -> None:
        """Switch off, hard."""
        self.power.off()

    def cycle(self, transcript: Transcript | None = None) -> int:
        """Switch off, wait until the board's capacitors are empty, switch on; return the instant of power.

        What the console says from then on is recorded in `transcript`, where one is given.
        """
        if self.power.is_on() is not False:
            self.power.off()
            if not self.emulated:
                time.sleep(self.place.power_off_seconds)
        self.console.begin_boot(transcript)
        return self.power_on()

    def gone(self) -> str | None:
        """How the board vanished while it was on, in words; None while it is there or nobody can tell."""
        gone = getattr(self.power, "gone", None)
        return None if gone is None else str(gone)

    def uboot(self) -> UbootShell:
        """A U-Boot shell on the console; `interrupt()` brings it to its prompt."""
        if self.console.closed:
            raise UsageError(f"place {self.place.name}: its console is closed")
        return UbootShell(self.console, self.board_type.uboot)
