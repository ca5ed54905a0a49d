"""What a driver may know of its surroundings when it is made."""

from dataclasses import dataclass

from lab.interfaces import PowerPort
from lab.model import BoardType, Place
from lab.sandbox import Sandbox


@dataclass(kw_only=True)
class DriverContext:
    """`power` is the place's switch, once that is made: some consoles are part of one."""

    place: Place
    board_type: BoardType
    sandbox: Sandbox | None = None
    power: PowerPort | None = None
