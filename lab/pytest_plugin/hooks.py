"""Hooks: options, one test per place, and who is to blame for a failure."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from lab.errors import InfrastructureError
from lab.pytest_plugin import upgrade_suite
from lab.pytest_plugin.state import known_state, lab_state
from pxe.errors import ServiceError

_RUNS, _NOTES = "bootlab_runs", "bootlab_notes"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini settings."""
    group = parser.getgroup("lab", "bootlab: boards")
    group.addoption(
        "--lab-config", metavar="FILE", help="site file (default: one emulated board, no file needed)"
    )
    group.addoption(
        "--lab-place", action="append", metavar="NAME", help="run on this place only; may be repeated"
    )
    group.addoption("--lab-boots", metavar="N", help="boots per measuring test (default 1)")
    group.addoption("--lab-results", metavar="DIR", help="where runs are recorded (default: results/)")
    group.addoption(
        "--lab-matrix", metavar="FILE", help="site file of the firmware matrix (default: emulated boards)"
    )
    group.addoption(
        "--lab-impair",
        metavar="FAULTS",
        help="bad cables for the firmware matrix, such as loss=0.2,duplicate=0.01,seed=3 (emulated only)",
    )
    group.addoption(
        "--lab-image", metavar="NAME", help="what the fixture `image` boots (default small-linux)"
    )
    group.addoption("--lab-plan", metavar="PLAN", help="the plan of the site file that this image is")
    group.addoption("--lab-ready", metavar="REGEX", help="with a plan: the console line that says it is up")
    group.addoption("--lab-ready-seconds", metavar="S", default="120", help="the longest time to that line")
    group.addoption("--lab-suite", metavar="NAME", default="", help="the suite's name in the records")
    group.addoption("--lab-night", metavar="ID", default="", help="the night's name in the records")
    group.addoption("--lab-no-pcap", action="store_true", help="do not record the packets of each boot")
    upgrade_suite.add_options(parser)
    parser.addini("lab_config", "site file")
    parser.addini("lab_boots", "boots per measuring test")
    parser.addini("lab_results", "where runs are recorded")


def pytest_configure(config: pytest.Config) -> None:
    """Announce the mark that keeps a place's tests together under pytest-xdist."""
    upgrade_suite.check(config)
    config.addinivalue_line("markers", "xdist_group(name): tests of one place run one after the other")


def pytest_report_header(config: pytest.Config) -> str:
    """The seed comes first: it is known even where the run never ends."""
    return f"bootlab: power cuts of seed {upgrade_suite.seed_of(config)}"


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_configure_node(node: Any) -> None:
    """Tell a worker before it starts what is the same for all."""
    upgrade_suite.tell_worker(node)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses `place` (or `board`, `boot`, which do) runs once for each place."""
    upgrade_suite.parametrize(metafunc)
    if "place" in metafunc.fixturenames:
        names = lab_state(metafunc.config).places
        params = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in names]
        metafunc.parametrize("place", params, ids=names, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that leave a node as the next one needs it follow each other."""
    upgrade_suite.in_order(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The lab's own equipment failing is an error of the lab, never a failed test of the board."""
    report = yield
    if call.when == "call" and call.excinfo is not None:
        error = call.excinfo.value
        if isinstance(error, InfrastructureError | ServiceError):
            report.when = "setup"  # pytest counts a failed setup as an error
            report.longrepr = f"error of the lab: {error}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under pytest-xdist: tell the process that prints the summary of this worker's runs."""
    state = known_state(session.config)
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if state is not None and output is not None:
        output[_RUNS] = [str(folder) for folder in state.runs]
        output[_NOTES] = list(state.notes)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Note the runs of a worker that is through."""
    output: dict[str, list[str]] = getattr(node, "workeroutput", {})  # none where it was killed
    if told := output.get(_RUNS):
        lab_state(node.config).runs.extend(map(Path, told))
        lab_state(node.config).notes.extend(output[_NOTES])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the reports are."""
    state = known_state(config)
    if state is not None and state.runs:
        terminalreporter.section("bootlab")
        for note in state.notes:
            terminalreporter.write_line(note)
        for folder in state.runs:
            terminalreporter.write_line(f"report: {folder / 'report.html'}")
