"""pytest in a process of its own, with a small test file."""

import pytest

pytest_plugins = ["pytester"]

RUNS = """
from pathlib import Path

from lab.pytest_plugin.state import lab_state


def test_one(pytestconfig):
    lab_state(pytestconfig).runs.append(Path("/runs/one"))


def test_two(pytestconfig):
    lab_state(pytestconfig).runs.append(Path("/runs/two"))
"""


@pytest.mark.parametrize("parallel", [[], ["-n", "1"]])
def test_the_summary_names_the_report_of_each_run(pytester, parallel):
    pytester.makepyfile(RUNS)
    lines = pytester.runpytest_subprocess(*parallel).outlines
    assert "report: /runs/one/report.html" in lines
    assert "report: /runs/two/report.html" in lines


def test_without_runs_there_is_no_section(pytester):
    pytester.makepyfile("def test_nothing():\n    pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    assert not [line for line in result.outlines if "bootlab =" in line]


SEEDS = """
import pytest

from lab.pytest_plugin.upgrade_suite import seed_of


@pytest.mark.parametrize("number", range(4))
def test_seed(number, pytestconfig):
    with (pytestconfig.rootpath / "seeds").open("a") as file:
        print(seed_of(pytestconfig), file=file)
"""


@pytest.mark.parametrize("parallel", [[], ["-n", "2"]], ids=["one process", "two workers"])
def test_all_workers_have_the_seed_that_is_printed_once(pytester, parallel):
    pytester.makepyfile(SEEDS)
    result = pytester.runpytest_subprocess(*parallel)
    result.assert_outcomes(passed=4)
    said = [line for line in result.outlines if "power cuts of seed" in line]
    assert len(said) == 1
    seeds = (pytester.path / "seeds").read_text().split()
    assert [f"bootlab: power cuts of seed {seed}" for seed in seeds] == said * 4


def test_a_seed_that_is_given_is_taken(pytester):
    pytester.makepyfile("def test_nothing():\n    pass")
    result = pytester.runpytest_subprocess("--lab-seed", "7", "-n", "1")
    result.stdout.fnmatch_lines(["bootlab: power cuts of seed 7"])
