"""The firmware matrix: boots one place of tests/hil/matrix.yaml, and says what console and wire saw."""

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lab.attempt import Attempt, Observer, Outcome
from lab.board import Board
from lab.config import Site, load_site
from lab.errors import InfrastructureError, LabError
from lab.images import Image, small_linux
from lab.packets import recording, with_packets
from lab.sandbox.impairment import Impairment
from lab.session import LabSession
from lab.testing.debian import IPXE_ARM64, file_of
from pxe.events import DhcpReceived, DhcpSent, TransferEnded, TransferRefused
from pxe.plan import Asset
from pxe.settings import DhcpMode

DNSMASQ = "52:54:00:aa:02:02,10.99.0.2/24"  # MAC and address
MATRIX = Path(__file__).with_name("matrix.yaml")
PATIENCE = 10  # deadlines on a bad cable, as a multiple of those on a good one
# "kernel", too: a firmware that gave up goes on to its own menu, which looks like a loader that it starts
EARLY, EARLY_PATIENCE = ("dhcp-discover", "dhcp-ack", "loader", "kernel"), 4
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """One boot that got ready, as a test asks about it."""

    board: Board
    outcome: Outcome
    cycles: int = 1  # how often the power was switched on until it did

    def reached(self, *names: str) -> list[str]:
        """Those of `names` that came, in the order in which they came."""
        return [m.name for m in self.outcome.timeline.milestones if m.name in names]

    @property
    def console(self) -> str:
        return self.board.console.transcript.text_since(self.outcome.timeline.t0_ns)

    @property
    def clients(self) -> list[tuple[str, str]]:
        """Firmware and architecture of each DISCOVER, as the service classified it; repeated ones once."""
        found = [(e.firmware, e.arch) for e in self._events(DhcpReceived) if e.message == "DISCOVER"]
        return list(dict.fromkeys(found))

    @property
    def bootfiles(self) -> list[str]:
        """What each ACK told it to load."""
        return [e.bootfile for e in self._events(DhcpSent) if e.message == "ACK"]

    @property
    def address(self) -> str:
        """The address that it got."""
        return next(e.ip for e in self._events(DhcpSent) if e.message == "ACK")

    @property
    def granted(self) -> list[str]:
        """The addresses in our answers, each once."""
        found = [e.ip for e in self._events(DhcpSent) if e.ip != "0.0.0.0"]
        return list(dict.fromkeys(found))

    def files(self, protocol: str) -> list[str]:
        """The files that came whole over `protocol`, in order, without their folders."""
        ended = [e for e in self._events(TransferEnded) if e.protocol == protocol]
        whole = [e for e in ended if _whole(e)]
        return list(dict.fromkeys(e.name.rpartition("/")[2] for e in whole))

    @property
    def refused(self) -> list[str]:
        """Names that it asked for in vain."""
        return [e.name for e in self._events(TransferRefused)]

    def _events(self, kind: type) -> list[Any]:
        return [e for e in self.outcome.events if isinstance(e, kind)]


def _whole(ended: TransferEnded) -> bool:
    """Also where the ACK of the last window alone was lost: GRUB and U-Boot close their port at once."""
    return ended.outcome == "unacknowledged" or (ended.outcome == "complete" and ended.sent == ended.size)


