"""Systems as the page has them: the table, and the newest sheet of each system."""

from lab.browse.library import Library
from lab.browse.systems import systems
from lab.claims.model import Finding, Verdict
from lab.claims.notebook import Notebook
from lab.claims.page import write_page
from lab.claims.sheet import load_sheet
from lab.registry import SYSTEM


def sheet(results, system="refos"):
    book = Notebook(system, system.title(), "a test", emulated=True)
    book.add(Finding(claim="C01", verdict=Verdict.HOLDS, sentence="few"))
    book.add(Finding(claim="C02", verdict=Verdict.FAILS, sentence="not so"))
    book.leave({"C03": "was not tried"})
    return book.write(results)


def test_the_newest_sheet_of_each_system_is_told_with_its_page(tmp_path):
    older = sheet(tmp_path)
    older.rename(older.with_name("20200101T000000Z-refos-000000"))
    newest = sheet(tmp_path)
    write_page(newest / "claims.html", [load_sheet(newest)])
    told = systems(Library(tmp_path, tmp_path / "index.sqlite"))
    (found,) = told["sheets"]
    assert (found["holds"], found["tried"]) == (1, 2)
    assert found["page"] == f"claims/{newest.name}/claims.html"
    assert [row["name"] for row in told["systems"]] == list(SYSTEM)
    assert told["problems"] == []


def test_a_damaged_sheet_is_named_and_the_others_are_told(tmp_path):
    sheet(tmp_path, "debian")
    (sheet(tmp_path) / "claims.json").write_text("{")
    told = systems(Library(tmp_path, tmp_path / "index.sqlite"))
    assert [each["system"] for each in told["sheets"]] == ["debian"]
    (problem,) = told["problems"]
    assert "claims.json is no sheet of claims" in problem
