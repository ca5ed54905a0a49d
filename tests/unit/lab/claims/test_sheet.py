"""Sheets: written, read back, refused where they are none; the page of several."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.claims.catalogue import CLAIMS, claim
from lab.claims.measure.config import composable, reproducible
from lab.claims.measure.enrol import configured, dns, let_in
from lab.claims.measure.fleet import Rolled, one_or_many, updated
from lab.claims.model import Finding, Value, Verdict
from lab.claims.notebook import Notebook
from lab.claims.page import write_page
from lab.claims.sheet import find_sheet, list_sheets, load_sheet
from lab.errors import UsageError
from lab.machineconfig import load, merge


def notebook(system="refos", *findings):
    book = Notebook(system, system.title(), "a test", emulated=True)
    for found in findings:
        book.add(found)
    return book


FOUND = Finding(
    claim="C05",
    verdict=Verdict.HOLDS,
    sentence="it <b>held</b>",
    values=(Value("request to ready", 52.5, "s"),),
    evidence=("a line",),
)


def test_a_sheet_is_read_back_as_it_was_written(tmp_path):
    book = notebook("refos", FOUND)
    book.leave({"C12": "no extensions", "C05": "is not left"})
    folder = book.write(tmp_path)
    sheet = load_sheet(folder)
    assert sheet.finding("C05") == FOUND
    assert sheet.finding("C12").verdict is Verdict.OPEN
    assert sheet.name == folder.name
    assert (list_sheets(tmp_path), find_sheet(tmp_path, "refos")) == ([folder], folder)
    assert find_sheet(tmp_path, folder.name[:10]) == folder == find_sheet(tmp_path, str(folder))


def test_the_newest_sheet_of_a_system_is_meant(tmp_path):
    older, newer = (notebook("refos", FOUND).write(tmp_path) for _ in range(2))
    older.rename(older.with_name(f"20200101T000000Z-refos-{older.name[-6:]}"))
    assert find_sheet(tmp_path, "refos") == newer


def test_what_is_no_sheet_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="bootlab test claims"):
        find_sheet(tmp_path, "refos")
    file = tmp_path / "claims.json"
    with pytest.raises(UsageError, match=r"there is no claims\.json"):
        load_sheet(tmp_path)
    for text, why in (
        ("{", "no sheet"),
        ("[]", "no sheet"),
        (json.dumps({"schema": 99}), "schema 99"),
        ("[" * 100_000, "no sheet"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=why):
            load_sheet(file)


@given(st.binary(max_size=300))
def test_a_sheet_may_be_any_bytes(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_bytes(data)
    with pytest.raises(UsageError):
        load_sheet(file)


def test_a_claim_is_tried_once():
    with pytest.raises(UsageError, match="twice"):
        notebook("refos", FOUND, FOUND)
    assert claim("c05").title == "A/B upgrade"
    with pytest.raises(UsageError, match="C01 to C20"):
        claim("C21")


def test_the_page_has_every_claim_and_nothing_of_a_sentence_as_markup(tmp_path):
    sheets = [notebook(name, FOUND).sheet() for name in ("one", "other")]
    text = write_page(tmp_path / "page.html", sheets).read_text()
    assert text.count("<tr>") == len(CLAIMS) + 1
    assert "it &lt;b&gt;held&lt;/b&gt;" in text
    assert "<b>held" not in text
    assert text.count("52.5 s") == 4, "a bar with its title for each"


def test_the_same_configuration_twice():
    same = reproducible("", {"a": "1"}, {"a": "1"}, "by hand")
    other = reproducible("", {"a": "1", "b": "2"}, {"a": "1"}, "by hand")
    assert (same.verdict, other.verdict) == (Verdict.HOLDS, Verdict.FAILS)
    assert "b" in other.sentence
    assert reproducible("- x", {}, {}, "by hand").verdict is Verdict.FAILS
    assert "Applied again" not in reproducible(None, {"a": "1"}, {"a": "1"}, "").sentence


def test_independent_patches_compose_and_lists_do_not():
    base = load("version: v1alpha1\nmachine:\n  type: worker\n")
    lists = tuple(
        f"apiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{{address: 10.0.0.{n}}}]\n"
        for n in (1, 2)
    )
    assert composable(merge, base, lists).verdict is Verdict.PARTLY
    assert composable(lambda one, patch: patch, base, lists).verdict is Verdict.FAILS


def test_configured_dns_and_who_is_let_in():
    assert configured(20.0, (10.0, 2.0), "").verdict is Verdict.HOLDS
    assert configured(20.0, None, "").verdict is Verdict.PARTLY
    assert configured(None, None, "").verdict is Verdict.FAILS
    assert dns(0.2, 0.3, ("1.1.1.1",), "").verdict is Verdict.HOLDS
    assert dns(0.2, None, ("1.1.1.1",), "").verdict is Verdict.PARTLY
    found = let_in({"a reader resets": (False, "let in"), "admin": (True, "let in")}, "")
    assert (found.verdict, found.sentence) == (
        Verdict.FAILS,
        "1 of 2 checks went as they should; not so: a reader resets.",
    )


def test_fleets():
    alike = [Rolled(1, 0, 0.1), Rolled(100, 0, 1.0), Rolled(1000, 0, 8.0)]
    assert one_or_many(alike, "").verdict is Verdict.HOLDS
    assert one_or_many([*alike, Rolled(10_000, 0, 1000.0)], "").verdict is Verdict.PARTLY
    assert one_or_many([Rolled(100, 1, 1.0)], "").verdict is Verdict.PARTLY
    assert updated(Rolled(60, 0, 9.0, at_once=10), 10, "").verdict is Verdict.HOLDS
    assert updated(Rolled(60, 0, 9.0, at_once=11), 10, "").verdict is Verdict.PARTLY
