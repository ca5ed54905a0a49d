"""`bootlab claims`: the catalogue, sheets side by side, one claim, and what is wrong with the question."""

import json

import pytest
from click.testing import CliRunner

from lab.claims.model import Finding, Value, Verdict
from lab.claims.notebook import Notebook
from lab.cli.claims import claims
from lab.errors import UsageError

FOUND = Finding(
    claim="C09",
    verdict=Verdict.HOLDS,
    sentence="One call\x1b[31m",
    values=(Value("until the node tells", 0.5, "s"), Value("until the server is asked", 0.6, "s")),
    method="a test",
    evidence=("a query", "another"),
)


def run(*argv):
    return CliRunner().invoke(claims, argv, catch_exceptions=False, env={"COLUMNS": "160"})


@pytest.fixture
def results(tmp_path):
    for system in ("refos", "debian"):
        book = Notebook(system, system.title(), "a test", emulated=True)
        book.add(FOUND)
        book.write(tmp_path)
    return str(tmp_path)


def test_all_claims_and_sheets_are_listed(results):
    told = run("list", "--results", results).output
    assert "C01  Few programs" in told
    assert told.count("1 claims") == 2
    assert len(json.loads(run("list", "--json", "--results", results).output)["claims"]) == 20


def test_sheets_are_shown_side_by_side(results):
    told = run("show", "--results", results).output
    assert "Refos" in told
    assert "Debian" in told
    assert "\x1b[31m" not in told
    found = json.loads(run("show", "refos", "--json", "--results", results).output)
    assert [sheet["system"] for sheet in found] == ["refos"]


def test_one_claim_is_shown_with_its_numbers_a_line_each(results):
    lines = run("show", "refos", "--claim", "c09", "--results", results).output.splitlines()
    assert any("until the node tells: 0.5 s" in line and "asked" not in line for line in lines)
    assert any("another" in line for line in lines)


def test_a_page_is_written(results, tmp_path):
    done = run("show", "--html", str(tmp_path / "c.html"), "--results", results)
    assert done.output.strip() == str(tmp_path / "c.html")
    assert "What the claims come to" in (tmp_path / "c.html").read_text()


@pytest.mark.parametrize(
    ("argv", "said"), [(("show", "--claim", "C99"), "C01 to C20"), (("show", "talos"), "is no sheet")]
)
def test_what_is_not_there_is_said(results, argv, said):
    with pytest.raises(UsageError, match=said):
        run(*argv, "--results", results)


def test_without_a_sheet_one_is_told_how_to_make_one(tmp_path):
    with pytest.raises(UsageError, match="bootlab test claims"):
        run("show", "--results", str(tmp_path))
