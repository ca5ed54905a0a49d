"""What a driver must offer: typing.Protocol classes, nothing else."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class ByteStream(Protocol):
    """A two-way stream of bytes, such as a serial port. Read by one thread, written by any."""

    name: str

    def open(self) -> None:
        """Open the stream. Raises InfrastructureError, naming the path or peer, where it cannot be."""

    def close(self) -> None:
        """Close it; may be called twice."""

    def read(self, timeout: float) -> bytes:
        """Return what has come, as soon as anything has; b"" after `timeout` seconds of silence.

        A stream whose far end comes and goes with the board's power (an emulator, a USB adapter on the
        board) waits for it to come back, and returns b"" meanwhile. Raises StreamClosed once it is closed
        for good.
        """

    def write(self, data: bytes) -> None:
        """Send all of `data`. Raises StreamClosed where nobody is at the other end."""


@runtime_checkable
class PowerPort(Protocol):
    """A switch for a board's power. `power.cycle` with its off-time lives once, in `lab.board.Board`."""

    def on(self) -> None:
        """Switch on; returns once the power is on. Raises InfrastructureError where it did not switch."""

    def off(self) -> None:
        """Switch off, hard; returns once the power is off."""

    def is_on(self) -> bool | None:
        """Read the state back from the switch; None where the switch cannot tell."""
