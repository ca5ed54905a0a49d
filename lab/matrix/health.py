"""Is a place fit for work? Power, console, network and a boot that is known to be good, each by itself.

One boot shows all four: the power is read back where the switch can tell, then a byte on the console, then
the board's own DHCP request, then the golden image up. What comes after a step that failed is not judged.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lab.board import Board
from lab.errors import BoardError, DiskError, InfrastructureError
from lab.images import Image
from lab.model import BootRecord, Cause, Milestone
from lab.series import Series
from lab.session import LabSession
from pxe.events import Event

SUITE = "health"


class Check(StrEnum):
    """A step, in the order in which a boot gets there."""

    SERVICE = "boot service"
    POWER = "power"
    CONSOLE = "console"
    NETWORK = "network"
    BOOT = "golden boot"


_OF_CAUSE = {
    Cause.NO_POWER: Check.POWER,
    Cause.BOARD_GONE: Check.POWER,
    Cause.NO_CONSOLE: Check.CONSOLE,
    Cause.NO_BOOTLOADER: Check.CONSOLE,
    Cause.NO_DHCP: Check.NETWORK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a check found: by step a sentence of what is wrong, "" where it is well; `run`: the boots."""

    steps: dict[str, str] = field(default_factory=dict)
    run: Path | None = None

    @property
    def fault(self) -> str:
        """The first step that is not well, with its sentence; "" for a healthy place."""
        return next((f"{step}: {told}" for step, told in self.steps.items() if told), "")


class _Switch:
    """Watches a boot and reads the power back once it is said to be on."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.fault = ""

    def powered_on(self, t_ns: int) -> None:
        """Ask the switch."""
        if self._board.power.is_on() is False:
            self.fault = "it was switched on, and the switch says that it is off"

    def milestone(self, milestone: Milestone) -> None:
        """Nothing to see here."""

    def event(self, event: Event) -> None:
        """Nor here."""

    def console(self, t_ns: int, data: bytes) -> None:
        """Nor here."""

    def finished(self, record: BootRecord) -> None:
        """Nor here."""


def check_place(
    session: LabSession, place: str, image: Image, results: Path, *, tries: int, golden: bool, night: str
) -> Health:
    """Boot `image` on a place, `tries` times at most, until all is well. `golden`: it has to come up.

    Raises DiskError where the results cannot be written.
    """
    health = Health()
    for _ in range(tries):
        health = _look(session, place, image, results, golden=golden, night=night)
        if not health.fault:
            break
    return health


def _look(
    session: LabSession, place: str, image: Image, results: Path, *, golden: bool, night: str
) -> Health:
    step, run = Check.SERVICE, None
    try:
        session.service(session.place(place))
        step = Check.POWER
        board = session.board(place)
        board.power_off()
        if board.power.is_on():
            return Health(steps=_steps(Check.POWER, "it was switched off, and the switch says that it is on"))
        switch = _Switch(board)

        @contextlib.contextmanager
        def watch(_: int) -> Iterator[_Switch]:
            yield switch

        run, (record,) = Series(
            session=session,
            place=place,
            image=image,
            results=results,
            suite=SUITE,
            night=night,
            watch=watch,
        ).run()
    except DiskError:
        raise
    except (InfrastructureError, BoardError) as exc:
        return Health(steps=_steps(step, str(exc)), run=run)
    if switch.fault:
        return Health(steps=_steps(Check.POWER, switch.fault), run=run)
    return Health(steps=judge(record, golden=golden), run=run)


def judge(record: BootRecord, *, golden: bool) -> dict[str, str]:
    """What one boot says of its place, by step."""
    failure = record.failure
    if failure is None:
        return _steps(None, "", golden=golden)
    asked = any(m.name.startswith("dhcp-discover") for m in record.timeline.milestones)
    fetched = bool(record.timeline.transfers)
    step = _OF_CAUSE.get(failure.cause, Check.BOOT)
    if step is Check.BOOT and not (asked or fetched or failure.cause is Cause.LOADER_CRASHED):
        step = Check.NETWORK
    if step is Check.BOOT and not golden:
        return _steps(None, "", golden=False)
    return _steps(step, failure.sentence, golden=golden)


def _steps(bad: Check | None, sentence: str, *, golden: bool = True) -> dict[str, str]:
    """The steps up to the bad one."""
    result: dict[str, str] = {}
    for step in Check:
        if step is Check.BOOT and not golden:
            break
        result[step.value] = sentence if step is bad else ""
        if step is bad:
            break
    return result