class Matrix:
    """The site of the matrix, brought up once with HTTP and (when first asked for) once without."""

    def __init__(self, site: Site, impairment: Impairment | None, packets: Path) -> None:
        """`packets` is the folder for what is recorded of boots on a bad cable."""
        self.site = site
        self.impairment = impairment
        self.packets = packets
        self._sessions: dict[bool, LabSession] = {}
        self._bad: set[str] = set()  # places whose cable was made bad in this session

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self._bad.clear()

    def session(self, *, http: bool = True) -> LabSession:
        """The lab, with a boot service that serves HTTP, or does not. One at a time: real boards have one."""
        if http not in self._sessions:
            self.close()
            service = self.site.service if http else replace(self.site.service, http=None)
            self._sessions[http] = LabSession(replace(self.site, service=service))
        return self._sessions[http]

    def board(self, place: str, *, http: bool = True) -> Board:
        if self.site.place(place) is None:
            pytest.skip(f"the site of the matrix has no place {place}")
        board = self.session(http=http).board(place)
        options = getattr(board.power, "options", None)
        if options is not None:
            try:
                options.check()
            except InfrastructureError as exc:
                pytest.skip(str(exc))
        return board

    @contextlib.contextmanager
    def with_options(self, place: str, **options: Any) -> Iterator[None]:
        """Boots of an emulated place inside have these options of QEMU."""
        board = self.board(place)
        if not board.emulated:
            pytest.skip("changes an emulated machine")
        power: Any = board.power
        before = power.options
        board.power_off()
        power.options = replace(before, **options)
        try:
            yield
        finally:
            power.options = before

    def boot(
        self,
        place: str,
        *,
        image: Callable[[str, str], Image] = small_linux,
        http: bool = True,
        drive: Callable[[Board], None] | None = None,
        impairment: Impairment | None = None,
        patience: float = 1,
        cycles: int = 1,
        observers: tuple[Observer, ...] = (),
        **changes: Any,
    ) -> Seen:
        """Boot `image`, its plan changed by `changes`, and demand that it gets ready.

        `patience` multiplies the deadlines. `cycles`: how often the power may be switched on until it does.
        """
        board = self.board(place, http=http)
        session = self.session(http=http)
        made = image(board.board_type.console_args, board.board_type.arch)
        made = replace(made, plan=replace(made.plan, **changes))
        board.power_off()
        self._impair(session, board, impairment or self.impairment)
        session.assign(board.place, made.plan)
        service = session.service(board.place)
        if impairment or self.impairment:
            patience *= PATIENCE
        for cycle in range(1, cycles + 1):
            if cycle > 1 and self.impairment:  # the same seed would lose the same packets
                self._impair(session, board, replace(self.impairment, seed=self.impairment.seed + cycle))
            attempt = Attempt(board, service, _patient(made, board, patience), drive, observers)
            packets = self.packets / f"{place}-{cycle}.pcapng"
            try:
                with self._own_tries(board), self._recording(session, board, packets):
                    outcome = attempt.run()
            finally:
                board.power_off()
            if outcome.failure is None:
                return Seen(board, outcome, cycle)
            said = board.console.transcript.text_since(outcome.timeline.t0_ns)[-800:]
            failure = with_packets(outcome.failure, packets, board.place.mac) if packets.exists() else ""
            logger.warning("%s: power cycle %d of %d: %s\n%s", place, cycle, cycles, failure, said)
        pytest.fail(f"{outcome.failure}\n{session.service_log[-3000:]}")

    def _recording(
        self, session: LabSession, board: Board, path: Path
    ) -> contextlib.AbstractContextManager[object]:
        """On a bad cable the packets are kept, to see whose silence ended a boot."""
        if self.impairment is None:
            return contextlib.nullcontext()
        place = board.place
        logger.info("%s: packets are in %s", place.name, path)
        comment = f"{place.name} over a bad cable"
        return recording(session.sandbox, session.interface(place), place.mac, path, comment)

    def _own_tries(self, board: Board) -> contextlib.AbstractContextManager[None]:
        """On a bad cable a script that says that it cannot boot, and tries again, is not at its end."""
        if self.impairment is None:
            return contextlib.nullcontext()
        return board.console.expecting("cannot-boot")

    def _impair(self, session: LabSession, board: Board, impairment: Impairment | None) -> None:
        if session.sandbox is None or not board.emulated:
            if impairment is not None:
                pytest.skip("only an emulated place has a cable that we can make bad")
        elif impairment is not None or board.place.name in self._bad:
            self._bad.add(board.place.name)
            session.sandbox.impair(board.place.name, impairment)


def _patient(image: Image, board: Board, factor: float) -> Image:
    deadlines = {**board.board_type.deadlines, **image.deadlines}
    # What comes before the first large file does not take longer the longer one waits: firmware gives up
    factors = {name: min(factor, EARLY_PATIENCE) for name in EARLY}
    made = {name: factors.get(name, factor) * seconds for name, seconds in deadlines.items()}
    return replace(image, deadlines=made)


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    words = pytestconfig.getoption("lab_impair")
    try:
        impairment = Impairment.of_words(words.split(",")) if words else None
    except (ValueError, KeyError) as exc:
        raise pytest.UsageError(f"--lab-impair {words}: {exc}") from exc
    try:
        site = load_site(Path(pytestconfig.getoption("lab_matrix") or MATRIX))
    except LabError as exc:
        raise pytest.UsageError(str(exc)) from exc
    made = Matrix(site, impairment, tmp_path_factory.mktemp("packets"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxied(matrix: Matrix) -> Iterator[Matrix]:
    """The matrix once more, with a boot service that gives no addresses: something else must do that."""
    matrix.close()  # it comes up again by itself
    dhcp = replace(matrix.site.service.dhcp[0], mode=DhcpMode.PROXY, subnets=())
    site = replace(matrix.site, service=replace(matrix.site.service, dhcp=(dhcp,)))
    made = Matrix(site, matrix.impairment, matrix.packets)
    yield made
    made.close()


@pytest.fixture
def beside(request: pytest.FixtureRequest, proxied: Matrix) -> Iterator[Matrix]:
    """The matrix with dnsmasq as its DHCP server; options of its own are the parameter."""
    program = shutil.which("dnsmasq") or pytest.skip("dnsmasq is not here: apt-get install dnsmasq-base")
    if not proxied.board("bios").emulated:
        pytest.skip("dnsmasq serves the network of emulated places")
    sandbox = proxied.session().sandbox
    argv = [sys.executable, "-m", "lab.testing.plugged", f"{sandbox.bridge},{DNSMASQ}", program]
    argv += ["--no-daemon", "--port=0", "--conf-file=/dev/null", "--user=root", "--no-ping", "--leasefile-ro"]
    argv += ["--interface=eth0", "--bind-interfaces", "--dhcp-range=10.99.0.200,10.99.0.220,1h"]
    log = sandbox.runtime_dir / "dnsmasq.log"
    with log.open("wb") as file:
        process = sandbox.spawn([*argv, *getattr(request, "param", ())], stdout=file, stderr=file)
    yield proxied
    assert process.poll() is None, log.read_text(errors="replace")
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def ipxe_arm64() -> Asset:
    """iPXE for arm64, which Debian 12 has not."""
    try:
        return Asset("ipxe-arm64.efi", file_of(*IPXE_ARM64))
    except InfrastructureError as exc:
        pytest.skip(str(exc))
