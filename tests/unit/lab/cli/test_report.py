import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.report import report
from lab.errors import UsageError

FOLDER = Path(__file__).parents[3] / "data" / "run-debian-installer"
RUN_ID = "20261122T043605Z-3f9a1c"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "2026-11-22" / RUN_ID)
    return tmp_path


def run(results: Path, *arguments: str):
    return CliRunner().invoke(report, [*arguments, "--results", str(results)], catch_exceptions=True)


@pytest.mark.parametrize("name", ["latest", RUN_ID, RUN_ID[:9]])
def test_it_writes_the_page_and_says_where(results, name):
    done = run(results, name)
    assert done.exit_code == 0
    page = Path(done.output.strip())
    assert page == results / "2026-11-22" / RUN_ID / "report.html"
    assert page.is_file()


def test_figures_as_json(results):
    figures = json.loads(run(results, "--json").output)
    assert figures["schema"] == 1
    assert len(figures["boots"]) == 5
    assert figures["milestones"]["installer"]["n"] == 4
    assert figures["milestones"]["installer"]["p95"] is None
    stages = figures["stages"]
    assert stages[0]["start"] == "power-on"
    assert stages[-1]["end"] == "installer"
    assert not (results / "2026-11-22" / RUN_ID / "report.html").exists()


def test_the_list_of_runs(results):
    assert run(results, "--list").output == f"{RUN_ID}  demo  debian-installer  4/5 ready\n"
    (listed,) = json.loads(run(results, "--list", "--json").output)
    assert (listed["run_id"], listed["ready"], listed["recorded"]) == (RUN_ID, 4, 5)


def test_a_run_that_did_not_come_to_its_end_is_marked(results):
    file = results / "2026-11-22" / RUN_ID / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "complete": False}))
    assert run(results, "--list").output.endswith("4/5 ready  incomplete\n")
    assert "did not come to its end" in run(results).stderr


def test_a_run_that_is_not_there(results):
    done = run(results, "nope")
    assert isinstance(done.exception, UsageError)
    assert "no run is called 'nope'" in str(done.exception)
