"""kill -9 of processes of the boot service while a board boots: it is back by itself, and the board boots."""

import os
import signal
from collections.abc import Callable, Iterator

import psutil
import pytest

from lab.attempt import Attempt
from lab.images import small_linux
from lab.model import Milestone
from lab.sandbox import Impairment
from lab.session import LabSession
from pxe.events import DhcpReceived, Event, TransferStarted

pytestmark = [pytest.mark.hil, pytest.mark.timeout(400)]


class KillOnce:
    """An observer that kills a process once an event comes."""

    def __init__(self, victim: Callable[[], int], when: Callable[[Event], bool]) -> None:
        self._victim, self._when = victim, when
        self.killed = 0

    def powered_on(self, t_ns: int) -> None:
        pass

    def milestone(self, milestone: Milestone) -> None:
        pass

    def console(self, t_ns: int, data: bytes) -> None:
        pass

    def event(self, event: Event) -> None:
        if not self.killed and self._when(event):
            self.killed = self._victim()
            os.kill(self.killed, signal.SIGKILL)


@pytest.fixture
def session(lab: LabSession) -> Iterator[LabSession]:
    """A lab of its own: its service is killed."""
    with LabSession(lab.site) as made:
        yield made


def victim_of(session: LabSession, process: str) -> Callable[[], int]:
    """What tells the PID of the service's `process`, which is `master` or `worker`."""

    def victim() -> int:
        assert session.server is not None
        (master,) = psutil.Process(session.server.pid).children()
        return {"master": master, "worker": master.children()[0]}[process].pid

    return victim


SAID = {
    "worker": "the worker died; a new one takes its place",
    "master": "the service was killed by signal 9",
}
WHEN = {
    "dhcp": lambda event: isinstance(event, DhcpReceived),
    "tftp": lambda event: isinstance(event, TransferStarted) and event.name == "linux",
}


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("process", ["worker", "master"])
def test_a_board_boots_all_the_same(session: LabSession, place: str, process: str, when: str) -> None:
    board = session.board(place)
    if not board.emulated:
        pytest.skip("the boot service of real boards is not ours to kill")
    image = small_linux(board.board_type.console_args)
    session.assign(board.place, image.plan)

    kill = KillOnce(victim_of(session, process), WHEN[when])
    outcome = Attempt(board, session.service(board.place), image, observers=(kill,)).run()
    board.power_off()
    assert outcome.failure is None, outcome.failure
    assert kill.killed
    assert not psutil.pid_exists(kill.killed)
    assert SAID[process] in session.service_log
    if when == "tftp":
        assert "transfer linux to " in session.service_log, "the transfer was not gone on with"


@pytest.mark.parametrize("process", ["worker", "master"])
def test_an_http_download_that_was_cut_is_begun_anew(matrix, process: str) -> None:
    """iPXE's connection is reset in the middle of the kernel; its script asks again, up to five times."""
    matrix.close()  # a service of our own: it is killed
    session = matrix.session()
    kill = KillOnce(
        victim_of(session, process),
        lambda event: (
            isinstance(event, TransferStarted) and (event.protocol, event.name) == ("http", "linux")
        ),
    )
    try:
        # A long cable: the kernel takes seconds, and the blow falls within
        seen = matrix.boot("bios", impairment=Impairment(delay_ms=40), observers=(kill,))
        assert kill.killed
        assert not psutil.pid_exists(kill.killed)
        assert SAID[process] in session.service_log
        assert seen.reached("kernel", "up") == ["kernel", "up"]
        asked = [e for e in seen.outcome.events if isinstance(e, TransferStarted) and e.name == "linux"]
        assert len(asked) == 2, "the first one was cut"
    finally:
        matrix.close()
