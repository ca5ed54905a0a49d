"""The table of systems and boards: in the terminal, as JSON, and in docs/systems.md."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lab.cli.systems import systems
from lab.config.boards import board_type_files
from lab.errors import UsageError
from lab.registry import SYSTEM
from lab.systems.interface import Ability, Level
from lab.systems.table import markdown, system_table

PAGE = Path(__file__).parents[4] / "docs" / "systems.md"


def run(*argv):
    return CliRunner().invoke(systems, argv, catch_exceptions=False, env={"COLUMNS": "200"})


def test_the_page_has_what_the_systems_say():
    text = markdown(system_table())
    assert text in PAGE.read_text(), "bootlab systems --markdown prints the tables of docs/systems.md"


def test_every_system_says_something_of_every_board_with_a_reason():
    table = system_table()
    assert [row.name for row in table.systems] == list(SYSTEM)
    for row in table.systems:
        assert set(row.boards) == set(board_type_files())
        assert all(found.reason for found in row.boards.values())
        assert set(row.cannot) <= {str(ability) for ability in Ability}


def test_one_board_is_told_with_its_reason():
    done = run("--board", "pine64-a64", "--system", "flatcar")
    assert done.exit_code == 0
    assert "expected not to boot" in done.output
    assert "ARCH_SUNXI" in done.output


def test_json_is_the_whole_table():
    found = json.loads(run("--json").output)
    flatcar = next(row for row in found["systems"] if row["name"] == "flatcar")
    assert flatcar["boards"]["pine64-a64"]["level"] == Level.NOT_EXPECTED


@pytest.mark.parametrize("argv", [("--system", "x"), ("--board", "x")])
def test_what_is_not_there_is_named(argv):
    with pytest.raises(UsageError, match="'x'"):
        run(*argv)
