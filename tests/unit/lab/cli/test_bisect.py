import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.bisect import bisect
from lab.errors import UsageError


def run(results: Path, *words: str):
    return CliRunner().invoke(bisect, [*words, "--results", str(results)], standalone_mode=False)


@pytest.fixture
def command(tmp_path) -> str:
    program = tmp_path / "boot.py"
    program.write_text("import sys\nprint(10 + (int(sys.argv[1]) >= 3))\nsys.exit(int(sys.argv[1]) >= 3)\n")
    return f"{sys.executable} {program} {{}}"


VERSIONS = ("1", "2", "3", "4", "5")


def test_it_says_what_it_found_and_how_sure(tmp_path, command):
    done = run(tmp_path, *VERSIONS, "--run", command)
    assert done.return_value == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["version", "good", "bad", "median,", "s", "first", "bad"]
    assert lines[-2].startswith("the first bad version is 3, 99.")
    journal = Path(lines[-1].removeprefix("journal: "))
    assert journal.parent == tmp_path / "bisects"
    again = run(tmp_path, *VERSIONS, "--run", command)
    assert "going on with" in again.stderr
    assert again.stdout == done.stdout


def test_a_search_by_time(tmp_path):
    program = tmp_path / "boot.py"
    program.write_text("import sys\nprint(10 + (int(sys.argv[1]) >= 3))\n")
    words = ("--run", f"{sys.executable} {program} {{}}", "--time", "--limit", "10.5", "--json")
    found = json.loads(run(tmp_path, *VERSIONS, *words).stdout)
    assert found["candidates"] == ["3"]
    assert found["sure"] >= 0.99
    assert {tally["version"]: tally["median"] for tally in found["tallies"]}["3"] == 11.0


def test_no_more_boots_than_allowed_is_exit_code_1(tmp_path, command):
    done = run(tmp_path, *VERSIONS, "--run", command, "--most", "3")
    assert done.return_value == 1
    assert "not decided: no more boots are allowed" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a", "b"), "--run COMMAND, or --place PLACE"),
        (("a", "b", "--run", "x {}", "--place", "p"), "--run COMMAND, or --place PLACE"),
        (("a", "b", "--run", "x {}", "--limit", "3"), "say --time, too"),
        (("a", "--run", "x {}"), "two versions"),
        (("a", "b", "--run", "x"), r"write \{\} where it goes"),
        (("a", "b", "--run", "x '{}"), "No closing quotation"),
        (("a", "b", "--place", "qemu1"), "there is no image a, b; there are"),
        (("a", "b", "--place", "qemu1", "--as", "kernel"), "these are no files: a, b"),
        (("a", "b", "--place", "nowhere"), "there is no place 'nowhere'"),
        (("small-linux", "initrd-shell", "--place", "qemu1", "--time", "--stage", "x"), "write it like"),
    ],
)
def test_what_makes_no_search(tmp_path, words, message):
    with pytest.raises(UsageError, match=message):
        raise run(tmp_path, *words).exception
    assert not (tmp_path / "bisects").exists(), "nothing is left of a search that never began"
