"""What the plugin keeps for a session of pytest: in `config.stash`, never in globals."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.config import Site, load_board_type, load_site
from lab.config.default import default_site
from lab.errors import LabError
from lab.images import IMAGES, Image, image_of_plan
from lab.model import Failure


@dataclass
class LabState:
    """`broken` holds, for each place that broke, the first cause: later tests on it are skipped with that."""

    site: Site
    results: Path
    boots: int
    wanted: tuple[str, ...]
    pcap: bool = True
    suite: str = ""  # in the records, where it is not the suite's own
    night: str = ""
    broken: dict[str, Failure] = field(default_factory=dict)
    runs: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # for the summary, before the reports of `runs`

    @property
    def places(self) -> list[str]:
        """Names of the places that tests run on."""
        return list(self.wanted) or [place.name for place in self.site.places]


_STATE = pytest.StashKey[LabState]()


def lab_state(config: pytest.Config) -> LabState:
    """The state of this session, made at first use. Raises UsageError for a faulty site file or option."""
    if _STATE not in config.stash:
        config.stash[_STATE] = _make(config)
    return config.stash[_STATE]


def known_state(config: pytest.Config) -> LabState | None:
    """The state, where any test asked for it."""
    return config.stash.get(_STATE, None)


def _make(config: pytest.Config) -> LabState:
    chosen = config.getoption("lab_config") or config.getini("lab_config")
    try:
        site = load_site(Path(chosen)) if chosen else default_site()
    except LabError as error:
        raise pytest.UsageError(str(error)) from error
    wanted = tuple(config.getoption("lab_place") or ())
    names = [place.name for place in site.places]
    for name in wanted:
        if name not in names:
            raise pytest.UsageError(
                f"--lab-place {name}: places of the site are {', '.join(names) or 'none'}"
            )
    results = config.getoption("lab_results") or config.getini("lab_results") or config.rootpath / "results"
    return LabState(
        site=site,
        results=Path(results),
        boots=_boots(config),
        wanted=wanted,
        pcap=not config.getoption("lab_no_pcap"),
        suite=config.getoption("lab_suite"),
        night=config.getoption("lab_night"),
    )


def _boots(config: pytest.Config) -> int:
    chosen = config.getoption("lab_boots") or config.getini("lab_boots") or "1"
    try:
        boots = int(chosen)
    except ValueError:
        boots = 0
    if boots < 1:
        raise pytest.UsageError(f"--lab-boots {chosen}: give a number from 1 on")
    return boots


def chosen_image(config: pytest.Config, site: Site, board: str) -> Image:
    """The image that the options name, for boards of the type `board`. Raises pytest.UsageError."""
    name, plan_name = config.getoption("lab_image") or "small-linux", config.getoption("lab_plan")
    if plan_name is None:
        if name not in IMAGES:
            raise pytest.UsageError(f"--lab-image {name}: there are {', '.join(IMAGES)}; or give --lab-plan")
        board_type = load_board_type(board)
        return IMAGES[name](board_type.console_args, board_type.arch)
    plan = next((plan for plan in site.plans if plan.name == plan_name), None)
    if plan is None:
        there = ", ".join(plan.name for plan in site.plans) or "none"
        raise pytest.UsageError(f"--lab-plan {plan_name}: plans of the site are {there}")
    ready, text = config.getoption("lab_ready"), config.getoption("lab_ready_seconds")
    try:
        re.compile(ready or "(")
        seconds = float(text)
    except (re.error, ValueError) as exc:
        raise pytest.UsageError(
            f"--lab-plan wants --lab-ready REGEX, and seconds as a number: {exc}"
        ) from exc
    return image_of_plan(plan, ready, seconds, title=name)
