"""Fixtures: the site, the lab brought up, a place, its board, and boots that are measured."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lab.board import Board
from lab.config import Site
from lab.errors import UsageError
from lab.images import IMAGES, Image
from lab.measure.statistics import milestone_summaries
from lab.model import BootRecord, Cause, Failure
from lab.pytest_plugin.state import LabState, chosen_image, lab_state
from lab.report import write_report
from lab.series import Method, Series
from lab.session import LabSession


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    """The site: from --lab-config, or the one emulated board that needs no file."""
    return lab_state(pytestconfig).site


@pytest.fixture(scope="session")
def lab(site: Site) -> Iterator[LabSession]:
    """The lab brought up, for all tests of the session; nothing of it is left afterwards."""
    with LabSession(site) as session:
        yield session


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest) -> str:
    """The name of the place that this test runs on."""
    return str(request.param)


@pytest.fixture
def board(lab: LabSession, place: str, pytestconfig: pytest.Config) -> Iterator[Board]:
    """The place's board, powered off before and after the test."""
    failure = lab_state(pytestconfig).broken.get(place)
    if failure is not None:
        pytest.skip(f"place {place} broke earlier: {failure.cause}: {failure.sentence}")
    handle = lab.board(place)
    handle.power_off()
    yield handle
    handle.power_off()


@pytest.fixture
def boots(pytestconfig: pytest.Config) -> int:
    """How many boots a measuring test does (--lab-boots)."""
    return lab_state(pytestconfig).boots


@pytest.fixture
def image(lab: LabSession, place: str, pytestconfig: pytest.Config) -> Image:
    """The image that --lab-image names, for the test's place: what a matrix lets its suites boot."""
    return chosen_image(pytestconfig, lab_state(pytestconfig).site, lab.place(place).board_type)


@dataclass(frozen=True)
class Booter:
    """Boots the test's board; `boot(image, ...)` demands that it gets ready, `attempt` does not."""

    session: LabSession
    board: Board
    state: LabState
    record_property: Callable[[str, object], None]

    def __call__(
        self, image: str | Image, method: Method = Method.FIRMWARE, *, boots: int | None = None
    ) -> list[BootRecord]:
        """Boot N times (default --lab-boots), record, and fail the test where a boot does not get ready.

        The place is broken then, and the following tests on it are skipped with the cause.
        """
        records = self.attempt(image, method, boots=boots)
        failed = next((record.failure for record in records if record.failure is not None), None)
        if failed is not None:
            self.state.broken.setdefault(self.board.place.name, failed)
            pytest.fail(_story(failed), pytrace=False)
        return records

    def attempt(
        self,
        image: str | Image,
        method: Method = Method.FIRMWARE,
        *,
        boots: int | None = None,
        assign: bool = True,
    ) -> list[BootRecord]:
        """The same, but a boot that fails is a record like any other."""
        series = Series(
            session=self.session,
            place=self.board.place.name,
            image=self._image(image),
            method=method,
            boots=boots or self.state.boots,
            results=self.state.results,
            assign=assign,
            pcap=self.state.pcap,
            suite=self.state.suite or "boot",
            night=self.state.night,
        )
        folder, records = series.run()
        self.state.runs.append(folder)
        write_report(folder)
        self._note(records)
        return records

    def _image(self, image: str | Image) -> Image:
        if isinstance(image, Image):
            return image
        if image not in IMAGES:
            raise UsageError(f"there is no image {image!r}; there are {', '.join(IMAGES)}")
        board_type = self.board.board_type
        return IMAGES[image](board_type.console_args, board_type.arch)

    def _note(self, records: list[BootRecord]) -> None:
        """Figures into the JUnit report: seconds to each milestone, with N, MAD and p95 where N allows."""
        for name, summary in milestone_summaries(records).items():
            self.record_property(f"{name}.n", summary.n)
            for figure in ("median", "mad", "p95"):
                value = getattr(summary, figure)
                if value is not None:
                    self.record_property(f"{name}.{figure}_s", round(value, 4))


@pytest.fixture
def boot(
    lab: LabSession,
    board: Board,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> Booter:
    """Boots the board and measures; see Booter."""
    return Booter(lab, board, lab_state(pytestconfig), record_property)


def _story(failure: Failure) -> str:
    evidence = "".join(f"\n  {line}" for line in failure.evidence)
    return f"{failure.cause}: {failure.sentence}{evidence}"


__all__ = ["Booter", "Cause", "Method"]
