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
