"""Packets are lost in each direction, others come twice or late: the board still boots.

One in twenty here, which takes half a minute; `make lossy` loses one in five for every firmware of the
matrix, which takes two hours and more.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.attempt import Attempt, Outcome
from lab.board import Board
from lab.images import Image, small_linux
from lab.sandbox import Impairment
from lab.session import LabSession

pytestmark = [pytest.mark.hil, pytest.mark.timeout(600)]

BAD = Impairment(loss=0.05, duplicate=0.05, reorder=0.05, seed=20261122)
PATIENCE = 250.0  # seconds from one milestone to the next


@pytest.fixture
def session(lab: LabSession) -> Iterator[LabSession]:
    """A lab of its own with a link that can be made a bad one: others may run on a tap."""
    with LabSession(lab.site, link_kind="packet") as made:
        yield made


def netboots_over_a_bad_cable(
    session: LabSession, board: Board, image: Image, impairment: Impairment = BAD
) -> Outcome:
    """Boot `image` with a bad cable from power-on to the verdict; the cable is good again afterwards."""
    patient = replace(board.board_type, deadlines=dict.fromkeys(board.board_type.deadlines, PATIENCE))
    board = Board(board.place, patient, board.power, board.console)
    image = replace(image, deadlines=dict.fromkeys(image.deadlines, PATIENCE))
    session.assign(board.place, image.plan)
    assert session.sandbox is not None
    session.sandbox.impair(board.place.name, impairment)
    try:
        return Attempt(board, session.service(board.place), image).run()
    finally:
        session.sandbox.impair(board.place.name, None)
        board.power_off()


def test_a_board_boots_where_packets_are_lost(session: LabSession, place: str) -> None:
    board = session.board(place)
    if not board.emulated:
        pytest.skip("the cable of a real board cannot be made a bad one from here")
    outcome = netboots_over_a_bad_cable(session, board, small_linux(board.board_type.console_args))
    assert outcome.failure is None, outcome.failure
    assert sum(span.repeated for span in outcome.timeline.transfers) > 100, "nothing was lost"
    for name in ("linux", "initrd.gz"):
        assert any((s.name, s.sent) == (name, s.size) for s in outcome.timeline.transfers)
