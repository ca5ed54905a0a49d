"""`bootlab test`: pytest over the board matrix; a suite is a set of its files with options of its own."""

import os
import subprocess
import sys
from pathlib import Path

import click

import lab
from lab.cli.results_options import results_option
from lab.errors import UsageError
from lab.upgrades.evidence import load_kept
from lab.upgrades.faults import classes_of
from lab.upgrades.system import load_system

_TESTS = Path(lab.__file__).parents[1] / "tests" / "hil"
SUITES = {
    "boards": (".",),
    "upgrades": ("test_upgrade.py", "test_rollback.py", "test_powercuts.py"),
    # Too long for `make test`, so they are not called test_*.py
    "claims": tuple(f"claims/{name}.py" for name in ("refos", "debian", "ignition", "simulated")),
}
_ONE_CUT = ("test_powercuts.py",)
_KEPT_CUT = ("replay_cut.py",)


@click.command()
@click.argument("suite", type=click.Choice(list(SUITES)), default="boards")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, exists=True, resolve_path=True), help="Site file."
)
@click.option("--place", multiple=True, metavar="NAME", help="On this place only; may be repeated.")
@results_option("Where runs are recorded.", site=True)
@click.option("--runs", type=click.IntRange(1, 1000), help="upgrades: how often each but the cuts.")
@click.option("--cuts", type=click.IntRange(0, 100_000), help="upgrades: how many power cuts.")
@click.option("--cut", type=click.IntRange(0), help="upgrades: this cut of the seed alone.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="upgrades: which cuts.")
@click.option("--lying-disk", is_flag=True, help="upgrades: a disk that says it flushed and did not.")
@click.option("--classes", metavar="A,B", help="upgrades: failure classes, or all.")
@click.option("--system", metavar="MODULE:CLASS", help="upgrades: the operating system under test.")
@click.option(
    "--replay",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    help="upgrades: a cut that was kept.",
)
@click.option(
    "--junit", type=click.Path(dir_okay=False, resolve_path=True), help="Write a JUnit file there, too."
)
@click.option("--only", "-k", metavar="WORDS", help="Tests whose name has these words (pytest's -k).")
def test(
    suite: str,
    config: Path | None,
    place: tuple[str, ...],
    results: Path | None,
    only: str | None,
    junit: str | None,
    classes: str | None,
    system: str | None,
    lying_disk: bool,
    **options: object,
) -> int:
    """Run a SUITE of tests that boot boards; the reports are named at the end.

    docs/upgrades.md has `upgrades`, docs/claims.md has `claims`.

    \b
    Examples:
      bootlab test upgrades --cuts 100 --classes all
      bootlab test upgrades --seed 7 --cut 31
      bootlab test upgrades --replay results/2026-11-22/20261122T.../cut-031
    """
    if not _TESTS.is_dir():
        raise UsageError("the tests are not here: `bootlab test` wants a checkout of bootlab, see README.md")
    classes_of(classes)
    if system is not None:
        load_system(system)
    if options["replay"]:
        load_kept(Path(str(options["replay"])))
    given = {
        "config": config,
        "results": results and results.absolute(),
        "classes": classes,
        "system": system,
        **options,
    }
    words = [
        word for name, value in given.items() if value is not None for word in (f"--lab-{name}", str(value))
    ]
    words += [word for name in place for word in ("--lab-place", name)]
    words += ["--lab-lying-disk"] if lying_disk else []
    words += ["-k", only] if only else []
    # xunit1 is the one that takes properties of tests: what a cut did is one
    words += ["-o", "junit_family=xunit1", "--junitxml", junit] if junit else []
    names = _KEPT_CUT if options["replay"] else _ONE_CUT if options["cut"] is not None else SUITES[suite]
    files = [str(_TESTS / name) for name in names]
    argv = [sys.executable, "-m", "pytest", "-v", "-m", "hil", "--timeout=3600", *words, *files]
    done = subprocess.run(argv, cwd=_TESTS.parents[1], env=_environment(), check=False)
    return _exit_code(done.returncode)


def _environment() -> dict[str, str]:
    """Ours, with a PYTHONPATH that is the same from the checkout: a system under test is found by it."""
    folders = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, folders))}


def _exit_code(status: int) -> int:
    """pytest's: 1 tests failed, 2 interrupted, 3 its own bug, 4 usage, 5 nothing to run."""
    return {0: 0, 1: 1, 2: 130, 4: 2, 5: 2}.get(status, 5)
