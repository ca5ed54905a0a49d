"""What the plugin keeps for a session of pytest: in `config.stash`, never in globals."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.config import Site, load_site
from lab.config.default import default_site
from lab.errors import LabError
from lab.model import Failure


@dataclass
class LabState:
    """`broken` holds, for each place that broke, the first cause: later tests on it are skipped with that."""

    site: Site
    results: Path
    boots: int
    wanted: tuple[str, ...]
    pcap: bool = True
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
