"""The fixture `upgrades`: an operating system on an emulated board, to be upgraded, broken and cut off."""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lab.config import Site
from lab.config.default import default_site
from lab.errors import UsageError
from lab.pytest_plugin.state import lab_state
from lab.upgrades.bench import Bench
from lab.upgrades.faults import classes_of
from lab.upgrades.record import SUITE
from lab.upgrades.rig import Rig
from lab.upgrades.system import load_system

GROUP = "upgrades"  # all in one process of pytest-xdist: they share a board
_SEED = "bootlab_seed"
_CHOSEN = pytest.StashKey[int]()


def add_options(parser: pytest.Parser) -> None:
    """Options of the upgrade suite."""
    group = parser.getgroup("lab-upgrades", "bootlab: upgrades, rollbacks, power cuts")
    group.addoption(
        "--lab-system",
        metavar="MODULE:CLASS",
        default="lab.upgrades.refos:Refos",
        help="the operating system under test (docs/upgrades.md); default: refos, the lab's own",
    )
    group.addoption("--lab-cuts", metavar="N", type=int, default=3, help="power cuts (default 3)")
    group.addoption("--lab-runs", metavar="N", type=int, default=1, help="how often each upgrade (default 1)")
    group.addoption("--lab-seed", metavar="N", type=int, help="which cuts; default: random, and printed")
    group.addoption(
        "--lab-lying-disk", action="store_true", help="power cuts: a disk that says it flushed and did not"
    )
    group.addoption("--lab-cut", metavar="N", type=int, help="this cut of the seed alone")
    group.addoption("--lab-classes", metavar="A,B", help="failure classes; all: every one")
    group.addoption("--lab-replay", metavar="DIR", help="a cut that was kept: boot its disk again")


def in_order(items: list[pytest.Item]) -> None:
    """Tests with `upgrades` come last: upgrade, rollback (from that upgrade), failures, cuts, their sum."""
    items.sort(key=lambda item: _turn(getattr(item, "fixturenames", ()), item.path.stem))


def _turn(fixtures: Sequence[str], file: str) -> int:
    if "upgrades" not in fixtures:
        return 0
    if "campaign" in fixtures:
        return 4 if "cut_number" in fixtures else 5
    return 3 if "failure_class" in fixtures else 2 if "rollback" in file else 1


def parametrize(metafunc: pytest.Metafunc) -> None:
    """One test for each cut and for each failure class."""
    group = pytest.mark.xdist_group(GROUP)
    option = metafunc.config.getoption
    if "cut_number" in metafunc.fixturenames:
        only = option("lab_cut")
        numbers = [only] if only is not None else range(option("lab_cuts"))
        params = [pytest.param(n, id=f"cut{n:03}", marks=group) for n in numbers]
        metafunc.parametrize("cut_number", params)
    if "failure_class" in metafunc.fixturenames:
        found = classes_of(option("lab_classes"))
        metafunc.parametrize("failure_class", [pytest.param(c, id=c.name, marks=group) for c in found])


def seed_of(config: pytest.Config) -> int:
    """The seed of the power cuts: of the whole session, whichever worker of pytest-xdist asks."""
    if _CHOSEN not in config.stash:
        given = config.getoption("lab_seed")
        told: dict[str, int] = getattr(config, "workerinput", {})
        config.stash[_CHOSEN] = (
            told[_SEED] if _SEED in told else secrets.randbelow(2**32) if given is None else given
        )
    return config.stash[_CHOSEN]


def tell_worker(node: Any) -> None:
    """Have a worker of pytest-xdist take the seed that was drawn here."""
    node.workerinput[_SEED] = seed_of(node.config)


def check(config: pytest.Config) -> None:
    """Raise pytest.UsageError for an option of ours that cannot be."""
    try:
        classes_of(config.getoption("lab_classes"))
    except UsageError as error:
        raise pytest.UsageError(f"--lab-classes: {error}") from error


@pytest.fixture(scope="session")
def upgrades(
    site: Site, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """The system on the first emulated place of the site, and what can be done to it.

    Where no site file was given, on the board that the system is for.
    """
    state = lab_state(pytestconfig)
    system = load_system(pytestconfig.getoption("lab_system"))
    if not (pytestconfig.getoption("lab_config") or pytestconfig.getini("lab_config")):
        site = default_site(board_type=system.board)
    emulated = [p.name for p in site.places if p.power.kind == "qemu" and p.name in state.places]
    if not emulated:
        pytest.skip("power cuts need an emulated board: only its disk can lose its write cache")
    lying = pytestconfig.getoption("lab_lying_disk")
    with Rig(site, emulated[0], system, tmp_path_factory.mktemp("disk"), lying_disk=lying) as rig:
        suite = state.suite or SUITE
        bench = Bench(rig, state.results, seed_of(pytestconfig), suite=suite, night=state.night)
        yield bench
        state.notes.extend(bench.tables())
    state.runs.extend(bench.runs)


@pytest.fixture
def upgrade_runs(pytestconfig: pytest.Config) -> int:
    """How often each upgrade, rollback and failure class is to be run."""
    return int(pytestconfig.getoption("lab_runs"))
