"""What an attempt makes of the boot service's events; tests/hil has the whole of it on a board."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from lab.attempt import Attempt
from lab.config import load_board_type
from lab.measure.milestones import MilestoneTracker
from lab.strategy import BootStrategy
from pxe.events import TransferEnded, TransferStarted

MAC = "52:54:00:aa:00:01"
S = 1_000_000_000


def started(transfer: str) -> TransferStarted:
    return TransferStarted(
        t_ns=S, mac=MAC, transfer=transfer, protocol="tftp", peer="10.99.0.50:1", name="linux", size=9
    )


def stalled(transfer: str) -> TransferEnded:
    return TransferEnded(
        t_ns=2 * S, mac=MAC, transfer=transfer, protocol="tftp", peer="10.99.0.50:1", name="linux", size=9,
        sent=3, duration_ns=S, outcome="stalled",
    )  # fmt: skip


@pytest.fixture
def attempt() -> Attempt:
    board: Any = SimpleNamespace(
        place=SimpleNamespace(mac=MAC), board_type=load_board_type("qemu-virt-arm64")
    )
    made = Attempt(board, cast(Any, None), cast(Any, None))
    made._tracker = MilestoneTracker((), MAC)
    made._strategy = BootStrategy(("ready",), {}, 0)
    return made


def test_a_transfer_that_stalls_ends_the_boot(attempt: Attempt) -> None:
    for event in (started("1"), stalled("1")):
        attempt._event(event)
    assert attempt._strategy.verdict is not None


def test_one_that_the_power_cut_before_is_none_of_this_boot(attempt: Attempt) -> None:
    """The server waits half a minute for a board that was switched off; the next boot is on by then."""
    for event in (started("2"), stalled("1")):
        attempt._event(event)
    assert attempt._strategy.verdict is None
    assert [event.kind for event in attempt._events] == ["transfer-started"]


def test_one_that_the_board_gave_up_and_asked_for_again(attempt: Attempt) -> None:
    for event in (started("1"), started("2"), stalled("1")):
        attempt._event(event)
    assert attempt._strategy.verdict is None


def test_who_fetches_a_file_is_past_dhcp(attempt: Attempt) -> None:
    """Beside another DHCP server no ACK is ours to see, and its short deadline cut long transfers off."""
    names = tuple(rule.name for rule in attempt.board.board_type.milestones)
    attempt._strategy = BootStrategy(names, {}, 0)
    attempt._strategy.milestone("dhcp-discover", S)
    attempt._event(started("1"))
    assert attempt._strategy.awaited == "kernel-start"
