import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.main import exit_code
from lab.cli.results import results as command
from lab.errors import UsageError
from lab.testing.results import boot_record, run_info, write_run, write_runs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BOOTLAB_INDEX", raising=False)
    return tmp_path / "results"


def run(folder: Path, *words: str, index: str = ""):
    more = ["--index", index] if index else []
    return CliRunner().invoke(command, [*words, "--results", str(folder), *more], standalone_mode=False)


def test_runs_are_listed_and_chosen(folder):
    write_runs(folder, 3, 2)
    info = run_info(9, night="n1", image="other", complete=False)
    write_run(folder, info, [boot_record(info, 0, failed=True)])
    lines = run(folder, "list").output.splitlines()
    assert len(lines) == 5
    assert lines[-1].split()[:6] == [info.run_id, "qemu1", "other", "boot", "n1", "0/1,"]
    assert len(run(folder, "list", "-n", "2").output.splitlines()) == 3
    found = json.loads(run(folder, "list", "--night", "n1", "--json").output)
    assert [(row["run_id"], row["ready"], row["recorded"]) for row in found] == [(info.run_id, 0, 1)]
    assert run(folder, "list", "--image", "none").output == "no run is so\n"
    assert run(folder / "other", "list").output == "no runs yet\n"


def test_the_index_lies_beside_the_runs_and_is_made_again(folder):
    write_runs(folder, 2, 3)
    assert run(folder, "index").output == "2 new, 0 changed, 0 as before; 6 boots read\n"
    assert run(folder, "index").output == "0 new, 0 changed, 2 as before; 0 boots read\n"
    (folder / "index.sqlite").write_bytes(b"x" * 5000)
    done = run(folder, "index")
    assert exit_code(done.exception) == 4
    assert "`bootlab results index --rebuild` makes it again" in str(done.exception)
    assert json.loads(run(folder, "index", "--rebuild", "--json").output)["new"] == 2


def test_a_database_that_is_away_is_a_warning_and_the_answer_comes(folder, tmp_path):
    write_runs(folder, 2, 1)
    done = run(folder, "list", "--json", index=f"postgresql://me:secret@/x?host={tmp_path}")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 2
    assert done.stderr.startswith("bootlab: the index postgresql+psycopg://me:***@/x")


def test_what_is_damaged_is_named_and_the_rest_is_listed(folder):
    folders = write_runs(folder, 3, 1)
    (folders[0] / "boots.jsonl").write_text('{"schema": 9}\n')
    done = run(folder, "list", "--json")
    assert len(json.loads(done.stdout)) == 2
    assert f"{folders[0]}/boots.jsonl:1: schema 9 is not known" in done.stderr
    assert run(folder, "index").return_value == 1


def test_check_reads_everything(folder):
    folders = write_runs(folder, 3, 2)
    assert run(folder, "check").output == "3 runs, 6 boots; 0 damaged\n"
    text = (folders[1] / "boots.jsonl").read_text()
    (folders[1] / "boots.jsonl").write_text(text.replace(folders[1].name, "\\u001b[2J", 1))
    with (folders[2] / "boots.jsonl").open("a") as file:
        file.write("half")
    done = run(folder, "check")
    assert done.return_value == 1
    assert "boot 1 is of run " in done.output
    assert "\x1b" not in done.output
    assert "mind: boots.jsonl: the last line was cut off" in done.output
    assert done.output.endswith("3 runs, 6 boots; 1 damaged\n")
    assert run(folder, "check", folders[0].name).return_value == 0
    assert json.loads(run(folder, "check", folders[0].name, "--json").output)[folders[0].name]["faults"] == []
    assert isinstance(run(folder, "check", "nothing").exception, UsageError)


def test_runs_of_another_host(folder, tmp_path):
    (theirs,) = write_runs(tmp_path / "theirs", 1, 2)
    assert run(folder, "import", str(tmp_path / "theirs")).output == (
        "1 new, 0 longer than before, 0 here already\n"
    )
    assert (folder / theirs.parent.name / theirs.name / "trace.json").is_file(), (
        "what is derived is made here"
    )
    (theirs / "boots.jsonl").write_text("")
    done = run(folder, "import", str(tmp_path / "theirs"), "--json")
    assert done.return_value == 1
    assert "another run of this id is here already" in json.loads(done.stdout)["refused"][0]


@pytest.mark.parametrize("kind", ["junit", "json", "csv", "openmetrics", "trace", "waterfall", "trend"])
def test_exports(folder, tmp_path, kind):
    write_runs(folder, 2, 2, night="n1")
    made = tmp_path / "made"
    assert run(folder, "export", "latest", "--format", kind, "-o", str(made)).output == f"{made}\n"
    assert made.read_text() == run(folder, "export", "latest", "--format", kind).output


def test_exports_of_a_night(folder):
    write_runs(folder, 2, 2, night="n1")
    found = json.loads(run(folder, "export", "--night", "n1", "--format", "json").output)
    assert len(found["runs"]) == 2
    for words, sentence in (
        (("--night", "n2", "--format", "json"), "is of night n2"),
        (("x", "--night", "n1", "--format", "json"), "name runs, or a night"),
        (("latest", "--format", "trend", "--stage", "x"), "--stage x: there are stage/"),
        (("nothing", "--format", "json"), "no run is called 'nothing'"),
    ):
        done = run(folder, "export", *words)
        assert isinstance(done.exception, UsageError)
        assert sentence in str(done.exception)


def test_the_program_itself_loads_no_database_for_its_help():
    """numpy, scipy and SQLAlchemy cost most of a second: only commands that use them pay."""
    script = (
        "import sys, lab.cli.main; print([m for m in ('sqlalchemy', 'scipy', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
